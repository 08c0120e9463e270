"""The exact interval of a share that was counted in a random sample, also of a small set drawn nearly whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import special

from mmcheck.core.arrays import Floats, Rows

LEVEL = 0.95
"""How surely an interval holds the truth. Given by custom."""
_SMALL = 20_000
"""Rows of a set from which its size no longer matters. Our own choice: a sample of hundreds is then a few per cent of
it, and the interval without the set's size is the wider one."""


@lru_cache(maxsize=1 << 16)
def exact_interval(hits: int, drawn: int, rows: int | None = None, level: float = LEVEL) -> tuple[float, float]:
    """Return an interval that holds the share of a set with at least the probability ``level``, each end in [0, 1].

    The tails of the hypergeometric distribution are inverted (Buonaccorsi, 1987, The American Statistician 41(3)); of a
    large set those of the binomial one (Clopper and Pearson, 1934, Biometrika 26(4)). It holds for any count, none
    included, and is a point where the whole set was drawn.

    Args:
        hits: Of the drawn rows, those with the property.
        drawn: Rows drawn at random without replacement; of none, the interval is [0, 1].
        rows: Rows of the set; None: very many.
        level: In (0, 1).

    Raises:
        ValueError: If the counts do not fit each other.
    """
    if not 0 <= hits <= drawn or (rows is not None and drawn > rows):
        raise ValueError(f"{hits} of {drawn} drawn of {rows} rows cannot be")
    if not drawn:
        return 0.0, 1.0
    tail = (1.0 - level) / 2
    if rows is None or (rows > _SMALL and drawn < rows):
        low = float(special.betaincinv(hits, drawn - hits + 1, tail)) if hits else 0.0
        high = float(special.betaincinv(hits + 1, drawn - hits, 1 - tail)) if hits < drawn else 1.0
        return low, high
    least, most = hits, rows - (drawn - hits)
    lowest = _first(least, most, lambda count: _probability(hits, drawn, drawn, count, rows) > tail)
    highest = most - _first(0, most - least, lambda step: _probability(0, hits, drawn, most - step, rows) > tail)
    return lowest / rows, highest / rows


def _probability(first: int, last: int, drawn: int, count: int, rows: int) -> float:
    """Return how probable ``first`` to ``last`` hits are among rows drawn from ``rows`` with ``count`` hits."""
    hits = np.arange(max(first, drawn - (rows - count)), min(last, count) + 1)
    logs = _log_choose(count, hits) + _log_choose(rows - count, drawn - hits) - _log_choose(rows, np.array(drawn))
    return float(np.exp(logs).sum())


def _log_choose(of: int, chosen: Rows) -> Floats:
    found: Floats = special.gammaln(of + 1) - special.gammaln(chosen + 1) - special.gammaln(of - chosen + 1)
    return found


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the first of ``low`` .. ``high`` for which something holds that holds for all later ones."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
