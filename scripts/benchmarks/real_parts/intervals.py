"""Intervals of 95 % around shares and around ROC-AUC."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_Z = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
_RESAMPLES = 1000
_ABSENT = -1e9
"""Badness of what has no score: a detector that says nothing finds nothing (`quality_parts.figures.roc_auc`)."""


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the interval of a share (Wilson, JASA 1927); NaN without a trial."""
    if count <= 0:
        return float("nan"), float("nan")
    share, square = hits / count, _Z**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z / (1 + square / count) * sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def area(sound: Floats, faulty: Floats) -> float:
    """Return the chance that a faulty one scores above a sound one, ties half; NaN without either."""
    if not len(sound) or not len(faulty):
        return float("nan")
    return _area(np.sort(_known(sound)), _known(faulty))


def area_interval(sound: Floats, faulty: Floats, *, seed: int = 0) -> tuple[float, float]:
    """Return percentiles 2.5 and 97.5 of the area over resamples of both groups (Efron's bootstrap).

    Args:
        sound: Badness of the sound rows, one a recording.
        faulty: Badness of the faulty rows, one a recording.
        seed: For the resamples.
    """
    if not len(sound) or not len(faulty):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    one, two = _known(sound), _known(faulty)
    found = [_area(np.sort(rng.choice(one, len(one))), rng.choice(two, len(two))) for _ in range(_RESAMPLES)]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _known(values: Floats) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=_ABSENT, posinf=-_ABSENT, neginf=_ABSENT)


def _area(ordered: NDArray[np.float64], faulty: NDArray[np.float64]) -> float:
    below = np.searchsorted(ordered, faulty, side="left")
    up_to = np.searchsorted(ordered, faulty, side="right")
    return float((below + up_to).mean() / (2 * len(ordered)))
