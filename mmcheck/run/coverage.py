"""``mmcheck coverage``: what a finished run holds, written as data beside it.

Reads stored tables only: no model, no media file. The page that shows it is made from what is written here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.core.atomic import write_text
from mmcheck.core.errors import ConfigError
from mmcheck.corpus.cluster_words import MAX_TEXTS, choose_words, name_clusters
from mmcheck.corpus.clusters import measure_balance
from mmcheck.corpus.coverage import MIN_ROWS, VIEWS, Contrast, Covered, View, contrast, cover, find_probe
from mmcheck.run.api import require_complete
from mmcheck.run.coverage_facts import RowFacts, read_facts
from mmcheck.run.coverage_tables import (
    clusters_table,
    concerns,
    count_slice,
    samples_table,
    share_of,
    slices_table,
)
from mmcheck.run.coverage_words import tell_set, tell_view
from mmcheck.run.progress import Progress, SilentProgress
from mmcheck.store.run_folder import RunFolder, StoredShard
from mmcheck.store.schema import write_part

FOLDER = "coverage"
NUM_TYPICAL = 5
"""Typical samples of a cluster that are named."""
NUM_EXAMPLES = 10
_CHARACTERS = 200


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
) -> dict[str, Any]:
    """Write ``coverage/`` into the run folder and return its summary.

    Args:
        run: A complete run.
        options: What is wanted.
        reference: Another complete run, measured with the same weights: what does it hold that this one lacks?
        progress: Told what happens.

    Raises:
        ConfigError: If the run holds no embeddings, an option fits nothing, or the runs were measured unlike.
        RunError: If a run is not complete or a part is damaged.
    """
    options, progress = options or CoverageOptions(), progress or SilentProgress()
    require_complete(run)
    names = _choose_views(run, options)
    if reference is not None:
        require_complete(reference)
        for name in names:
            _require_alike(run, reference, VIEWS[name])
    seed = int(run.metadata.get("seed", 0)) if options.seed is None else options.seed
    progress.phase("reading the verdicts", None)
    facts = read_facts(run, options.slice_by)
    views: dict[str, Any] = {}
    tables: dict[str, list[pa.Table]] = {"clusters": [], "samples": [], "slices": []}
    for name in names:
        found = _cover_view(run, VIEWS[name], facts, options, seed, reference, progress)
        views[name] = found.pop("summary")
        for key, parts in tables.items():
            parts.append(found[key])
    summary: dict[str, Any] = {
        "rows": int(run.metadata["rows"]),
        "seed": seed,
        "misaligned_by": facts.misaligned_by,
        "reference": None if reference is None else str(reference.path),
        "slice_by": list(options.slice_by),
        "views": views,
    }
    summary["sentences"] = tell_set(summary)
    folder = run.path / FOLDER
    for key, parts in tables.items():
        write_part(folder / f"{key}.parquet", pa.concat_tables(parts, promote_options="permissive"), {})
    text = json.dumps(summary, indent=2, ensure_ascii=True, allow_nan=False)
    write_text(folder / "summary.json", text + "\n")
    return summary


def _shards(run: RunFolder) -> list[StoredShard]:
    return [StoredShard(run, shard) for shard in run.shards()]


def _choose_views(run: RunFolder, options: CoverageOptions) -> list[str]:
    shards = _shards(run)
    stored = [name for name, view in VIEWS.items() if find_probe(shards, view) is not None]
    for name in options.views:
        if name not in VIEWS:
            raise ConfigError(f"there is no view {name!r}.", hint=f"give one of: {', '.join(VIEWS)}.")
        if name not in stored:
            raise ConfigError(f"{run.path} holds no {name} embeddings.", hint=_hint(VIEWS[name]))
    if options.views:
        return list(dict.fromkeys(options.views))
    # A text is looked at by its medium unless asked for: two maps of one set are one too many to begin with.
    chosen: list[str] = [name for name in ("image", "audio") if name in stored]
    # Recordings can be counted by length and language without an embedding.
    if "audio" not in chosen and _has(run, "audio"):
        chosen.append("audio")
    if not chosen:
        raise ConfigError(f"{run.path} holds no embeddings to cluster.", hint=_hint(VIEWS["image"]))
    return chosen


def _has(run: RunFolder, medium: str) -> bool:
    return any(shard.samples([medium])[medium].null_count < shard.samples(["id"]).num_rows for shard in _shards(run))


def _hint(view: View) -> str:
    probes = " or ".join(f"`{name}`" for name in view.probes)
    return f"scan with the probe {probes}: mmcheck scan MANIFEST --out RUN --probes media,{view.probes[0]}"


def _require_alike(run: RunFolder, reference: RunFolder, view: View) -> None:
    probes = [find_probe(_shards(folder), view) for folder in (run, reference)]
    if probes[0] is None and view.name == "audio":
        return
    if None in probes:
        lacking = run if probes[0] is None else reference
        raise ConfigError(f"{lacking.path} holds no {view.name} embeddings to compare.", hint=_hint(view))
    own, other = (_weights(folder, probe) for folder, probe in zip((run, reference), probes, strict=True))
    if probes[0] != probes[1] or own[0] != other[0]:
        raise ConfigError(
            f"{run.path} was measured with {own[1]} and the reference {reference.path} with {other[1]}: "
            "their embeddings cannot be compared.",
            hint="scan one of them again with the other's model.",
        )


def _weights(run: RunFolder, probe: str | None) -> tuple[str, str]:
    """Return what must be equal for embeddings to be comparable, and how to name it."""
    part = run.metadata["probes"][probe]
    about: dict[str, Any] = part.get("about") or {}
    weights = about.get("weights")
    inner: dict[str, Any] = weights if isinstance(weights, dict) else about
    digest = inner.get("sha256")
    if not digest:
        return str(part["fingerprint"]), f"{probe} {str(part['fingerprint'])[:8]}"
    return str(digest), f"{inner.get('model') or inner.get('name') or probe} ({str(digest)[:8]})"


def _cover_view(
    run: RunFolder,
    view: View,
    facts: RowFacts,
    options: CoverageOptions,
    seed: int,
    reference: RunFolder | None,
    progress: Progress,
) -> dict[str, Any]:
    shards = _shards(run)
    progress.phase(f"clustering {view.name} embeddings", len(shards))
    covered = cover(shards, view, num_clusters=options.num_clusters, seed=seed, advance=lambda: progress.advance())
    members = facts.has_audio if view.name == "audio" else facts.has_image
    clusters = _describe(run, view, covered, facts)
    compared: dict[str, Any] = {"missing": [], "over_represented": [], "untold": 0}
    if reference is not None and covered.state == "clustered":
        progress.phase(f"comparing {view.name} embeddings with the reference", None)
        compared = _compare(run, reference, view, covered, clusters, options, seed)
    sizes = covered.sizes
    summary: dict[str, Any] = {
        "state": covered.state,
        "min_rows": MIN_ROWS,
        "rows": len(covered.rows),
        "rows_without_embedding": int(members.sum()) - len(covered.rows),
        "map": covered.method,
        "misaligned": share_of(facts.misaligned[covered.rows]),
        "vague": share_of(facts.vague[covered.rows].astype(float)),
        "balance": asdict(measure_balance(sizes)),
        "near_empty": covered.near_empty(),
        "spread_out": covered.spread_out(),
        "lonely": {
            "rows": len(covered.lonely),
            "of": len(covered.mapped),
            "examples": _name_rows(run, view, covered.rows[covered.lonely[:NUM_EXAMPLES]]),
        },
        "clusters": clusters,
        **compared,
        "slices": [count_slice(part, covered, facts, members) for part in facts.slices if concerns(part, view)],
    }
    summary["sentences"] = tell_view(view.name, summary, facts.misaligned_by)
    return {
        "summary": summary,
        "clusters": clusters_table(view, covered, clusters, summary),
        "samples": samples_table(run, view, covered, clusters, facts),
        "slices": slices_table(view, covered, facts, members),
    }


def _describe(run: RunFolder, view: View, covered: Covered, facts: RowFacts) -> list[dict[str, Any]]:
    """Return one entry a cluster, the largest first."""
    if covered.state != "clustered":
        return []
    wrong = facts.misaligned[covered.rows] > 0
    sample, typical = covered.sample(MAX_TEXTS, wrong), covered.typical(NUM_TYPICAL, wrong)
    texts = read_texts(run, view.text, covered.rows[np.concatenate(sample)])
    words = choose_words([[texts[row] for row in covered.rows[part].tolist()] for part in sample])
    named = [_name_rows(run, view, covered.rows[part]) for part in typical]
    # Recordings are alike in sound, not in what is said: words would name them falsely.
    told = words if view.name != "audio" else [[] for _ in words]
    names = name_clusters(told, [[entry["text"] for entry in part] for part in named])
    sizes = covered.sizes
    mean = np.bincount(covered.labels, weights=covered.distances, minlength=len(sizes)) / np.maximum(sizes, 1)
    own = [facts.misaligned[covered.rows[covered.labels == c]] for c in range(len(sizes))]
    vague = [facts.vague[covered.rows[covered.labels == c]].astype(float) for c in range(len(sizes))]
    return [
        {
            "cluster": c,
            "name": names[c],
            "words": words[c],
            "size": int(sizes[c]),
            "share": round(float(sizes[c] / sizes.sum()), 6),
            "misaligned": share_of(own[c]),
            "vague": share_of(vague[c]),
            "mean_distance": round(float(mean[c]), 4),
            "typical": named[c],
        }
        for c in range(len(sizes))
    ]


def _compare(
    run: RunFolder,
    reference: RunFolder,
    view: View,
    covered: Covered,
    clusters: Sequence[dict[str, Any]],
    options: CoverageOptions,
    seed: int,
) -> dict[str, Any]:
    own, other = _shards(run), _shards(reference)
    base = cover(other, view, num_clusters=options.num_clusters, seed=seed, with_map=False)
    missing: list[Contrast] = []
    untold = 0
    named: list[dict[str, Any]] = []
    if base.state == "clustered":
        missing, untold = contrast(other, base, own, view, missing=True)
        named = _describe(reference, view, base, _no_facts(reference))
    over, _ = contrast(own, covered, other, view, missing=False)
    return {
        "reference_rows": len(base.rows),
        "reference_clusters": len(named),
        "missing": [_tell_contrast(entry, named[entry.cluster]) for entry in missing],
        "over_represented": [_tell_contrast(entry, clusters[entry.cluster]) for entry in over],
        "untold": untold,
    }


def _no_facts(run: RunFolder) -> RowFacts:
    rows = int(run.metadata["rows"])
    no = np.zeros(rows, dtype=bool)
    return RowFacts(misaligned=np.full(rows, np.nan), misaligned_by="", vague=no, has_image=no, has_audio=no, slices=())


def _tell_contrast(entry: Contrast, cluster: dict[str, Any]) -> dict[str, Any]:
    return {
        **asdict(entry),
        "ratio": round(entry.ratio, 4),
        "name": cluster["name"],
        "typical": cluster["typical"],
    }


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


def _name_rows(run: RunFolder, view: View, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return id and beginning of the text of rows, in the order given."""
    found = _read_columns(run, ["id", view.text], rows)
    return [{"id": found[row][0], "index": row, "text": (found[row][1] or "")[:_CHARACTERS]} for row in rows.tolist()]
