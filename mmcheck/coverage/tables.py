"""The tables that ``mmcheck coverage`` writes, and the counts by slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.coverage.clusters import measure_balance
from mmcheck.coverage.cover import Covered, View
from mmcheck.coverage.facts import RowFacts, Slice
from mmcheck.coverage.summary import ClusterSummary, SliceSummary, SliceValue, ViewSummary
from mmcheck.store.run_folder import RunFolder


def share_of(values: NDArray[np.float64]) -> float | None:
    """Return the mean of what is known, None where nothing is."""
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 4) if len(known) else None


def concerns(part: Slice, view: View) -> bool:
    """Return whether the view is counted by this slice: pictures have no duration."""
    return not view.kind.is_seen or part.name not in ("duration", "speech rate")


def count_slice(part: Slice, view: View, covered: Covered, facts: RowFacts, members: NDArray[np.bool_]) -> SliceSummary:
    """Return rows, shares and variety of each value of a slice, over the rows that ``members`` marks."""
    place = np.full(len(members), -1, dtype=np.int64)
    if covered.state == "clustered":
        place[covered.rows] = covered.labels
    values = []
    for code, value in enumerate(part.values):
        own = members & (part.codes == code)
        if not own.any():
            continue
        clusters = place[own][place[own] >= 0]
        balance = measure_balance(np.bincount(clusters, minlength=1).astype(np.int64))
        values.append(
            SliceValue(
                value=value,
                rows=int(own.sum()),
                share=round(float(own.sum() / max(members.sum(), 1)), 6),
                misaligned=share_of(facts.misaligned(view.medium)[own]),
                vague=share_of(facts.vague(view.medium)[own].astype(float)),
                clusters=balance.num_clusters,
                effective_clusters=round(balance.effective, 2),
            )
        )
    return SliceSummary(slice=part.name, values=tuple(values))


def clusters_table(view: View, covered: Covered, summary: ViewSummary) -> pa.Table:
    """Return one row a cluster."""
    clusters, near_empty, spread_out = summary.clusters, set(summary.near_empty), set(summary.spread_out)
    return pa.table(
        {
            "view": pa.array([view.name] * len(clusters), pa.string()),
            "cluster": pa.array([c.cluster for c in clusters], pa.int32()),
            "name": pa.array([c.name for c in clusters], pa.string()),
            "words": pa.array([c.words for c in clusters], pa.list_(pa.string())),
            "size": pa.array([c.size for c in clusters], pa.int64()),
            "share": pa.array([c.share for c in clusters], pa.float64()),
            "misaligned_share": pa.array([c.misaligned for c in clusters], pa.float64()),
            "vague_share": pa.array([c.vague for c in clusters], pa.float64()),
            "mean_distance": pa.array([c.mean_distance for c in clusters], pa.float64()),
            "radius": pa.array(covered.radii.tolist(), pa.float64()),
            "is_near_empty": pa.array([c.cluster in near_empty for c in clusters], pa.bool_()),
            "is_spread_out": pa.array([c.cluster in spread_out for c in clusters], pa.bool_()),
            "typical_ids": pa.array([[t.id for t in c.typical] for c in clusters], pa.list_(pa.string())),
            "typical_texts": pa.array([[t.text for t in c.typical] for c in clusters], pa.list_(pa.string())),
            "centroid": pa.array(covered.centroids.astype(np.float32).tolist(), pa.list_(pa.float32())),
        }
    )


def samples_table(
    run: RunFolder, view: View, covered: Covered, clusters: Sequence[ClusterSummary], facts: RowFacts
) -> pa.Table:
    """Return one row a clustered sample: where it is on the map and what is known of it."""
    clustered = covered.state == "clustered"
    count = len(covered.labels)
    rows = covered.rows if clustered else np.zeros(0, dtype=np.int64)
    mapped = np.zeros(count, dtype=bool)
    lonely = np.zeros(count, dtype=bool)
    if clustered:
        mapped[covered.mapped] = True
        lonely[covered.lonely] = True
        # Typical samples are drawn too, so that a small cluster of a large set has a point.
        typical = [entry.index for cluster in clusters for entry in cluster.typical]
        mapped[np.searchsorted(covered.rows, np.array(typical, dtype=np.int64))] = True
    ids = run.samples_table(["id"])["id"].take(pa.array(rows)) if count else pa.chunked_array([[]], pa.string())
    wrong = facts.misaligned(view.medium)[rows]
    return pa.table(
        {
            "view": pa.array([view.name] * count, pa.string()).dictionary_encode(),
            "index": pa.array(rows, pa.int64()),
            "sample_id": ids,
            "cluster": pa.array(covered.labels, pa.int32()),
            "x": pa.array(covered.points[:, 0], pa.float32()),
            "y": pa.array(covered.points[:, 1], pa.float32()),
            "distance": pa.array(covered.distances, pa.float32()),
            "misaligned": pa.array(np.where(np.isfinite(wrong), wrong, 0) > 0, pa.bool_(), mask=~np.isfinite(wrong)),
            "is_vague": pa.array(facts.vague(view.medium)[rows], pa.bool_()),
            "is_lonely": pa.array(lonely, pa.bool_()),
            "is_mapped": pa.array(mapped, pa.bool_()),
        }
    )


def slices_table(view: View, covered: Covered, facts: RowFacts, members: NDArray[np.bool_]) -> pa.Table:
    """Return how many rows of each slice value fall into each cluster (null: the row has no embedding)."""
    place = np.full(len(members), -1, dtype=np.int64)
    if covered.state == "clustered":
        place[covered.rows] = covered.labels
    found: dict[str, list[Any]] = {"slice": [], "value": [], "cluster": [], "rows": []}
    for part in facts.slices if members.any() else ():
        if not concerns(part, view):
            continue
        pairs, counts = np.unique(np.stack([part.codes[members], place[members]]), axis=1, return_counts=True)
        found["slice"] += [part.name] * len(counts)
        found["value"] += [part.values[code] for code in pairs[0].tolist()]
        found["cluster"] += [cluster if cluster >= 0 else None for cluster in pairs[1].tolist()]
        found["rows"] += counts.tolist()
    kinds = {"slice": pa.string(), "value": pa.string(), "cluster": pa.int32(), "rows": pa.int64()}
    columns = {name: pa.array(values, kinds[name]) for name, values in found.items()}
    return pa.table({"view": pa.array([view.name] * len(found["rows"]), pa.string()), **columns})
