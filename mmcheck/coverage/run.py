"""``mmcheck coverage``: what a finished run holds, written as data beside it.

Reads stored tables only: no model, no media file. The page that shows it is made from what is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.core.errors import OutputError
from mmcheck.core.pair_kinds import MEDIA
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.coverage.cluster_words import MAX_TEXTS, choose_words, name_clusters
from mmcheck.coverage.clusters import measure_balance
from mmcheck.coverage.constants import MIN_ROWS
from mmcheck.coverage.cover import VIEWS, Contrast, Covered, View, contrast, cover
from mmcheck.coverage.facts import RowFacts, read_facts
from mmcheck.coverage.inputs import choose_views, require_alike, shards_of, tell_how
from mmcheck.coverage.map import MAX_THUMBNAILS
from mmcheck.coverage.page import write_coverage_page
from mmcheck.coverage.summary import (
    FOLDER,
    ClusterSummary,
    ContrastSummary,
    CoverageSummary,
    Lonely,
    NamedSample,
    ViewSummary,
)
from mmcheck.coverage.tables import (
    clusters_table,
    concerns,
    count_slice,
    samples_table,
    share_of,
    slices_table,
)
from mmcheck.coverage.words import tell_view
from mmcheck.store.claim import hold
from mmcheck.store.own_entries import PRODUCTS
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.run_folder import RunFolder, StoredShard
from mmcheck.store.schema import write_part

NUM_TYPICAL = 5
"""Typical samples of a cluster that are named. Our own choice: enough to see what is meant."""
NUM_EXAMPLES = 10
"""Lonely samples that are named. Our own choice: enough to see what is meant."""
_CHARACTERS = 200  # characters of their texts; our own choice: bounds the size of the file
_WRITABLE = (
    f"{FOLDER}/ is written into the run folder: free some space and make it writable, or use a copy of the run folder."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageOptions:
    """What is wanted."""

    views: tuple[str, ...] = ()
    """``image``, ``text``, ``audio``; none: image and audio, as far as the run has them."""
    num_clusters: int | None = None
    """Clusters of each view; None: by the set's size."""
    slice_by: tuple[str, ...] = ()
    """Manifest columns to count by, beside language and manifest."""
    seed: int | None = None
    """None: the run's own."""


def cover_run(
    run: RunFolder,
    options: CoverageOptions | None = None,
    *,
    reference: RunFolder | None = None,
    progress: Progress | None = None,
    max_thumbnails: int = MAX_THUMBNAILS,
) -> CoverageSummary:
    """Write ``coverage/`` into the run folder and return its summary.

    The run is held meanwhile, the reference for reading. What an earlier call wrote goes first and the summary comes
    last, so that a folder with a summary is a whole one.

    Args:
        run: A complete run.
        options: What is wanted.
        reference: Another complete run, measured with the same weights: what does it hold that this one lacks?
        progress: Receives progress reports.
        max_thumbnails: Points of the map that get a picture, read from the media; 0: no medium is opened.

    Raises:
        ConfigError: If the run holds no embeddings, an option fits nothing, or the runs were measured unlike.
        OutputError: If the run folder cannot be written to or is in use.
        RunError: If a run is not complete or a part is damaged.
    """
    options, progress = options or CoverageOptions(), progress or SilentProgress()
    with ExitStack() as held:
        try:
            held.enter_context(hold(run.path))
        except OutputError as error:
            is_busy = isinstance(error.__cause__, BlockingIOError)
            raise OutputError(error.message, hint="wait until it has finished." if is_busy else _WRITABLE) from error
        if reference is not None and reference.path.resolve() != run.path.resolve():
            held.enter_context(hold_for_reading(reference.path))
        # Opened anew: either may have changed before it was held.
        run = RunFolder(run.path)
        reference = None if reference is None else RunFolder(reference.path)
        summary, tables = _cover(run, options, reference, progress)
        try:
            _write(run.path / FOLDER, tables, summary)
            write_coverage_page(run, reference=reference, max_thumbnails=max_thumbnails, progress=progress)
        except OutputError as error:
            raise OutputError(error.message, hint=_WRITABLE) from error
    return summary


