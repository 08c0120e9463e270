"""The page of an overlap: each shared pair side by side, the training row left and the test row right.

Whether two pictures are the same one is for a person to see. The page holds no script, carries its media itself and
loads nothing, like the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.core.atomic import write_text
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.overlap.summary import OverlapSummary, read_summary
from mmcheck.report.media_embed import MAX_MEDIA_BYTES, MediaBudget
from mmcheck.report.page import asset, render_page
from mmcheck.report.shown_rows import ShownRow, load_rows
from mmcheck.report.shown_text import format_count, show_plain
from mmcheck.store.run_folder import RunFolder, read_part

PACKAGE = "mmcheck.overlap"
PAGE_NAME = "overlap.html"
TITLES = {**{kind.name: kind.medium_noun.capitalize() for kind in PAIR_KINDS}, "text": "Text", "pair": "Whole pair"}
"""What a kind is called on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOverlap:
    """Two rows that share something, as the page shows them."""

    train: ShownRow
    """The row of the training set."""
    test: ShownRow
    """The row of the test set."""
    what: tuple[tuple[str, str], ...]
    """What they share and how: ("Image", "nearly, 0.981")."""
    is_exact: bool
    """Whether everything named is shared exactly."""


def write_overlap_page(out: Path, train: RunFolder, test: RunFolder) -> Path:
    """Write ``overlap.html`` into the folder of a comparison, whole or not at all, and return its path.

    Args:
        out: The folder that ``overlap_runs`` wrote.
        train: The run of the training set.
        test: The run of the test set.

    Raises:
        RunError: If a part of a run or of the comparison is missing or damaged.
        OutputError: If the page cannot be written.
    """
    path = out / PAGE_NAME
    write_text(path, build_overlap_page(out, train, test))
    return path


def build_overlap_page(out: Path, train: RunFolder, test: RunFolder) -> str:
    """Return the page of a comparison as one HTML text without a link to anything outside it.

    Raises:
        RunError: If a part of a run or of the comparison is missing or damaged.
        OutputError: If the comparison has no summary, or a damaged one.
    """
    summary = read_summary(out)
    config = train.config()
    table = read_part(out / "overlaps.parquet")
    chosen = _choose(table, config.report.max_rows, summary.by)
    budgets = [MediaBudget(MAX_MEDIA_BYTES // 2) for _ in range(2)]
    rows = [
        load_rows(run, run.config().model_copy(update={"report": config.report}), indices, budget)
        for run, indices, budget in (
            (train, [pair[0] for pair in chosen], budgets[0]),
            (test, [pair[1] for pair in chosen], budgets[1]),
        )
    ]
    style = asset("report.css") + asset("page.css", PACKAGE)
    total = len(pc.unique(_keys(table))) if table.num_rows else 0
    return render_page(
        PACKAGE,
        "page.html.j2",
        style=style,
        train_name=show_plain(summary.train.given),
        test_name=show_plain(summary.test.given),
        headline=_headline(summary),
        passed=summary.passed,
        max_overlap=summary.max_overlap,
        sentences=[show_plain(sentence, 600) for sentence in summary.sentences],
        notes=[show_plain(note, 800) for note in summary.notes],
        kinds=[(TITLES[kind], found) for kind, found in summary.kinds.items() if found.compared],
        pairs=[
            _show(records, one, other) for records, one, other in zip(chosen.values(), rows[0], rows[1], strict=True)
        ],
        total=total,
        media_refused=sum(budget.refused for budget in budgets),
        num_clean=summary.written.clean.rows,
        clean_files=[show_plain(file, 400) for file in summary.written.clean.files],
    )


def _headline(summary: OverlapSummary) -> str:
    shared, rows = summary.shared_test_rows, summary.test.rows
    if not shared:
        return "Nothing that counts is shared"
    return (
        f"{format_count(shared)} of {format_count(rows)} test rows {'is' if shared == 1 else 'are'} in the training set"
    )


def _keys(table: pa.Table) -> pa.ChunkedArray:
    texts = [table[name].cast(pa.string()) for name in ("train_index", "test_index")]
    return pc.binary_join_element_wise(*texts, " ")


def _choose(table: pa.Table, limit: int, by: Sequence[str]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Return at most ``limit`` pairs of rows with their records, of each kind and way about as many.

    A near copy is what a person has to look at, so the least alike come first within a kind; a shared text alone, which
    counts for nothing by default, comes last.
    """
    slim = table.select(["train_index", "test_index", "kind", "how", "similarity"])
    order = pc.sort_indices(slim, sort_keys=[("similarity", "ascending"), ("test_index", "ascending")])
    turns: dict[tuple[str, str], int] = {}
    ranked: list[tuple[bool, int, tuple[int, int]]] = []
    for batch in slim.take(order).to_batches(max_chunksize=4096):
        for record in batch.to_pylist():
            group = (record["kind"], record["how"])
            turns[group] = turns.get(group, 0) + 1
            if turns[group] <= limit:
                key = (record["train_index"], record["test_index"])
                ranked.append((record["kind"] not in by, turns[group], key))
    wanted: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for _, _, key in sorted(ranked, key=lambda entry: entry[:2]):
        if len(wanted) >= limit:
            break
        wanted.setdefault(key, [])
    if not wanted:
        return {}
    chosen = pc.is_in(_keys(table), value_set=pa.array([f"{one} {other}" for one, other in wanted]))
    for record in slim.filter(chosen).to_pylist():
        wanted[record["train_index"], record["test_index"]].append(record)
    return dict(sorted(wanted.items(), key=lambda entry: (entry[0][1], entry[0][0])))


def _show(records: Sequence[Mapping[str, Any]], train: ShownRow, test: ShownRow) -> ShownOverlap:
    what = []
    for record in records:
        # Rounded down: 0.9996 is not the same.
        near = f"nearly, {int(record['similarity'] * 1000) / 1000:.3f}"
        what.append((TITLES[record["kind"]], "exactly" if record["how"] == "exact" else near))
    return ShownOverlap(
        train=train,
        test=test,
        what=tuple(dict.fromkeys(what)),
        is_exact=all(record["how"] == "exact" for record in records),
    )
