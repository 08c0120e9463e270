"""The page of a repair: each medium beside the text that it has and the one that it should have.

A person decides here whether the proposals are right, so nothing is hidden behind a script: the page holds none. It
carries its media itself and loads nothing, like the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmcheck.core.atomic import write_text
from mmcheck.core.pair_kinds import KIND_OF
from mmcheck.core.sentences import count_noun
from mmcheck.repair.summary import FOLDER, RepairSummary, Written, read_summary
from mmcheck.report.media_embed import MediaBudget
from mmcheck.report.page import asset, render_page
from mmcheck.report.shown_rows import ShownRow, load_rows
from mmcheck.report.shown_text import ShownText, format_value, show_plain, show_text
from mmcheck.store.run_folder import RunFolder, read_part

PACKAGE = "mmcheck.repair"
PAGE_NAME = "repair.html"
_MAX_FILES = 20  # files that the page lists; our own choice: the page stays readable
KINDS = {
    "shift": "shifted by some rows",
    "reversed": "reversed",
    "resorted": "sorted differently",
    "swap": "swapped",
    "cycle": "swapped in a cycle",
    "match": "found elsewhere",
}
"""What a kind of proposal is called on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProposal:
    """One proposal as the page shows it."""

    row: ShownRow
    """The pair as it stands, with its medium."""
    label: str
    """What the text is called."""
    text: ShownText | None
    """The text as it stands; None if there is none."""
    proposed: ShownText
    """The text that it should have."""
    kind: str
    """What happened, in few words."""
    confidence: str
    """In per cent."""
    source: str
    """Id of the row that the text comes from."""
    source_where: str
    """``manifest:row`` of it."""
    own_score: str
    """Score as it stands, "" if none."""
    proposed_score: str
    """Score with the proposed text."""
    reason: str
    """Why, as a plain sentence."""


def write_repair_page(run: RunFolder) -> Path:
    """Write ``repair/repair.html`` into the run folder, whole or not at all, and return its path.

    Args:
        run: A run that ``repair_run`` was called for.

    Raises:
        RunError: If what it wrote is missing or damaged.
        OutputError: If the page cannot be written.
    """
    path = run.path / FOLDER / PAGE_NAME
    write_text(path, build_repair_page(run))
    return path


def build_repair_page(run: RunFolder) -> str:
    """Return the page of the last repair of a run as one HTML text without a link to anything outside it.

    Raises:
        RunError: If what ``repair_run`` wrote is missing or damaged.
    """
    config, summary = run.config(), read_summary(run)
    table = read_part(run.path / FOLDER / "proposals.parquet")
    chosen = _choose(table, config.report.max_rows)
    budget = MediaBudget()
    rows = load_rows(run, config, [record["index"] for record in chosen], budget)
    style = asset("report.css") + asset("page.css", PACKAGE)
    return render_page(
        PACKAGE,
        "page.html.j2",
        style=style,
        name=show_plain(run.path.resolve().name),
        folder=show_plain(run.path, 400),
        headline=_headline(summary),
        explanations=[show_plain(entry.sentence, 600) for entry in summary.explanations],
        notes=[show_plain(note, 600) for note in summary.notes],
        kinds=[(KINDS.get(kind, kind), count) for kind, count in summary.proposals_by_kind.items()],
        proposals=[_show(record, row) for record, row in zip(chosen, rows, strict=True)],
        # The last sentence is the outcome where nothing is proposed.
        outcome=show_plain(summary.sentences[-1], 600) if summary.sentences else "",
        total=table.num_rows,
        total_told=count_noun(table.num_rows, "proposal"),
        has_less_sure=summary.less_sure > 0,
        suspects=count_noun(summary.suspects, "pair is", "pairs are"),
        less_sure=count_noun(summary.less_sure, "more proposal is", "more proposals are"),
        min_confidence=format_value(summary.min_confidence),
        expected_wrong=format_value(summary.expected_wrong),
        written=_written(summary.written),
        media_refused=budget.refused and count_noun(budget.refused, "medium was", "media were"),
    )


def _written(found: Written) -> dict[str, object] | None:
    """Return what ``--write`` wrote and where, safe to show; None if nothing was written."""
    if not found.folder:
        return None
    files, lost = found.files, len(found.not_written)
    return {
        "changed": count_noun(found.repaired_rows, "row is", "rows are"),
        "folder": show_plain(found.folder, 400),
        "files": [show_plain(file, 400) for file in files[:_MAX_FILES]],
        "more": max(0, len(files) - _MAX_FILES),
        "not_written": lost and count_noun(lost, "proposal was", "proposals were"),
        "notes": [show_plain(note, 600) for note in found.notes],
    }


def _headline(summary: RepairSummary) -> str:
    count = summary.proposals
    if not count:
        parts = [part for part in summary.modalities.values() if part.pairs]
        judged = [part.random_share is not None for part in parts]
        if not any(judged):
            return "Nothing was judged"
        return "Nothing to repair" if all(judged) and not summary.suspects else "Nothing is proposed"
    return f"{count:,} of {count_noun(summary.rows_read, 'row')} would get another text"


def _choose(table: pa.Table, limit: int) -> list[dict[str, Any]]:
    """Return at most ``limit`` proposals, of each kind about as many, in the order of the rows."""
    records: list[dict[str, Any]] = table.to_pylist()
    if len(records) <= limit:
        return records
    turns: dict[str, int] = {}
    ranked = []
    for place, record in enumerate(records):
        turns[record["kind"]] = turns.get(record["kind"], 0) + 1
        ranked.append((turns[record["kind"]], place))
    return [records[place] for _, place in sorted(sorted(ranked)[:limit], key=lambda entry: entry[1])]


def _show(record: Mapping[str, Any], row: ShownRow) -> ShownProposal:
    manifest = show_plain(record["source_manifest"].rstrip("/").rsplit("/", 1)[-1], 60)
    return ShownProposal(
        row=row,
        label=KIND_OF[record["modality"]].text_noun.capitalize(),
        text=None if record["text"] is None else show_text(record["text"]),
        proposed=show_text(record["proposed_text"] or ""),
        kind=KINDS.get(record["kind"], show_plain(record["kind"])),
        # Rounded down: 99.96 % is not certain.
        confidence=f"{int(record['confidence'] * 1000) / 10:.1f} %",
        source=show_plain(record["source_id"]),
        source_where=f"{manifest}:{record['source_row_number']}",
        own_score=format_value(record["own_score"]),
        proposed_score=format_value(record["proposed_score"]),
        reason=show_plain(record["reason"], 600),
    )
