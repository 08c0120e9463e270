"""The interval of a rate that was counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SIGMAS = 1.959963984540054
"""Standard deviations of an interval of 95 %. Given by the normal distribution."""


def wilson_interval(hits: ArrayLike, total: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper ends of the 95 % intervals of rates, each in [0, 1].

    The score interval of Wilson (1927, JASA 22(158)): it holds for small counts and for rates near 0 and 1.

    Args:
        hits: Counts, any shape.
        total: Of how many each; where that is 0 the interval is [0, 1].
    """
    found = np.asarray(hits, dtype=np.float64)
    count = np.asarray(total, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = found / count
        spread = _SIGMAS**2 / count
        middle = (rate + spread / 2) / (1 + spread)
        half = np.sqrt(spread * (rate * (1 - rate) + spread / 4)) / (1 + spread)
        low, high = np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
    # Rounding must not take the rate itself out of its interval.
    low, high = np.where(found == 0, 0.0, low), np.where(found == count, 1.0, high)
    return np.where(count > 0, low, 0.0), np.where(count > 0, high, 1.0)
