"""Texts at the wrong places of their file: moved by some rows, reversed, or sorted otherwise than their media.

A hidden-state model walks down the file. At each place the text that belongs to the medium is its own, or the one k
places away for some k, or none; states rarely change. One vague caption or one further fault inside a moved block then
costs nothing, and a border is where the evidence turns. Reversed blocks run across the band of such offsets; they are
found where they cross their own middle and followed outwards. Whole files sorted otherwise are first brought into each
order that the manifest can tell (see ``repair_orders``); the order that explains most is walked like the file itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Mask, Rows
from mmcheck.metrics.state_posteriors import state_posteriors
from mmcheck.repair.constants import (
    BLOCK_MIN_GAIN,
    BLOCK_MIN_ROWS,
    BLOCK_STAY,
    BLOCK_STRAYS,
    BLOCK_SURE,
    CLUSTER,
    CLUSTERED,
    REACH,
)
from mmcheck.repair.evidence import Evidence
from mmcheck.repair.orders import Arrangement, score_band

_MARGIN = REACH + 8
"""Rows around them that are looked at. Our own choice: the farthest shift, and some to see where it ends."""
_STEP = 64  # rows of a reversed block looked at in one go; our own choice: bounds time


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """Consecutive media whose texts stand elsewhere, all in one manner."""

    kind: str
    """``shift``, ``reversed`` or ``resorted``."""
    offset: int
    """The text belongs to the medium this many places before it (shift; in the new order if resorted)."""
    told: str
    """Half a sentence about the order, for ``resorted``."""
    media: Rows
    """Rows whose text is replaced, shape (m,)."""
    texts: Rows
    """Rows whose text they are given, shape (m,)."""
    confidence: NDArray[np.float64]
    """Probability that each is right, shape (m,)."""
    gain: float
    """By how much this explains the scores better than the file as it stands, in nats."""


def suspect_zones(is_suspect: Mask) -> list[tuple[int, int]]:
    """Return the stretches of a file in which suspects stand close together, each with a margin.

    Args:
        is_suspect: In the order of the file, shape (n,).
    """
    count = len(is_suspect)
    sums = np.concatenate([[0], np.cumsum(is_suspect)])
    width = min(CLUSTER, count)
    if width < CLUSTERED:
        return []
    dense = sums[width:] - sums[:-width] >= CLUSTERED
    zones: list[tuple[int, int]] = []
    for place in np.flatnonzero(dense).tolist():
        low, high = max(0, place - _MARGIN), min(count, place + width + _MARGIN)
        if zones and low <= zones[-1][1]:
            zones[-1] = (zones[-1][0], high)
        else:
            zones.append((low, high))
    return zones


def find_displacements(
    evidence: Evidence, arrangement: Arrangement, zones: Sequence[tuple[int, int]], reach: int = REACH
) -> list[Displacement]:
    """Return the displaced blocks of a file under one arrangement, in order.

    Args:
        evidence: Scores as likelihood ratios.
        arrangement: What stands beside what; identity for the file as it stands.
        zones: Stretches of places to walk.
        reach: Largest shift looked for.
    """
    found: list[Displacement] = []
    for start, stop in zones:
        walk = _Walk(evidence, arrangement, start, stop, reach)
        blocks = walk.shifts() + (walk.reversals() if arrangement.kind == "shift" else [])
        found += _without_overlap(blocks)
    return found


def _without_overlap(blocks: Sequence[Displacement]) -> list[Displacement]:
    kept: list[Displacement] = []
    taken: set[int] = set()
    for block in sorted(blocks, key=lambda block: -block.gain):
        rows = set(block.media.tolist())
        if not rows & taken:
            kept.append(block)
            taken |= rows
    return sorted(kept, key=lambda block: int(block.media.min()))


class _Walk:
    """One zone of a file under one arrangement."""

    def __init__(self, evidence: Evidence, arrangement: Arrangement, start: int, stop: int, reach: int) -> None:
        self._evidence = evidence
        self._arrangement = arrangement
        self._start, self._stop, self._reach = start, stop, reach
        self._media = arrangement.media[start:stop]
        self._is_identity = arrangement.kind == "shift"
        self._band = evidence.weigh(score_band(evidence.scores, arrangement, start, stop, reach))
        self._own = self._band[:, reach] if self._is_identity else evidence.own(self._media)

    def shifts(self) -> list[Displacement]:
        """Return the runs of places whose texts are a constant number of places away."""
        reach, places = self._reach, np.arange(self._start, self._stop)
        band = np.log((1 - BLOCK_STRAYS) * np.exp(self._band.astype(np.float64)) + BLOCK_STRAYS)
        offsets = [k for k in range(-reach, reach + 1) if k or not self._is_identity]
        outside = (places[:, None] + offsets < 0) | (places[:, None] + offsets >= len(self._arrangement.texts))
        moved = np.where(outside, -50.0, band[:, [reach + k for k in offsets]])
        stray = float(np.clip(self._evidence.random_share, 0.02, 0.5))
        home = np.log((1 - stray) * np.exp(self._own.astype(np.float64)) + stray)
        states = np.column_stack([home, np.zeros(len(home)), moved])
        posterior, _ = state_posteriors(states, *self._habits(len(offsets)))
        best = posterior.argmax(axis=1)
        found = []
        for low, high in _runs(best):
            if best[low] >= 2:
                offset = offsets[int(best[low]) - 2]
                own = np.maximum(home[low:high], 0.0)
                gain = float((states[low:high, best[low]] - own).sum())
                found.append(self._block(low, high, offset, posterior[low:high, best[low]], gain))
        return [block for block in found if block is not None]

    def _block(
        self, low: int, high: int, offset: int, posterior: NDArray[np.float32], gain: float
    ) -> Displacement | None:
        texts = self._arrangement.texts[self._start + low + offset : self._start + high + offset]
        media = self._media[low:high]
        ratio = self._band[low:high, self._reach + offset].astype(np.float64)
        confidence = posterior * _fit_probability(ratio, self._own[low:high].astype(np.float64))
        return self._displacement(self._arrangement.kind, offset, media, texts, confidence, gain)

    def _displacement(
        self, kind: str, offset: int, media: Rows, texts: Rows, confidence: NDArray[np.float64], gain: float
    ) -> Displacement | None:
        scores = self._evidence.scores
        differs = scores.text_keys[media] != scores.text_keys[texts]
        keep = scores.has_medium[media] & scores.has_text[texts] & differs
        if keep.sum() < BLOCK_MIN_ROWS or gain < BLOCK_MIN_GAIN:
            return None
        return Displacement(
            kind=kind,
            offset=offset,
            told=self._arrangement.told,
            media=media[keep],
            texts=texts[keep],
            confidence=np.minimum(confidence[keep], BLOCK_SURE),
            gain=gain,
        )

    def _habits(self, num_offsets: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how states follow each other and how the walk begins."""
        count = len(self._arrangement.media)
        # Home is left about once a file, for any one of the offsets; a prior against chance, not a wish.
        leave = np.exp(-2.0) / max(count, 50)
        size = num_offsets + 2
        moves = np.zeros((size, size))
        moves[0, 2:] = leave / num_offsets
        moves[0, 1] = 1e-4
        moves[1, 0], moves[1, 2:] = 0.05, leave / num_offsets
        moves[2:, 0], moves[2:, 1] = (1 - BLOCK_STAY) / 2, (1 - BLOCK_STAY) / 4
        moves[2:, 2:] = (1 - BLOCK_STAY) / 4 / max(1, num_offsets)
        np.fill_diagonal(moves, 0)
        np.fill_diagonal(moves, 1 - moves.sum(axis=1))
        initial = np.full(size, 0.05 / max(1, num_offsets))
        initial[:2] = 0.9, 0.05
        return moves, initial

    def reversals(self) -> list[Displacement]:
        """Return the blocks whose texts are in reverse order."""
        size = self._stop - self._start
        if size < 2 * BLOCK_MIN_ROWS:
            return []
        own = np.maximum(self._own, 0).astype(np.float64)
        gains = self._band.astype(np.float64) - own[:, None]
        # Place i with text j: i + j is the same all through a reversed block.
        sums = np.arange(2 * size - 1)
        depth = np.zeros((len(sums), self._reach + 1))
        for k in range(1, self._reach + 1):
            first, second = (sums - k) // 2, (sums + k) // 2
            fits = ((sums - k) % 2 == 0) & (first >= 0) & (second < size)
            at = np.flatnonzero(fits)
            depth[at, k] = gains[first[at], self._reach + k] + gains[second[at], self._reach - k]
        best = np.cumsum(depth, axis=1).max(axis=1)
        found: list[Displacement] = []
        covered: list[tuple[int, int]] = []
        for total in np.argsort(-best, kind="stable")[:64].tolist():
            if best[total] < BLOCK_MIN_GAIN:
                break
            if any(low <= total / 2 < high for low, high in covered):
                continue
            block, (low, high) = self._unroll(total)
            if block is not None:
                found.append(block)
                covered.append((low, high))
        return found

    def _unroll(self, total: int) -> tuple[Displacement | None, tuple[int, int]]:
        """Follow a reversed block outwards from its middle, where place and text are ``total`` apart from 0 in sum."""
        rows = self._arrangement.media
        middle = total + 2 * self._start
        # The place in the middle, if there is one, has its own text.
        first = (middle + 1) // 2 - 1
        # Only as far as the block goes: a long file has many middles.
        last = max(0, middle - len(rows) + 1)
        sum_, peak, low = 0.0, 0.0, first + 1
        for start in range(first, last - 1, -_STEP):
            lefts = np.arange(start, max(last, start - _STEP + 1) - 1, -1)
            left, right = rows[lefts], rows[middle - lefts]
            totals = sum_ + np.cumsum(self._gain(left, right) + self._gain(right, left))
            peaks = np.maximum.accumulate(np.maximum(totals, peak))
            lost = np.flatnonzero(totals < peaks - 3 * BLOCK_MIN_GAIN)
            seen = slice(0, int(lost[0]) if len(lost) else len(totals))
            if len(totals[seen]) and totals[seen].max() > peak:
                low = int(lefts[totals[seen].argmax()])
                peak = float(totals[seen].max())
            if len(lost):
                break
            sum_ = float(totals[-1])
        if low > first:
            return None, (total // 2, total // 2)
        high = middle - low + 1
        places = np.arange(low, high)
        media, texts = rows[places], rows[middle - places]
        fit = self._evidence.weigh(self._evidence.scores.pairs(media, texts)).astype(np.float64)
        confidence = _fit_probability(fit, self._evidence.own(media).astype(np.float64))
        block = self._displacement("reversed", 0, media, texts, confidence, peak)
        return block, (low - self._start, high - self._start)

    def _gain(self, media: Rows, texts: Rows) -> NDArray[np.float64]:
        fit = self._evidence.weigh(self._evidence.scores.pairs(media, texts)).astype(np.float64)
        own = np.maximum(self._evidence.own(media).astype(np.float64), 0)
        return np.log((1 - BLOCK_STRAYS) * np.exp(fit) + BLOCK_STRAYS) - own


def _fit_probability(ratio: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how probably a displaced text is right, given that its block is: it, the own text, or neither."""
    moved, home = (1 - BLOCK_STRAYS) * np.exp(ratio), 0.01 * np.exp(own)
    return np.asarray(moved / (moved + home + BLOCK_STRAYS), dtype=np.float64)


def _runs(states: NDArray[np.int64]) -> list[tuple[int, int]]:
    borders = np.flatnonzero(np.diff(states)) + 1
    edges = [0, *borders.tolist(), len(states)]
    return list(itertools.pairwise(edges)) if len(states) else []


def explain(block: Displacement, numbers: Rows, file: str, nouns: tuple[str, str]) -> str:
    """Return what happened to a block as a plain sentence, which names the rows whose texts are misplaced.

    Args:
        block: The block.
        numbers: Number in its file of each row of the run, shape (n,).
        file: Name of the file.
        nouns: What medium and text are called: ``image`` and ``caption``.
    """
    rows = numbers[block.media if block.kind == "resorted" else block.texts]
    medium, text = nouns
    place = f"rows {rows.min()}-{rows.max()} of {file}"
    if block.kind == "reversed":
        return f"{place}: the {text}s are in reverse order."
    if block.kind == "resorted":
        told = block.told.replace("texts", f"{text}s").replace("media", f"{medium}s")
        rest = f" ({_side(block.offset, medium)} in that order)" if block.offset else ""
        return f"{place}: {told}{rest}."
    return f"{place}: each {text} belongs to {_side(_row_offset(block, numbers), medium)}."


def _row_offset(block: Displacement, numbers: Rows) -> int:
    """Return the offset of a shift in rows of the file, of which each may hold several texts (a list)."""
    if len(np.unique(numbers[block.texts])) == len(block.texts):
        return block.offset
    found, counts = np.unique(numbers[block.texts] - numbers[block.media], return_counts=True)
    usual = int(found[counts.argmax()])
    return usual if usual else block.offset


def _side(offset: int, medium: str) -> str:
    """Return which medium a text belongs to: with offset k, the text k rows further belongs to the medium."""
    count = abs(offset)
    if count == 1:
        return f"the next {medium}" if offset < 0 else f"the {medium} before it"
    return f"the {medium} {count} rows {'after it' if offset < 0 else 'before it'}"
