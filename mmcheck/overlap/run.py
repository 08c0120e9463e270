"""``mmcheck overlap``: what a training set shares with a test set, as data, and the training set without it.

Works on what two scans stored. Only what was compared can be called clear, so everything that could not be compared is
told beside the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import Config
from mmcheck.core.arrays import Mask
from mmcheck.core.errors import UserError
from mmcheck.core.pair_kinds import KIND_OF, TEXTS
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.decide.sources import check_sources
from mmcheck.overlap.inputs import (
    SideInput,
    choose_out,
    compare_runs,
    hold_out,
    open_side,
    read_locked,
    refuse_equal,
    scan_side,
)
from mmcheck.overlap.page import write_overlap_page
from mmcheck.overlap.search import KINDS, MAX_LISTED, Overlap, Part, find_overlap
from mmcheck.overlap.summary import (
    ComparedSet,
    KindCounts,
    NotCompared,
    OverlapCounts,
    OverlapSummary,
    SharedKind,
    SideCounts,
    Written,
)
from mmcheck.overlap.words import count_rows, tell_kind, tell_overlap
from mmcheck.overlap.write import CLEAN, REMOVED, write_split
from mmcheck.store.own_entries import OVERLAP_FILES, read_inventory, remove
from mmcheck.store.result_tables import write_result
from mmcheck.store.run_folder import RunFolder, StoredShard, read_part

DEFAULT_KINDS = (*KIND_OF, "pair")
"""Kinds that remove a row and count as leaked: a short text alone, such as "a dog", is no leak."""
OVERLAPS = pa.schema(
    [
        ("train_index", pa.int64()),
        ("test_index", pa.int64()),
        ("train_id", pa.string()),
        ("test_id", pa.string()),
        ("kind", pa.string()),
        ("modality", pa.string()),
        ("how", pa.string()),
        ("similarity", pa.float64()),
        ("train_manifest", pa.string()),
        ("train_row_number", pa.int64()),
        ("test_manifest", pa.string()),
        ("test_row_number", pa.int64()),
        ("train_text", pa.string()),
        ("test_text", pa.string()),
    ]
)
_NOT_COMPARED_SHOWN = 10  # rows named that could not be compared; our own choice: enough to see what is meant


def overlap_runs(
    train: str | Path,
    test: str | Path,
    *,
    out: str | Path | None = None,
    by: Sequence[str] = DEFAULT_KINDS,
    max_overlap: int = 0,
    config: str | Path | Config | None = None,
    root: str | None = None,
    write_media: bool = False,
    progress: Progress | None = None,
) -> OverlapSummary:
    """Find what two sets share, write it below ``out``, and return its summary.

    No scan can change the runs meanwhile: they are held for reading, which other comparisons may do at the same time.

    Args:
        train: A finished run, or a manifest, which is scanned first.
        test: The same.
        out: Where to write; None: ``overlap/<name of test>`` in the training run.
        by: Kinds of ``KINDS`` that remove a row of the training set and count as leaked; all are reported.
        max_overlap: Rows of the test set that may be shared.
        config: For scanning manifests; None: the config of the other side's run, or the preset ``default``.
        root: Folder (or URL) that relative media paths of a manifest start from; None: as the config says.
        write_media: Whether media come along with the cleaned manifest, as new shards or links.
        progress: Receives progress reports.

    Returns:
        What ``summary.json`` holds.

    Raises:
        UserError: If an input, the config or the folder is wrong, or the two have nothing that could be compared.
        RunError: If a run is not complete or damaged, or a scan fails.
    """
    kinds = _check_kinds(by)
    told = progress or SilentProgress()
    sides = (open_side("TRAIN", train), open_side("TEST", test))
    refuse_equal(*sides)
    target = choose_out(*sides, out)
    with ExitStack() as held:
        for side in sides:
            if side.run is not None:
                held.enter_context(read_locked(side))
        held.enter_context(hold_out(target))
        for side, other in (sides, sides[::-1]):
            if side.run is None:
                scan_side(side, other, target, config, told, root=root)
                held.enter_context(read_locked(side))
        summary = _compare(sides, target, kinds, max_overlap, write_media, told)
        told.phase("writing the page", None)
        write_overlap_page(target, *(side.opened() for side in sides))
    return summary


def _check_kinds(by: Sequence[str]) -> tuple[str, ...]:
    for kind in by:
        if kind not in KINDS:
            raise UserError(f"--by names {kind!r}, which cannot be shared.", hint=f"choose from {', '.join(KINDS)}.")
    if not by:
        raise UserError("--by names nothing.", hint=f"choose from {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in by)


def _compare(
    sides: tuple[SideInput, SideInput],
    out: Path,
    kinds: Sequence[str],
    max_overlap: int,
    write_media: bool,
    progress: Progress,
) -> OverlapSummary:
    train, test = (side.opened() for side in sides)
    check_sources(train, write_media=write_media or train.config().output.write_media)
    able = compare_runs(*sides)
    progress.phase("comparing", None)
    found = find_overlap(
        [StoredShard(train, shard) for shard in train.shards()],
        [StoredShard(test, shard) for shard in test.shards()],
        train.config().analyses.duplicates,
        seed=train.record.seed,
        use_embeddings=able.use_embeddings,
        step=progress.advance,
    )
    _require_something(sides, found, kinds)
    table = _table(train, test, found.parts)
    reasons = _reasons(table, kinds)
    _remove_stale(out)
    progress.phase("writing overlaps", None)
    write_result(out, "overlaps", table)
    split = write_split(train, reasons, out, progress, write_media=write_media)
    counts = _summarise(sides, found, table, kinds, max_overlap)
    sentences, notes = tell_overlap(counts)
    summary = OverlapSummary(
        **dict(counts),
        sentences=tuple(sentences),
        notes=(*able.notes, *notes, *split.notes),
        written=Written(folder=str(out), clean=split.clean, removed=split.removed),
    )
    # Last, so that a folder with a summary is a whole one.
    summary.write(out / "summary.json", ensure_ascii=True, allow_nan=False)
    return summary


def _remove_stale(out: Path) -> None:
    """Take away an earlier result: a reader must never see new pairs beside an old summary."""
    remove(out, OVERLAP_FILES)
    inventory = read_inventory(out)
    for name in (CLEAN, REMOVED):
        remove(out / name, inventory.get(name, ()))


def _require_something(sides: tuple[SideInput, SideInput], found: Overlap, kinds: Sequence[str]) -> None:
    """Refuse to call clear what was not compared.

    Raises:
        UserError: If none of the wanted kinds is on both sides although both hold rows.
    """
    rows = [side.opened().record.rows for side in sides]
    if not all(rows) or any(part.kind in kinds for part in found.parts):
        return
    held = []
    sizes = " and ".join(map(count_rows, rows))
    for number, side in enumerate(sides):
        names = [
            f"{counts[number]} {_plural(name, counts[number])}"
            for name, counts in found.compared.items()
            if counts[number]
        ]
        held.append(f"{side.role} {side.given} has {' and '.join(names) or 'nothing that could be read'}")
    raise UserError(
        f"nothing can be compared by {', '.join(kinds)}: {'; '.join(held)} ({sizes}).",
        hint="check that the media files are there, map the columns in a --config (input.columns), or change --by.",
    )


def _plural(name: str, count: int) -> str:
    noun = KIND_OF[name].medium_noun if name in KIND_OF else name
    return noun if count == 1 else f"{noun}s"


def _table(train: RunFolder, test: RunFolder, parts: Sequence[Part]) -> pa.Table:
    """Return the listed pairs of all kinds with ids, places and texts, ordered by test row, kind and likeness."""
    own = _named(train, [part.listed.train for part in parts])
    other = _named(test, [part.listed.test for part in parts])
    tables = [OVERLAPS.empty_table()]
    for part in parts:
        pairs, text = part.listed, KIND_OF[part.modality].text
        left, right = (_take(named, rows) for named, rows in ((own, pairs.train), (other, pairs.test)))
        count = len(pairs.train)
        columns = {
            "train_index": pa.array(pairs.train, pa.int64()),
            "test_index": pa.array(pairs.test, pa.int64()),
            "train_id": left["id"],
            "test_id": right["id"],
            "kind": pa.array([part.kind] * count, pa.string()),
            "modality": pa.array([part.modality] * count, pa.string()),
            "how": pa.array(np.where(pairs.exact, "exact", "near").tolist(), pa.string()),
            "similarity": pa.array(np.clip(pairs.similarity, -1.0, 1.0).round(6), pa.float64()),
            "train_manifest": left["manifest"],
            "train_row_number": left["row_number"],
            "test_manifest": right["manifest"],
            "test_row_number": right["row_number"],
            "train_text": left[text],
            "test_text": right[text],
        }
        tables.append(pa.table(columns, schema=OVERLAPS))
    joined = pa.concat_tables(tables)
    rank = pa.array([KINDS.index(kind) for kind in joined["kind"].to_pylist()], pa.int64())
    order = np.lexsort((np.arange(joined.num_rows), rank.to_numpy(), joined["test_index"].to_numpy()))
    return joined.take(pa.array(order)).combine_chunks()


def _named(run: RunFolder, rows: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], pa.Table]:
    """Return the wanted rows, ascending, and a table of what names them."""
    wanted = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *rows]))
    columns = ["id", "manifest", "row_number", *TEXTS]
    tables = [run.samples_table(columns).slice(0, 0)] if not len(wanted) else []
    for shard in run.shards():
        here = wanted[np.searchsorted(wanted, shard.start) : np.searchsorted(wanted, shard.stop)]
        if len(here):
            tables.append(read_part(run.samples_part(shard), columns).take(pa.array(here - shard.start)))
    return wanted, pa.concat_tables(tables)


def _take(named: tuple[NDArray[np.int64], pa.Table], rows: NDArray[np.int64]) -> pa.Table:
    return named[1].take(pa.array(np.searchsorted(named[0], rows)))


def _reasons(table: pa.Table, kinds: Sequence[str]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    slim = table.drop_columns(["train_text", "test_text"])
    for batch in slim.to_batches(max_chunksize=4096):
        for record in batch.to_pylist():
            # A row that is shared with thousands needs no thousand reasons.
            if record["kind"] in kinds and len(found[record["train_index"]]) < 4 * MAX_LISTED:
                found[record["train_index"]].append(record)
    return {row: records for row, records in found.items() if records}


def _summarise(
    sides: tuple[SideInput, SideInput], found: Overlap, table: pa.Table, kinds: Sequence[str], max_overlap: int
) -> OverlapCounts:
    rows = [side.opened().record.rows for side in sides]
    leaked, removed = np.zeros(rows[1], dtype=bool), np.zeros(rows[0], dtype=bool)
    for part in found.parts:
        if part.kind in kinds:
            leaked |= part.test_rows
            removed |= part.train_rows
    return OverlapCounts(
        train=_about(sides[0], rows[0]),
        test=_about(sides[1], rows[1]),
        by=tuple(kinds),
        shared_test_rows=int(leaked.sum()),
        shared_test_share=round(float(leaked.mean()), 6) if rows[1] else None,
        removed_train_rows=int(removed.sum()),
        max_overlap=max_overlap,
        passed=int(leaked.sum()) <= max_overlap,
        kinds={kind: _count(kind, found.parts, kinds) for kind in KINDS},
        compared={name: SideCounts(train=counts[0], test=counts[1]) for name, counts in found.compared.items()},
        not_compared=_not_compared(sides[1], found),
        blank_test_rows=int(found.blank_test.sum()),
        listed=table.num_rows,
        max_listed=MAX_LISTED,
        is_cut=found.is_cut,
        limits=sides[0].opened().config().analyses.duplicates.model_dump(mode="json", exclude={"enabled", "keep"}),
    )


def _about(side: SideInput, rows: int) -> ComparedSet:
    run = side.opened()
    return ComparedSet(
        given=side.given,
        run=str(run.path),
        was_scanned=side.was_scanned,
        rows=rows,
        manifests=tuple(entry.manifest for entry in run.record.inputs),
    )


def _count(kind: str, parts: Sequence[Part], kinds: Sequence[str]) -> SharedKind:
    own = [part for part in parts if part.kind == kind]

    def count(masks: Sequence[Mask]) -> int:
        return int(np.logical_or.reduce(masks).sum()) if masks else 0

    found = KindCounts(
        compared=bool(own),
        counts=kind in kinds,
        pairs=sum(part.num_pairs for part in own),
        exact_pairs=sum(part.num_exact_pairs for part in own),
        train_rows=count([part.train_rows for part in own]),
        test_rows=count([part.test_rows for part in own]),
        exact_train_rows=count([part.exact_train_rows for part in own]),
        exact_test_rows=count([part.exact_test_rows for part in own]),
        searched={part.modality: part.searched for part in own if part.searched is not None},
    )
    return SharedKind(**dict(found), sentence=tell_kind(kind, found))


def _not_compared(side: SideInput, found: Overlap) -> NotCompared:
    """Return how many rows of the test set have no medium that was read, and some of their ids."""
    rows = np.flatnonzero(~found.readable_test)
    shown = _named(side.opened(), [rows[:_NOT_COMPARED_SHOWN]])[1]
    return NotCompared(test_rows=len(rows), test_ids=tuple(shown["id"].to_pylist()))
