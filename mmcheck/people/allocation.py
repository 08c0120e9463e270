"""How a sample is shared out over strata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LEAST = 3
"""Rows drawn of a stratum at least, as far as it has them. Our own choice: two rows of one kind still leave a doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A stratum that rows are to be drawn from."""

    rows: int
    """Rows that it has."""
    spread: float
    """Standard deviation of what is counted in it, over 0: it takes more rows to count what varies."""
    purpose: str
    """What its rows are drawn for; each purpose gets its own part of the sample."""
    at_least: int = 0
    """Rows that are drawn already."""


def share_out(count: int, demands: Sequence[Demand], parts: dict[str, float]) -> list[int]:
    """Return how many rows to draw of each stratum, at most what it has.

    Within a purpose by Neyman (1934, JRSS 97(4)): proportional to rows times spread. What a purpose has no rows for
    goes to the others.

    Args:
        count: Rows in all; more are drawn only where ``at_least`` asks for it.
        demands: The strata.
        parts: Purpose -> its part of the sample, over 0.
    """
    drawn = [min(one.rows, max(one.at_least, min(_LEAST, one.rows))) for one in demands]
    if sum(drawn) > count:
        drawn = [min(one.rows, one.at_least) for one in demands]
    while (left := count - sum(drawn)) > 0:
        room = [place for place, one in enumerate(demands) if drawn[place] < one.rows]
        if not room:
            break
        wanted = _wanted(count, demands, parts, room)
        # The stratum that lacks most gets the next rows; a tenth of what is left at once keeps it quick.
        place = max(room, key=lambda at: (wanted[at] - drawn[at], -at))
        drawn[place] += min(max(1, left // 10), demands[place].rows - drawn[place])
    return drawn


def _wanted(count: int, demands: Sequence[Demand], parts: dict[str, float], room: Sequence[int]) -> dict[int, float]:
    """Return how many rows each stratum that has some left should have in all."""
    purposes = {demands[place].purpose for place in room}
    whole = sum(parts[name] for name in purposes)
    wanted: dict[int, float] = {}
    for name in purposes:
        mine = [place for place in room if demands[place].purpose == name]
        weights = {place: demands[place].rows * demands[place].spread for place in mine}
        total = sum(weights.values())
        wanted |= {place: count * parts[name] / whole * weights[place] / total for place in mine}
    return wanted
