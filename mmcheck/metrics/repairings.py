"""Random pairs of a bank's own halves, each scored as a row of the set that held just this pair would be.

What a row is held against are strangers: rows of the bank whose image is not nearly the row's own, and whose text is
not nearly its text. For the image of one row with the text of another, that leaves out near-copies of this image and of
this text, not only the two rows. Otherwise the random pairs, which are the scale for all others, would be held against
their own text in other copies where the set's rows are not.

Only the products of the bank with itself are needed, whatever the number of pairs: each row's best columns are looked
up once, and what is near a pair's other half is struck off for that pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Mask, Rows
from mmcheck.metrics.hubness import TEMPERATURE, Exponentials, blocks

_SPARE = 32
"""Best columns that are looked up beyond the neighbours, for those that are struck off. Our own choice: a pair's
near-copies are seldom more; where they are, the row is looked up again."""
_TRACE = 1e-3
"""Share of a sum below which what is left after striking off is added up again. Our own choice: below it the difference
is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairings:
    """Pairs of the image of row ``first[i]`` with the text of row ``first[(i + o + 1) % k]``, all of shape (k, o)."""

    unlike: Mask
    """Whether neither the images nor the texts of the two rows are nearly the same."""
    own: Floats32
    """Cosine of the pair."""
    image_level: Floats32
    """Mean cosine of the image with its nearest strange texts; NaN without strangers."""
    text_level: Floats32
    """Mean cosine of the text with its nearest strange images; NaN without strangers."""
    text_mean: Floats32
    """Mean cosine of the text with all images but those of near-copies of the text."""
    image: Exponentials | None
    """The image among its strange texts, where it was wanted."""
    text: Exponentials | None
    """The text among its strange images, where it was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    level: Floats32
    mean: Floats32
    log_mean: Floats32
    count: NDArray[np.int32]


def first_copies(images: Floats32, texts: Floats32, image_limit: float, text_limit: float) -> Rows:
    """Return the rows that are no near-copies, in both halves, of an earlier row, ascending.

    Args:
        images: Unit vectors, shape (m, d).
        texts: Unit vectors, shape (m, d).
        image_limit: Cosine above which two images are nearly the same.
        text_limit: Cosine above which two texts are nearly the same.
    """
    found = []
    for start, stop in blocks(len(images), max(1, len(images))):
        alike = (images[start:stop] @ images[:stop].T > image_limit) & (texts[start:stop] @ texts[:stop].T > text_limit)
        earlier = np.arange(stop)[None] < np.arange(start, stop)[:, None]
        found.append(start + np.flatnonzero(~(alike & earlier).any(axis=1)))
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def find_repairings(
    images: Floats32,
    texts: Floats32,
    first: Rows,
    num_offsets: int,
    *,
    neighbours: int,
    image_limit: float,
    text_limit: float,
    with_exponentials: bool = False,
) -> Repairings:
    """Return what the pairs of each chosen row's image with the texts of the ``num_offsets`` rows behind it reach.

    Args:
        images: Unit vectors of the bank in random order, shape (m, d).
        texts: Unit vectors, shape (m, d).
        first: The rows that are paired, shape (k,); all of the bank are strangers to them.
        num_offsets: Below k.
        neighbours: Nearest strangers that make up a level.
        image_limit: Cosine above which two images are nearly the same.
        text_limit: Cosine above which two texts are nearly the same.
        with_exponentials: Whether ``image`` and ``text`` are wanted.
    """
    count = len(first)
    offsets = np.arange(1, num_offsets + 1)
    partner = (np.arange(count)[:, None] + offsets) % max(count, 1)
    shape = (count, num_offsets)
    unlike, own = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.float32)
    sides = [
        _Side(
            level=np.full(shape, np.nan, dtype=np.float32),
            mean=np.full(shape, np.nan, dtype=np.float32),
            log_mean=np.full(shape if with_exponentials else (0, 0), np.nan, dtype=np.float32),
            count=np.zeros(shape, dtype=np.int32),
        )
        for _ in range(2)
    ]
    for start, stop in blocks(count, max(1, len(images))):
        rows = np.arange(start, stop)
        # Consecutive rows have partners in common, so what is near those is worked out once a block.
        after = first[np.arange(start, stop + num_offsets) % count]
        before = first[np.arange(start - num_offsets, stop) % count]
        cosines = images[first[rows]] @ texts.T
        like_image = images[first[rows]] @ images.T > image_limit
        near_text = texts[after] @ texts.T > text_limit
        local = np.arange(stop - start)[:, None]
        columns = first[partner[rows]]
        own[rows] = cosines[local, columns]
        unlike[rows] = ~like_image[local, columns] & ~near_text[local + offsets, first[rows][:, None]]
        _fill(sides[0], rows, cosines, like_image, near_text, local + offsets, neighbours, with_exponentials)
        cosines = texts[first[rows]] @ images.T
        like_text = texts[first[rows]] @ texts.T > text_limit
        near_image = images[before] @ images.T > image_limit
        _fill(
            sides[1], rows, cosines, like_text, near_image, local + num_offsets - offsets, neighbours, with_exponentials
        )
    # The second side is by the text's row; here it is asked by the image's.
    at = (partner, np.broadcast_to(offsets - 1, shape))
    return Repairings(
        unlike=unlike,
        own=own,
        image_level=sides[0].level,
        text_level=sides[1].level[at],
        text_mean=sides[1].mean[at],
        image=Exponentials(log_mean_exp=sides[0].log_mean, num_strangers=sides[0].count) if with_exponentials else None,
        text=Exponentials(log_mean_exp=sides[1].log_mean[at], num_strangers=sides[1].count[at])
        if with_exponentials
        else None,
    )


def _fill(
    side: _Side,
    rows: Rows,
    cosines: Floats32,
    known: Mask,
    near: Mask,
    place: Rows,
    neighbours: int,
    exponentials: bool,
) -> None:
    """Work out one half of a block of rows.

    Args:
        side: Where it goes.
        rows: The block, shape (b,).
        cosines: Of the rows with all columns, shape (b, m). Overwritten.
        known: Columns that are near the row's own half, shape (b, m).
        near: Columns that are near another half, shape (p, m).
        place: Line of ``near`` that holds for a row and an offset, shape (b, o).
        neighbours: Nearest strangers that make up a level.
        exponentials: Whether the sums of exponentials are wanted.
    """
    num_strangers = (~known).sum(axis=1)
    cosines[known] = 0
    with np.errstate(invalid="ignore"):
        side.mean[rows] = (cosines.sum(axis=1) / num_strangers)[:, None]
    cosines[known] = -np.inf
    taken = min(neighbours + _SPARE, cosines.shape[1])
    best = np.argpartition(cosines, cosines.shape[1] - taken, axis=1)[:, -taken:]
    values = np.take_along_axis(cosines, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    best, values = np.take_along_axis(best, order, axis=1), np.take_along_axis(values, order, axis=1)
    sums = _Sums(cosines, values[:, 0], near) if exponentials else None
    for offset in range(place.shape[1]):
        lines = place[:, offset]
        kept = ~near[lines[:, None], best] & np.isfinite(values)
        kept &= np.cumsum(kept, axis=1) <= neighbours
        number = kept.sum(axis=1)
        with np.errstate(invalid="ignore"):
            level = np.where(kept, values, 0).sum(axis=1, dtype=np.float64) / number
        short = np.flatnonzero((number < neighbours) & (num_strangers > taken))
        if len(short):
            level[short] = _level(np.where(near[lines[short]], -np.inf, cosines[short]), neighbours)
        side.level[rows, offset] = level
        if sums is not None:
            side.log_mean[rows, offset], side.count[rows, offset] = sums.without(lines)


def _level(cosines: Floats32, neighbours: int) -> NDArray[np.float64]:
    wanted = min(neighbours, cosines.shape[1])
    top = np.partition(cosines, cosines.shape[1] - wanted, axis=1)[:, -wanted:].astype(np.float64)
    known = np.isfinite(top)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, top, 0).sum(axis=1) / known.sum(axis=1))


class _Sums:
    """Sums of exp(cosine / TEMPERATURE) over the strangers of a block of rows.

    Args:
        cosines: Shape (b, m), -inf where a column is no stranger.
        peaks: Largest of each row, shape (b,).
        near: Columns that are near another half, shape (p, m).
    """

    def __init__(self, cosines: Floats32, peaks: Floats32, near: Mask) -> None:
        self._cosines = cosines
        self._near = near
        self._peaks = np.where(np.isfinite(peaks), peaks, 0).astype(np.float64)
        self._terms = np.exp((cosines - self._peaks[:, None].astype(np.float32)) / TEMPERATURE)
        self._is_stranger = np.isfinite(cosines)
        self._totals = self._terms.sum(axis=1, dtype=np.float64)
        self._counts = self._is_stranger.sum(axis=1)
        # Few columns are near: what is taken off is cheaper to add up than what is left.
        self._lines = [np.flatnonzero(line) for line in near]

    def without(self, lines: Rows) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return log of the mean and the number of strangers, without those in the given line of ``near``, a row."""
        columns = [self._lines[line] for line in lines.tolist()]
        row = np.repeat(np.arange(len(lines)), [len(part) for part in columns])
        column = np.concatenate(columns)
        removed = np.bincount(row, self._terms[row, column], minlength=len(lines))
        count = self._counts - np.bincount(row[self._is_stranger[row, column]], minlength=len(lines))
        left = self._totals - removed
        log_mean = np.full(len(lines), np.nan)
        plain = left > _TRACE * self._totals
        with np.errstate(invalid="ignore", divide="ignore"):
            log_mean[plain] = np.log(left[plain] / count[plain]) + self._peaks[plain] / TEMPERATURE
        for place in np.flatnonzero(~plain & (count > 0)).tolist():
            kept = self._is_stranger[place] & ~self._near[lines[place]]
            rest = self._cosines[place, kept].astype(np.float64)
            peak = rest.max()
            log_mean[place] = np.log(np.exp((rest - peak) / TEMPERATURE).mean()) + peak / TEMPERATURE
        return np.where(count > 0, log_mean, np.nan), count
