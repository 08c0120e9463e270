"""How far the values of a metric have moved from one set to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import ks_2samp

from mmcheck.core.arrays import Floats

_BINS = 10  # bins of the stability index; taken from credit scoring, where deciles are the custom
_HALF = 0.5  # rows added to each bin; our own choice: an empty bin makes no infinite index


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What moved."""

    stability_index: float
    """Population stability index (PSI), at least 0."""
    distance: float
    """Largest distance of the two distribution functions (Kolmogorov-Smirnov), in [0, 1]."""
    p_value: float
    """Of that distance."""


def measure_shift(first: Floats, second: Floats) -> Shift:
    """Return how far two sets of values lie apart.

    Args:
        first: Values of the first set, at least one, finite.
        second: Values of the second, likewise.
    """
    test = ks_2samp(first, second, method="asymp")
    return Shift(
        stability_index=stability_index(first, second),
        distance=float(test.statistic),
        p_value=float(np.clip(test.pvalue, 0.0, 1.0)),
    )


def stability_index(first: Floats, second: Floats) -> float:
    """Return the population stability index over bins with equal shares of the first set (Siddiqi, 2006).

    Values that many rows share make a bin of their own, so there may be fewer bins.

    Args:
        first: Values of the first set, at least one, finite.
        second: Values of the second, likewise.
    """
    edges = np.unique(np.quantile(first, np.linspace(0, 1, _BINS + 1)[1:-1]))
    before, after = (
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) + _HALF
        for values in (first, second)
    )
    old, new = before / before.sum(), after / after.sum()
    return float(((new - old) * np.log(new / old)).sum())