def _cover(
    run: RunFolder, options: CoverageOptions, reference: RunFolder | None, progress: Progress
) -> tuple[CoverageSummary, dict[str, list[pa.Table]]]:
    require_complete(run)
    names = choose_views(run, options.views)
    if reference is not None:
        require_complete(reference)
        for name in names:
            require_alike(run, reference, VIEWS[name])
    seed = run.record.seed if options.seed is None else options.seed
    progress.phase("reading the verdicts", None)
    facts = read_facts(run, options.slice_by)
    views: dict[str, ViewSummary] = {}
    tables: dict[str, list[pa.Table]] = {"clusters": [], "samples": [], "slices": []}
    for name in names:
        views[name], found = _cover_view(run, VIEWS[name], facts, options, seed, reference, progress)
        for key, parts in tables.items():
            parts.append(found[key])
    summary = CoverageSummary(
        rows=run.record.rows,
        seed=seed,
        misaligned_by=facts.misaligned_by,
        reference=None if reference is None else str(reference.path),
        slice_by=options.slice_by,
        views=views,
        sentences=tuple(sentence for view in views.values() for sentence in view.sentences),
    )
    return summary, tables


def _write(folder: Path, tables: Mapping[str, Sequence[pa.Table]], summary: CoverageSummary) -> None:
    try:
        for name in PRODUCTS[FOLDER]:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}.") from error
    for key, parts in tables.items():
        write_part(folder / f"{key}.parquet", pa.concat_tables(parts, promote_options="permissive"), {})
    summary.write(folder / "summary.json", ensure_ascii=True, allow_nan=False)


def _cover_view(
    run: RunFolder,
    view: View,
    facts: RowFacts,
    options: CoverageOptions,
    seed: int,
    reference: RunFolder | None,
    progress: Progress,
) -> tuple[ViewSummary, dict[str, pa.Table]]:
    shards = shards_of(run)
    progress.phase(f"clustering {view.name} embeddings", len(shards))
    covered = cover(shards, view, num_clusters=options.num_clusters, seed=seed, advance=lambda: progress.advance())
    members = facts.has_medium[view.medium]
    clusters = _describe(run, view, covered, facts)
    summary = ViewSummary(
        state=covered.state,
        min_rows=MIN_ROWS,
        rows=len(covered.rows),
        # A manifest of captions with given vectors names no media, and yet they are on the map.
        rows_without_embedding=int(np.setdiff1d(np.flatnonzero(members), covered.rows).size),
        map=covered.method,
        misaligned=share_of(facts.misaligned(view.medium)[covered.rows]),
        vague=share_of(facts.vague(view.medium)[covered.rows].astype(float)),
        balance=measure_balance(covered.sizes),
        near_empty=tuple(covered.near_empty()),
        spread_out=tuple(covered.spread_out()),
        lonely=Lonely(
            rows=len(covered.lonely),
            of=len(covered.mapped),
            examples=_name_rows(run, view, covered.rows[covered.lonely[:NUM_EXAMPLES]]),
        ),
        clusters=clusters,
        missing=(),
        over_represented=(),
        untold=0,
        slices=tuple(count_slice(part, view, covered, facts, members) for part in facts.slices if concerns(part, view)),
    )
    if reference is not None and covered.state == "clustered":
        progress.phase(f"comparing {view.name} embeddings with the reference", None)
        summary = _compare(summary, run, reference, view, covered, options, seed)
    if covered.state == "absent":
        summary = summary.model_copy(update={"hint": tell_how(run, view)})
    sentences = tuple(tell_view(view.name, summary, facts.misaligned_by))
    return summary.model_copy(update={"sentences": sentences}), {
        "clusters": clusters_table(view, covered, summary),
        "samples": samples_table(run, view, covered, clusters, facts),
        "slices": slices_table(view, covered, facts, members),
    }


