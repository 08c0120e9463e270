"""Displaced captions: planted exchanges, shifts and re-sortings, and what repair makes of them.

A proposal is right only if it gives a picture its own caption back; another caption that happens to be true counts as
wrong. Sets in which nothing was moved, or in which captions come from outside, show what repair makes up.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.quality_parts.figures import Counts
from scripts.benchmarks.quality_parts.images import MODELS, NEAR_SHARE
from scripts.benchmarks.quality_parts.pairs import Pool
from scripts.benchmarks.quality_parts.repairing import propose
from scripts.benchmarks.quality_parts.sets import STYLES, Planted, Recipe, plant, shuffle_rows

Log = Callable[[str], None]
Rows = NDArray[np.int64]

MOVED_SHARE = 0.05
"""Of the rows; block moves take twice as many."""


@dataclass(slots=True, kw_only=True)
class MoveOutcome:
    """What repair proposed in one set."""

    size: int
    style: str
    model: str
    seed: int
    move: str
    counts: Counts
    """Right proposals, wrong proposals, moved rows without a right proposal, rows that were not moved."""
    num_true: int
    """Proposed captions that are true of their picture, its own or not."""
    is_block: bool
    """Whether a block was moved as a whole."""
    block_error: int | None
    """Rows by which the found block's worse end is off; None if no block was found or planted."""
    false_blocks: int
    """Found blocks that overlap no planted one."""


@dataclass(frozen=True, slots=True)
class _Move:
    rows: Rows
    """Rows that lost their caption."""
    blocks: tuple[tuple[int, int], ...] = ()
    """First row and one past the last, where they stand together: by their pictures, and by their captions."""


def measure(
    pool_of: Callable[[int, int], Pool], sizes: Sequence[int], seeds: Sequence[int], log: Log
) -> list[MoveOutcome]:
    """Return the outcomes of repair on sets with displaced captions."""
    outcomes: list[MoveOutcome] = []
    for size in sizes:
        for model, blur in MODELS.items():
            for style in STYLES:
                for seed in seeds:
                    pool = pool_of(seed, size)
                    for name, move in MOVES.items():
                        rng = random.Random(f"moves-{seed}-{size}-{model}-{style}-{name}")
                        recipe = Recipe(size=size, style=style, near=NEAR_SHARE, blur=blur)
                        planted = plant(pool, recipe, rng)
                        moved = move(planted, rng)
                        outcome = _judge(planted, moved)
                        outcomes.append(
                            MoveOutcome(size=size, style=style, model=model, seed=seed, move=name, **outcome)
                        )
                log(f"repair: {size} rows, {style}, {model}")
    return outcomes


def _judge(planted: Planted, move: _Move) -> dict[str, object]:
    found = propose(planted)
    captions = planted.captions()
    moved = set(move.rows.tolist())
    hits = false_alarms = num_true = 0
    for row, source in found.proposals:
        own = {captions[other] for other in moved if planted.caption[other] == planted.picture[row]}
        is_right = planted.caption[source] == planted.picture[row] or captions[source] in own
        hits += is_right and row in moved
        num_true += planted.fits(row, source)
        false_alarms += not (is_right and row in moved)
    has_own = {row for row in moved if (planted.caption == planted.picture[row]).any()}
    counts = Counts(hits, false_alarms, len(has_own) - hits, len(planted) - len(moved))
    error, false_blocks = None, 0
    for start, stop in found.blocks:
        if not any(start < last and stop > first for first, last in move.blocks):
            false_blocks += 1
            continue
        off = min(max(abs(start - first), abs(stop - last)) for first, last in move.blocks)
        error = off if error is None else min(error, off)
    return {"counts": counts, "is_block": bool(move.blocks), "block_error": error, "false_blocks": false_blocks} | {
        "num_true": num_true
    }


def _exchange(planted: Planted, rng: random.Random) -> _Move:
    rows = rng.sample(range(len(planted)), max(4, round(MOVED_SHARE * len(planted))))
    shuffle_rows(planted, rows, rng)
    return _Move(_displaced(planted, rows))


def _shift(steps: int) -> Callable[[Planted, random.Random], _Move]:
    def move(planted: Planted, rng: random.Random) -> _Move:
        rows = _block(planted, rng)
        return _rotate(planted, rows, steps)

    return move


def _rotate(planted: Planted, rows: list[int], steps: int) -> _Move:
    """Move captions down; those that fall off the end stand at the top, where no shift explains them."""
    planted.take_captions(rows, rows[-steps:] + rows[:-steps])
    start, stop = rows[0], rows[-1] + 1
    return _Move(_displaced(planted, rows), ((start, stop - steps), (start + steps, stop)))


def _shift_all(planted: Planted, rng: random.Random) -> _Move:
    return _rotate(planted, list(range(len(planted))), 1)


def _reverse(planted: Planted, rng: random.Random) -> _Move:
    rows = _block(planted, rng)
    planted.take_captions(rows, rows[::-1])
    return _Move(_displaced(planted, rows), ((rows[0], rows[-1] + 1),))


def _outsiders(planted: Planted, rng: random.Random) -> _Move:
    """Give rows captions of pictures outside the set: there is no partner to be found."""
    rows = rng.sample(range(len(planted)), max(4, round(MOVED_SHARE * len(planted))))
    inside = set(planted.picture.tolist())
    outside = [row for row in range(len(planted.pool)) if row not in inside]
    if len(outside) < len(rows):
        return _Move(np.zeros(0, dtype=np.int64))
    for row, source in zip(rows, rng.sample(outside, len(rows)), strict=True):
        planted.caption[row] = source
    return _Move(np.zeros(0, dtype=np.int64))


def _leave(planted: Planted, rng: random.Random) -> _Move:
    return _Move(np.zeros(0, dtype=np.int64))


MOVES: dict[str, Callable[[Planted, random.Random], _Move]] = {
    "5 % exchanged": _exchange,
    "block shift by 1": _shift(1),
    "block shift by 3": _shift(3),
    "block reversed": _reverse,
    "whole set: shift by 1": _shift_all,
    "5 % from outside": _outsiders,
    "nothing": _leave,
}


def _block(planted: Planted, rng: random.Random) -> list[int]:
    length = max(12, round(2 * MOVED_SHARE * len(planted)))
    start = rng.randrange(5, len(planted) - length - 5)
    return list(range(start, start + length))


def _displaced(planted: Planted, rows: Sequence[int]) -> Rows:
    return np.array([row for row in rows if planted.caption[row] != planted.picture[row]], dtype=np.int64)
