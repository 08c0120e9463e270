"""How much two rates differ: intervals of the difference, for other rows and for the same rows twice, and a test."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import binom

from mmcheck.metrics.rate_interval import wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDifference:
    """A second rate less a first one."""

    difference: float
    """In [-1, 1]."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""

    @property
    def is_sure(self) -> bool:
        """Return whether the interval says which of the two is larger."""
        return self.low > 0 or self.high < 0


def difference_of_rates(first: int, first_total: int, second: int, second_total: int) -> RateDifference | None:
    """Return the difference of the rates of two independent sets; None if one is empty.

    The hybrid score interval of Newcombe (1998, Statistics in Medicine 17, 873-890, method 10).

    Args:
        first: Hits of the first set.
        first_total: Its size.
        second: Hits of the second set.
        second_total: Its size.
    """
    if not first_total or not second_total:
        return None
    one, other = first / first_total, second / second_total
    (low_1, high_1), (low_2, high_2) = _ends(first, first_total), _ends(second, second_total)
    difference = other - one
    return RateDifference(
        difference=difference,
        low=max(-1.0, difference - math.hypot(other - low_2, high_1 - one)),
        high=min(1.0, difference + math.hypot(high_2 - other, one - low_1)),
    )


def difference_of_paired_rates(both: int, first_only: int, second_only: int, neither: int) -> RateDifference | None:
    """Return the difference of two rates of the same rows; None without a row.

    The score interval with the correlation of the two (Newcombe, 1998, Stat. in Medicine 17, 2635-2650, method 10).

    Args:
        both: Rows hit both times.
        first_only: Rows hit the first time alone.
        second_only: Rows hit the second time alone.
        neither: Rows hit neither time.
    """
    total = both + first_only + second_only + neither
    if not total:
        return None
    first, second = both + first_only, both + second_only
    one, other = first / total, second / total
    (low_1, high_1), (low_2, high_2) = _ends(first, total), _ends(second, total)
    phi = _phi(both, first_only, second_only, neither)
    below, above = (other - low_2, high_1 - one), (high_2 - other, one - low_1)
    difference = (second_only - first_only) / total
    return RateDifference(
        difference=difference,
        low=max(-1.0, difference - _joined(*below, phi)),
        high=min(1.0, difference + _joined(*above, phi)),
    )


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947), in (0, 1].

    Args:
        first_only: Rows hit the first time alone.
        second_only: Rows hit the second time alone.
    """
    total = first_only + second_only
    if not total:
        return 1.0
    return min(1.0, 2.0 * float(binom.cdf(min(first_only, second_only), total, 0.5)))


def _ends(hits: int, total: int) -> tuple[float, float]:
    low, high = wilson_interval(hits, total)
    return float(low), float(high)


def _phi(both: int, first_only: int, second_only: int, neither: int) -> float:
    """Return the correlation, corrected for continuity where it is positive, as Newcombe does."""
    spread = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    if not spread:
        return 0.0
    total = both + first_only + second_only + neither
    cross = float(both * neither - first_only * second_only)
    if cross > 0:
        cross = max(cross - total / 2, 0.0)
    return cross / math.sqrt(spread)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
