"""``mmcheck compare``: what changed from one finished run to another. Both are only read.

Rows are matched by sorted 64-bit keys and values compared one metric at a time, so that a million rows fit a laptop.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from mmcheck.compare.changes import MAX_LISTED, Changes, list_changes
from mmcheck.compare.clusters import compare_clusters
from mmcheck.compare.differences import find_differences
from mmcheck.compare.keys import has_digests, read_keys
from mmcheck.compare.matching import Match, Matching, match_rows
from mmcheck.compare.page import PAGE_NAME, write_compare_page
from mmcheck.compare.shifts import compare_shares, find_shifts
from mmcheck.compare.summary import ComparedRun, CompareSummary, RowCounts
from mmcheck.compare.verdicts import compare_rates, count_transitions, read_verdicts
from mmcheck.compare.words import has_changed, tell
from mmcheck.core.errors import OutputError
from mmcheck.core.pair_kinds import MEDIA
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.result_tables import write_result
from mmcheck.store.run_folder import RunFolder

TABLE = "changes"
FILES = ("summary.json", PAGE_NAME, f"{TABLE}.parquet", f"{TABLE}.jsonl")
"""What a comparison writes."""


def compare_runs(
    before: str | Path, after: str | Path, *, out: str | Path | None = None, progress: Progress | None = None
) -> CompareSummary:
    """Compare two finished runs and return what changed.

    Args:
        before: The earlier run, called A.
        after: The later one, called B.
        out: A new folder, or one of an earlier comparison, for the page and the tables; None: nothing is written.
        progress: Receives progress reports.

    Raises:
        OutputError: If one is not a run folder, another process writes to it, or ``out`` cannot be used.
        RunError: If a run is not complete or damaged.
    """
    told = progress or SilentProgress()
    folder = None if out is None else _check_out(Path(out))
    with ExitStack() as held:
        for path in dict.fromkeys((RunFolder(before).path.resolve(), RunFolder(after).path.resolve())):
            held.enter_context(hold_for_reading(path))
        runs = RunFolder(before), RunFolder(after)
        for run in runs:
            require_complete(run)
            _ = run.summary
        summary, changes = _compare(runs, told)
        if folder is not None:
            told.phase("writing", None)
            _write(folder, summary, changes, runs)
    return summary


def _compare(runs: tuple[RunFolder, RunFolder], progress: Progress) -> tuple[CompareSummary, Changes]:
    before, after = runs
    total = before.record.rows + after.record.rows
    differences = find_differences(before, after)
    apart = {*differences.not_comparable, *(model.probe for model in differences.models)}
    notes = []
    by_bytes = has_digests(before) and has_digests(after)
    if not by_bytes and any(run.record.holds(name) for run in runs for name in MEDIA):
        notes.append(
            "Images and recordings were compared by their paths: one of the runs has no checksums of files (the probe "
            "media did not run, or an earlier version made them)."
        )
    progress.phase("matching rows", total)
    matching = match_rows(*(read_keys(run, by_bytes=by_bytes, progress=progress) for run in runs))
    progress.phase("comparing verdicts", None)
    verdicts = read_verdicts(before), read_verdicts(after)
    changes = list_changes(matching, runs, verdicts)
    transitions = count_transitions(matching, *verdicts)
    rates = compare_rates(matching, *verdicts)
    progress.phase("comparing values", total)
    shifts = find_shifts(before, after, apart, progress)
    shares = compare_shares(before, after, apart)
    clusters, more = compare_clusters(before, after, apart)
    rows = _count(matching)
    changed = has_changed(rows, transitions, shifts, shares, clusters, changes.other_codes)
    said = tell(
        rows,
        differences,
        transitions,
        rates,
        shifts,
        shares,
        clusters,
        changed=changed,
        other_codes=changes.other_codes,
    )
    is_cut = changes.total > MAX_LISTED
    if is_cut:
        notes.append(f"{changes.total:,} rows changed; the first {MAX_LISTED:,} of them are listed.")
    return CompareSummary(
        before=_about(before),
        after=_about(after),
        nothing_changed=not changed and not differences.sentences,
        differences=differences,
        rows=rows,
        transitions=tuple(transitions),
        verdicts_changed=sum(one.rows for one in transitions if one.before != one.after),
        examples=changes.examples,
        rates=tuple(rates),
        shifts=tuple(shifts),
        shares=tuple(shares),
        clusters=tuple(clusters),
        listed=changes.table.num_rows,
        is_cut=is_cut,
        sentences=tuple(said),
        notes=(*notes, *more),
    ), changes


def _count(matching: Matching) -> RowCounts:
    return RowCounts(
        same=matching.count(Match.SAME),
        renamed=matching.count(Match.RENAMED),
        text_edited=matching.count(Match.TEXT),
        medium_replaced=matching.count(Match.MEDIUM),
        other_content=matching.count(Match.OTHER),
        vanished=len(matching.vanished),
        new=len(matching.new),
        moved=matching.moved,
    )


def _about(run: RunFolder) -> ComparedRun:
    return ComparedRun(
        path=str(run.path),
        rows=run.record.rows,
        mmcheck_version=run.record.mmcheck_version,
        manifests=tuple(entry.manifest for entry in run.record.inputs),
        limit=run.record.limit,
    )


def _check_out(out: Path) -> Path:
    """Return the folder, made if need be.

    Raises:
        OutputError: If it holds anything but an earlier comparison, or cannot be made.
    """
    try:
        names = [entry.name for entry in out.iterdir()] if out.exists() else []
        foreign = sorted(name for name in names if name not in FILES)
        if foreign:
            raise OutputError(
                f"{out} holds files that no comparison wrote: {', '.join(foreign[:5])}.",
                hint="give a new or empty folder, or one of an earlier comparison.",
            )
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror or error}.", hint="choose another --out.") from error
    return out


def _write(out: Path, summary: CompareSummary, changes: Changes, runs: tuple[RunFolder, RunFolder]) -> None:
    for name in FILES:
        (out / name).unlink(missing_ok=True)
    write_result(out, TABLE, changes.table)
    write_compare_page(out, summary, changes.table, *runs)
    # Last, so that a folder with a summary is a whole one.
    summary.write(out / "summary.json", ensure_ascii=True, allow_nan=False)
