"""Since which row a fault became frequent: the stretch of a sequence whose rate differs most from the rest.

The scan statistic of Kulldorff (1997, Communications in Statistics 26(6)) in one dimension: of all stretches the one
with the largest log-likelihood ratio of "its own, higher rate" against "one rate everywhere". Under one rate the chance
that any of the n (n + 1) / 2 stretches exceeds t is at most about that many times exp(-t), which gives the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Mask
from mmcheck.metrics.rate_evidence import excess_evidence

_BINS = 400
"""Pieces of the sequence between which a stretch is looked for first. Our own choice: 80,000 stretches are tried at
once in a few milliseconds, and the ends are then moved row by row."""
_SURENESS = 7.0
"""Added to the log of the number of stretches. Our own choice: one false stretch in about a thousand even sequences."""
_SLACK = 3.0
"""What an end of the sequence may cost against the best end. Our own choice: "since row 4,001" is told in place of
"rows 4,001 to 9,992" where eight sound rows at the end prove nothing (a probability of 5 %)."""
_LEAST_ROWS = 10  # in a stretch; our own choice: fewer are better looked at one by one
_LEAST_RISE = 0.05  # between the rates inside and outside; our own choice: less is no news, however sure
_LEAST_RATIO = 2.0  # of the rates inside and outside; our own choice, likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive rows with a higher rate than the rest."""

    start: int
    """First row, 0-based."""
    stop: int
    """One past the last."""
    inside: float
    """Rate in it, in [0, 1]."""
    outside: float
    """Rate in the rest, in [0, 1]."""


def find_stretch(has_fault: Mask) -> Stretch | None:
    """Return the stretch in which a fault is much more frequent than outside; None if there is none that is sure.

    Args:
        has_fault: Of each row whether it has the fault, shape (n,), in the order in which the rows stand.
    """
    rows, faults = len(has_fault), int(has_fault.sum())
    if rows < 2 * _LEAST_ROWS or faults in (0, rows):
        return None
    cumulated = np.concatenate([[0], np.cumsum(has_fault, dtype=np.int64)])
    edges = np.unique(np.linspace(0, rows, min(_BINS, rows) + 1).astype(np.int64))
    start, stop = _best_of(cumulated, edges)
    width = int(np.diff(edges).max())
    for _ in range(2):
        start = _move(cumulated, np.arange(max(0, start - width), min(stop - 1, start + width) + 1), stop)
        stop = _move(cumulated, start, np.arange(max(start + 1, stop - width), min(rows, stop + width) + 1))
    start, stop = _to_the_ends(cumulated, start, stop)
    length, hits = stop - start, int(cumulated[stop] - cumulated[start])
    if length < _LEAST_ROWS or length > rows - _LEAST_ROWS:
        return None
    inside, outside = hits / length, (faults - hits) / (rows - length)
    ratio = float(excess_evidence(np.array([hits]), np.array([length]), faults, rows)[0])
    is_sure = ratio > np.log(rows * (rows + 1) / 2) + _SURENESS
    if not is_sure or inside - outside < _LEAST_RISE or inside < _LEAST_RATIO * outside:
        return None
    return Stretch(start=start, stop=stop, inside=inside, outside=outside)


def _best_of(cumulated: NDArray[np.int64], edges: NDArray[np.int64]) -> tuple[int, int]:
    first, last = np.triu_indices(len(edges), k=1)
    start, stop = edges[first], edges[last]
    rows, faults = len(cumulated) - 1, int(cumulated[-1])
    best = int(np.argmax(excess_evidence(cumulated[stop] - cumulated[start], stop - start, faults, rows)))
    return int(start[best]), int(stop[best])


def _to_the_ends(cumulated: NDArray[np.int64], start: int, stop: int) -> tuple[int, int]:
    """Return the stretch up to the first or last row, where a few sound rows there speak little against it."""
    rows, faults = len(cumulated) - 1, int(cumulated[-1])
    starts, stops = np.array([start, start, 0]), np.array([stop, rows, stop])
    ratios = excess_evidence(cumulated[stops] - cumulated[starts], stops - starts, faults, rows)
    if ratios[1] >= ratios[0] - _SLACK and start > 0:
        return start, rows
    return (0, stop) if ratios[2] >= ratios[0] - _SLACK else (start, stop)


def _move(cumulated: NDArray[np.int64], start: NDArray[np.int64] | int, stop: NDArray[np.int64] | int) -> int:
    """Return which of the offered ends makes the stretch most unlike the rest."""
    rows, faults = len(cumulated) - 1, int(cumulated[-1])
    hits, length = cumulated[stop] - cumulated[start], np.asarray(stop) - np.asarray(start)
    best = int(np.argmax(excess_evidence(hits, length, faults, rows)))
    offered = start if isinstance(start, np.ndarray) else stop
    return int(np.asarray(offered)[best])
