"""The values of the metrics of two runs: which distributions moved. One metric is in memory at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import numpy as np

from mmcheck.compare.summary import MetricShift, ShareChange
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.progress import Progress
from mmcheck.core.sentences import percent
from mmcheck.decide.metric_values import MetricValues
from mmcheck.decide.mismatched_share import MismatchedShare, find_mismatched_share
from mmcheck.metrics.distribution_shift import measure_shift
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import metric_columns

MOVED_INDEX = 0.1
"""Stability index (PSI) from which values have moved. Taken from credit scoring: below it a change is called small."""
MOVED_LEVEL = 0.01
"""Corrected p-value below which a distance is no chance. Our own choice: one set of metrics in a hundred."""


def find_shifts(before: RunFolder, after: RunFolder, apart: Collection[str], progress: Progress) -> list[MetricShift]:
    """Return how far each metric of both runs moved, the farthest first.

    Args:
        before: The earlier run.
        after: The later one.
        apart: Probes and analyses whose values cannot be compared.
        progress: Told of each shard.

    Raises:
        RunError: If a part is missing or damaged.
    """
    names = [name for name in before.probes() if name in after.probes() and name not in apart]
    with tempfile.TemporaryDirectory(prefix="mmcheck-compare-") as scratch:
        with (
            closing(_read(before, names, Path(scratch), progress)) as old,
            closing(_read(after, names, Path(scratch), progress)) as new,
        ):
            known = set(new.names())
            found = [_measure(metric, old, new) for metric in old.names() if metric in known]
    return sorted(_correct(found), key=lambda shift: (-shift.stability_index, shift.metric))


def _read(run: RunFolder, names: Collection[str], scratch: Path, progress: Progress) -> MetricValues:
    values = MetricValues(scratch)
    for shard in run.shards():
        for name in names:
            table = read_part(run.measurements_part(name, shard))
            for short in metric_columns(table):
                found = table[short].drop_null().to_numpy().astype(np.float64)
                values.add(f"{name}.{short}", found[np.isfinite(found)])
        progress.advance(shard.stop - shard.start)
    return values


def _measure(metric: str, before: MetricValues, after: MetricValues) -> MetricShift:
    old, new = before.get(metric), after.get(metric)
    shift = measure_shift(old, new)
    return MetricShift(
        metric=metric,
        values_before=len(old),
        values_after=len(new),
        median_before=float(np.median(old)),
        median_after=float(np.median(new)),
        stability_index=round(shift.stability_index, 6),
        distance=round(shift.distance, 6),
        p_value=shift.p_value,
        moved=False,
    )


def _correct(shifts: list[MetricShift]) -> list[MetricShift]:
    """Return the shifts with p-values corrected by Holm's method (1979), and which of them are more than chance."""
    order = sorted(range(len(shifts)), key=lambda place: shifts[place].p_value)
    found = list(shifts)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, shifts[place].p_value * (len(shifts) - rank)))
        moved = highest < MOVED_LEVEL and shifts[place].stability_index >= MOVED_INDEX
        found[place] = shifts[place].model_copy(update={"p_value": highest, "moved": moved})
    return found


def compare_shares(before: RunFolder, after: RunFolder, apart: Collection[str]) -> list[ShareChange]:
    """Return the mismatched share of each kind of pair in both runs.

    Args:
        before: The earlier run.
        after: The later one.
        apart: Probes and analyses that differ.
    """
    found = []
    for kind in PAIR_KINDS:
        old, new = find_mismatched_share(before, kind), find_mismatched_share(after, kind)
        if old is None and new is None:
            continue
        by = kind.compared_by(after.record.probes) or kind.compared_by(before.record.probes)
        is_other = by is not None and (by.probe in apart or by.judged_by in apart)
        found.append(
            ShareChange(
                kind=kind.name,
                before=None if old is None else old.share,
                before_low=None if old is None else old.low,
                before_high=None if old is None else old.high,
                after=None if new is None else new.share,
                after_low=None if new is None else new.low,
                after_high=None if new is None else new.high,
                sentence=_tell(kind.pairs, old, new, is_other=is_other),
            )
        )
    return found


def _tell(pairs: str, old: MismatchedShare | None, new: MismatchedShare | None, *, is_other: bool) -> str:
    told = [
        "not known" if one is None else f"{percent(one.share)} % ({percent(one.low)} to {percent(one.high)} %)"
        for one in (old, new)
    ]
    sentence = f"Mismatched {pairs}: {told[0]} before, {told[1]} after"
    if old is None or new is None:
        return f"{sentence}."
    if is_other:
        return f"{sentence}; other models or options estimated them."
    if new.low > old.high:
        return f"{sentence}: surely more."
    if new.high < old.low:
        return f"{sentence}: surely fewer."
    return f"{sentence}: no sure difference." if old != new else f"{sentence}: the same."
