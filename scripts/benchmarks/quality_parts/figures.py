"""Figures of detection quality, each with its definition; sums over sets are made of counts, not of ratios."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Counts:
    """What was taken and what should have been."""

    hits: int = 0
    """Faulty rows that were taken."""
    false_alarms: int = 0
    """Sound rows that were taken."""
    misses: int = 0
    """Faulty rows that were not taken."""
    sound: int = 0
    """Sound rows, taken or not."""

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of both together."""
        return Counts(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
            self.sound + other.sound,
        )

    @property
    def precision(self) -> float:
        """Faulty ones among those taken; NaN if none was taken."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Taken ones among the faulty; NaN if none was faulty."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def false_rate(self) -> float:
        """Taken ones among the sound."""
        return _ratio(self.false_alarms, self.sound)


def count(taken: Bools, faulty: Bools) -> Counts:
    """Return the counts of one set; both arrays have shape (n,)."""
    return Counts(
        int((taken & faulty).sum()),
        int((taken & ~faulty).sum()),
        int((~taken & faulty).sum()),
        int((~faulty).sum()),
    )


def total(counts: Iterable[Counts]) -> Counts:
    """Return the counts of several sets together."""
    return sum(counts, Counts())


def roc_auc(badness: Floats, faulty: Bools) -> float:
    """Return the chance that a faulty row scores above a sound one (ties count half); NaN without either.

    Rows without a score (NaN) count as the most sound: a detector that says nothing finds nothing.
    """
    from sklearn.metrics import roc_auc_score

    if faulty.all() or not faulty.any():
        return float("nan")
    known = np.nan_to_num(badness, nan=-1e9, posinf=1e9, neginf=-1e9)
    return float(roc_auc_score(faulty, known))


def best_threshold(badness: Floats, faulty: Bools) -> float:
    """Return the limit of the largest F1, found with the truth in hand: an oracle that no user has."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, limits = precision_recall_curve(faulty, np.nan_to_num(badness, nan=-1e9))
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(limits[int(f1[:-1].argmax())])


def calibration(stated: Floats, faulty: Bools, bins: int = 10) -> tuple[float, list[tuple[int, float, float]]]:
    """Return the expected calibration error and the bins.

    Equal-width bins of the stated probability; the error is the mean over rows of |stated mean - faulty share| of the
    row's bin (Naeini, Cooper and Hauskrecht, AAAI 2015).

    Returns:
        The error in 0 to 1, and for each bin its rows, mean stated probability and share of faulty rows (NaN if empty).
    """
    known = np.isfinite(stated)
    stated, faulty = stated[known], faulty[known]
    place = np.minimum((stated * bins).astype(int), bins - 1)
    rows: list[tuple[int, float, float]] = []
    error = 0.0
    for index in range(bins):
        here = place == index
        size = int(here.sum())
        said, true = (float(stated[here].mean()), float(faulty[here].mean())) if size else (np.nan, np.nan)
        rows.append((size, said, true))
        error += abs(said - true) * size if size else 0.0
    return (error / len(stated) if len(stated) else float("nan")), rows


def recall_at(badness_sound: Floats, badness_faulty: Floats, false_alarms: float) -> float:
    """Return the share of faulty rows above the limit that the given share of sound rows exceeds."""
    limit = np.quantile(np.nan_to_num(badness_sound, nan=-1e9), 1.0 - false_alarms, method="higher")
    return float((np.nan_to_num(badness_faulty, nan=-1e9) > limit).mean())


def mean(values: Sequence[float]) -> float:
    """Return the mean of those that are numbers; NaN if none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def worst(values: Sequence[float], *, low_is_bad: bool = True) -> float:
    """Return the worst of those that are numbers; NaN if none is."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return float("nan")
    return min(known) if low_is_bad else max(known)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
