"""Clusters of two runs that ``mmcheck coverage`` was called for: which grew, shrank, came and vanished."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from mmcheck.compare.summary import ClusterChange
from mmcheck.core.pair_kinds import IMAGE_CAPTION, PAIR_KINDS
from mmcheck.metrics.rate_difference import difference_of_rates
from mmcheck.store.run_folder import RunFolder, read_part

_FILE = "coverage/clusters.parquet"
_EMBEDDED_BY = {**{kind.name: kind.embedded_by for kind in PAIR_KINDS}, "text": IMAGE_CAPTION.embedded_by}
"""View -> probe whose vectors were clustered."""


def compare_clusters(
    before: RunFolder, after: RunFolder, apart: Collection[str]
) -> tuple[list[ClusterChange], list[str]]:
    """Return the clusters that changed, and what could not be compared.

    Two clusters are one if the centre of each lies within the other's radius, and no pairing of all brings them nearer.

    Args:
        before: The earlier run.
        after: The later one.
        apart: Probes whose vectors cannot be compared.

    Raises:
        RunError: If a table is damaged.
    """
    files = [run.path / _FILE for run in (before, after)]
    if not any(file.is_file() for file in files):
        return [], []
    if not all(file.is_file() for file in files):
        lacking = "A" if files[1].is_file() else "B"
        path = before.path if lacking == "A" else after.path
        return [], [f"Clusters were not compared: {lacking} has no coverage yet (mmcheck coverage {path})."]
    old, new = (_read(file) for file in files)
    found: list[ClusterChange] = []
    notes = []
    for view in [view for view in old if view in new]:
        if _EMBEDDED_BY.get(view, view) in apart:
            notes.append(f"The clusters of {view} were not compared: other models made their vectors.")
            continue
        found += _compare(view, old[view], new[view])
    return sorted(found, key=lambda one: -abs(one.share_after - one.share_before)), notes


def _read(file: Path) -> dict[str, list[dict[str, Any]]]:
    views: dict[str, list[dict[str, Any]]] = {}
    columns = ["view", "name", "size", "radius", "centroid"]
    for row in read_part(file, columns).to_pylist():
        views.setdefault(row["view"], []).append(row)
    return views


def _compare(view: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[ClusterChange]:
    totals = sum(row["size"] for row in old), sum(row["size"] for row in new)
    pairs = _pair(old, new)
    alone_old = [row for place, row in enumerate(old) if place not in pairs]
    alone_new = [row for place, row in enumerate(new) if place not in set(pairs.values())]
    both: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = [
        *((old[one], new[other]) for one, other in pairs.items()),
        *((row, None) for row in alone_old),
        *((None, row) for row in alone_new),
    ]
    found = []
    for one, other in both:
        rows = (0 if one is None else one["size"]), (0 if other is None else other["size"])
        difference = difference_of_rates(rows[0], totals[0], rows[1], totals[1])
        named = other or one
        if difference is None or named is None or (one and other and not difference.is_sure):
            continue
        change = "came" if one is None else "vanished" if other is None else "grew" if difference.low > 0 else "shrank"
        found.append(
            ClusterChange(
                view=view,
                name=str(named["name"]),
                change=change,
                rows_before=rows[0],
                rows_after=rows[1],
                share_before=round(rows[0] / totals[0], 6),
                share_after=round(rows[1] / totals[1], 6),
                low=round(difference.low, 6),
                high=round(difference.high, 6),
            )
        )
    return found


def _pair(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[int, int]:
    """Return which cluster of the earlier run is which of the later one."""
    if len(old[0]["centroid"]) != len(new[0]["centroid"]):
        return {}
    centres = [np.array([row["centroid"] for row in rows], dtype=np.float64) for rows in (old, new)]
    distances = cdist(*centres)
    reach = np.minimum(*np.meshgrid([r["radius"] for r in old], [r["radius"] for r in new], indexing="ij"))
    one, other = linear_sum_assignment(distances)
    near = distances[one, other] <= reach[one, other]
    return dict(zip(one[near].tolist(), other[near].tolist(), strict=True))