def _describe(run: RunFolder, view: View, covered: Covered, facts: RowFacts) -> tuple[ClusterSummary, ...]:
    """Return one entry a cluster, the largest first."""
    if covered.state != "clustered":
        return ()
    misaligned = facts.misaligned(view.medium)
    wrong = misaligned[covered.rows] > 0
    sample, typical = covered.sample(MAX_TEXTS, wrong), covered.typical(NUM_TYPICAL, wrong)
    texts = read_texts(run, view.text, covered.rows[np.concatenate(sample)])
    words = choose_words([[texts[row] for row in covered.rows[part].tolist()] for part in sample])
    named = [_name_rows(run, view, covered.rows[part]) for part in typical]
    # Recordings are alike in sound, not in what is said: words would name them falsely.
    told = words if view.kind.is_seen else [[] for _ in words]
    names = name_clusters(told, [[entry.text for entry in part] for part in named])
    sizes = covered.sizes
    mean = np.bincount(covered.labels, weights=covered.distances, minlength=len(sizes)) / np.maximum(sizes, 1)
    own = [misaligned[covered.rows[covered.labels == c]] for c in range(len(sizes))]
    vague = [facts.vague(view.medium)[covered.rows[covered.labels == c]].astype(float) for c in range(len(sizes))]
    return tuple(
        ClusterSummary(
            cluster=c,
            name=names[c],
            words=tuple(words[c]),
            size=int(sizes[c]),
            share=round(float(sizes[c] / sizes.sum()), 6),
            misaligned=share_of(own[c]),
            vague=share_of(vague[c]),
            mean_distance=round(float(mean[c]), 4),
            typical=named[c],
        )
        for c in range(len(sizes))
    )


def _compare(
    summary: ViewSummary,
    run: RunFolder,
    reference: RunFolder,
    view: View,
    covered: Covered,
    options: CoverageOptions,
    seed: int,
) -> ViewSummary:
    own, other = shards_of(run), shards_of(reference)
    base = cover(other, view, num_clusters=options.num_clusters, seed=seed, with_map=False)
    missing: list[Contrast] = []
    untold = 0
    named: tuple[ClusterSummary, ...] = ()
    if base.state == "clustered":
        missing, untold = contrast(other, base, own, view, missing=True)
        named = _describe(reference, view, base, _no_facts(reference))
    over, _ = contrast(own, covered, other, view, missing=False)
    return summary.model_copy(
        update={
            "reference_rows": len(base.rows),
            "reference_clusters": len(named),
            "missing": tuple(_tell_contrast(entry, named[entry.cluster]) for entry in missing),
            "over_represented": tuple(_tell_contrast(entry, summary.clusters[entry.cluster]) for entry in over),
            "untold": untold,
        }
    )


def _no_facts(run: RunFolder) -> RowFacts:
    rows = run.record.rows
    no = np.zeros(rows, dtype=bool)
    unknown = np.full(rows, np.nan)
    return RowFacts(
        misaligned_by_medium=dict.fromkeys(MEDIA, unknown),
        misaligned_by="",
        vague_captions=no,
        has_medium=dict.fromkeys(MEDIA, no),
        slices=(),
    )


def _tell_contrast(entry: Contrast, cluster: ClusterSummary) -> ContrastSummary:
    return ContrastSummary(
        cluster=entry.cluster,
        rows_there=entry.rows_there,
        rows_here=entry.rows_here,
        ratio=round(entry.ratio, 4),
        name=cluster.name,
        typical=cluster.typical,
    )


def read_texts(run: RunFolder, column: str, rows: NDArray[np.int64]) -> dict[int, str]:
    """Return the texts of rows by their number in the run; "" where there is none."""
    return {row: value or "" for row, value in _read_columns(run, [column], rows).items()}


def _read_columns(run: RunFolder, columns: Sequence[str], rows: NDArray[np.int64]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    ordered = np.unique(rows)
    for shard in run.shards():
        own = ordered[np.searchsorted(ordered, shard.start) : np.searchsorted(ordered, shard.stop)]
        if len(own):
            table = StoredShard(run, shard).samples(columns).take(pa.array(own - shard.start))
            parts = [table[name].to_pylist() for name in columns]
            values = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
            found.update(zip(own.tolist(), values, strict=True))
    return found


def _name_rows(run: RunFolder, view: View, rows: NDArray[np.int64]) -> tuple[NamedSample, ...]:
    """Return id and beginning of the text of rows, in the order given."""
    found = _read_columns(run, ["id", view.text], rows)
    return tuple(
        NamedSample(id=found[row][0], index=row, text=(found[row][1] or "")[:_CHARACTERS]) for row in rows.tolist()
    )
