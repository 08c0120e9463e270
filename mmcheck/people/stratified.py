"""What a stratified random sample says of the whole set: shares with their intervals.

A sample may be drawn more thinly in one part of a set than in another; each part then counts with its own number of
rows (Horvitz and Thompson, 1952, JASA 47(260); Cochran, Sampling Techniques, 1977, chapter 5: the weight of a drawn row
is one over the probability with which it was drawn). Parts are small and counts are often 0, where the normal
distribution gives intervals that hold nothing, so intervals are put together of exact ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmcheck.people.exact_interval import LEVEL, exact_interval

_STEPS = 32  # halvings of an interval that is searched; our own choice: far below any digit that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A part of the set that was drawn from at random."""

    rows: float
    """Rows of the part; not whole where it is an estimate itself."""
    drawn: int
    """Rows of it that people decided about."""
    mismatched: int
    """Of these, mismatched."""
    expected: float = 0.5
    """Share of mismatched rows that is taken for the estimate where nothing was drawn; the interval is then all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of the set as it was estimated."""

    value: float | None
    """In [0, 1]; None where there is nothing that it could be a share of, as far as the sample shows."""
    low: float
    high: float
    """The interval, with ``low <= value <= high``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Of which rows a share is taken: of each cell the matched rows, the mismatched ones, both or none."""

    matched: Sequence[bool]
    """By cell, whether its matched rows count."""
    mismatched: Sequence[bool]
    """By cell, whether its mismatched rows count."""


def estimate_share(cells: Sequence[Cell], part: Parts, whole: Parts, level: float = LEVEL) -> Share:
    """Return which share of ``whole`` the rows of ``part`` are.

    Of all shares, those belong to the interval for which ``part - share * whole`` may be 0 (the idea of Fieller, 1954,
    JRSS B 16(2)). The interval of that difference, a weighted sum over cells, is put together of the cells' exact
    intervals by the method of variance estimates recovery (Zou and Donner, 2008, Statistics in Medicine 27(10)).

    Args:
        cells: The parts of the set, drawn from independently.
        part: Rows of the numerator; each is one of ``whole``.
        whole: Rows of the denominator.
        level: How surely the interval holds the truth, in (0, 1).
    """
    share = [cell.mismatched / cell.drawn if cell.drawn else cell.expected for cell in cells]
    ends = [_ends(cell, level) for cell in cells]
    # Rows of a cell that count: a constant, and a slope times its share of mismatched rows.
    top, bottom = _lines(cells, part), _lines(cells, whole)

    def ends_of(theta: float) -> tuple[float, float]:
        middle = below = above = 0.0
        for (start, slope), (other_start, other_slope), own, (low, high) in zip(top, bottom, share, ends, strict=True):
            weight = slope - theta * other_slope
            middle += start - theta * other_start + weight * own
            worst, best = (low, high) if weight > 0 else (high, low)
            below += (weight * (own - worst)) ** 2
            above += (weight * (best - own)) ** 2
        return middle - math.sqrt(below), middle + math.sqrt(above)

    denominator = _total(bottom, share)
    if denominator <= 0:
        return Share(value=None, low=0.0, high=1.0)
    value = min(max(_total(top, share) / denominator, 0.0), 1.0)
    return Share(
        value=value,
        low=_search(0.0, value, lambda theta: ends_of(theta)[0] <= 0),
        high=_search(1.0, value, lambda theta: ends_of(theta)[1] >= 0),
    )


def _ends(cell: Cell, level: float) -> tuple[float, float]:
    """Return the exact interval of a cell, wider by half a row at either end where rows of it were not seen.

    In a small cell the truth often stands at the very end of its interval; the least doubt of another cell would then
    put the sum of both out of theirs.
    """
    rows = max(round(cell.rows), cell.drawn)
    low, high = exact_interval(cell.mismatched, cell.drawn, rows, level)
    half = 0.5 / rows if rows > cell.drawn else 0.0
    return max(low - half, 0.0), min(high + half, 1.0)


def _lines(cells: Sequence[Cell], parts: Parts) -> list[tuple[float, float]]:
    return [
        (cell.rows * matched, cell.rows * (mismatched - matched))
        for cell, matched, mismatched in zip(cells, parts.matched, parts.mismatched, strict=True)
    ]


def _total(lines: Sequence[tuple[float, float]], share: Sequence[float]) -> float:
    return math.fsum(start + slope * own for (start, slope), own in zip(lines, share, strict=True))


def _search(outside: float, inside: float, holds: Callable[[float], bool]) -> float:
    """Return the value nearest to ``outside`` that still belongs to the interval; ``inside`` does."""
    if holds(outside):
        return outside
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
