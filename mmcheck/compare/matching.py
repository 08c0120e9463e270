"""Which row of one run is which row of the other: by content first, then by id, then by a medium that only one has.

Sorting and merging of 64-bit keys, so that memory is flat and a million rows take seconds. The rows' order changes
nothing: rows of equal content are paired by their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mmcheck.compare.keys import RowKeys
from mmcheck.core.arrays import Keys, Mask, Rows
from mmcheck.corpus.content_keys import join_keys, mix_keys

_GAMMA = np.uint64(0x9E3779B97F4A7C15)  # taken from splitmix64 (Steele, Lea and Flood, 2014): where its counting begins


class Match(IntEnum):
    """What became of a row that both runs have."""

    SAME = 0
    """Medium, text and id are the same."""
    RENAMED = 1
    """Medium and text are the same, under another id."""
    TEXT = 2
    """The medium is the same, the text is another."""
    MEDIUM = 3
    """Text and id are the same, the medium is another."""
    OTHER = 4
    """The id is the same, medium and text are others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The rows of two runs, each in exactly one place."""

    first: Rows
    """Rows of the first run that the second has too, shape (m,), ascending."""
    second: Rows
    """The rows of the second that they are, shape (m,)."""
    how: NDArray[np.int8]
    """A ``Match`` each, shape (m,)."""
    vanished: Rows
    """Rows that only the first has, ascending."""
    new: Rows
    """Rows that only the second has, ascending."""
    moved: int
    """Rows of the same content that stand in another manifest or at another row number."""

    def count(self, how: Match) -> int:
        """Return how many rows were matched in one way."""
        return int((self.how == how).sum())


def match_rows(first: RowKeys, second: RowKeys) -> Matching:
    """Return which rows of two runs are the same.

    Args:
        first: The earlier run.
        second: The later one.
    """
    taken: list[tuple[Rows, Rows, NDArray[np.int8]]] = []
    left = (np.arange(len(first)), np.arange(len(second)))

    def take(one: Rows, other: Rows, how: NDArray[np.int8] | Match) -> None:
        nonlocal left
        kinds = how if isinstance(how, np.ndarray) else np.full(len(one), how, dtype=np.int8)
        taken.append((one, other, kinds))
        left = (np.setdiff1d(left[0], one, assume_unique=True), np.setdiff1d(left[1], other, assume_unique=True))

    take(*_join(left, [join_keys(keys.content, keys.id) for keys in (first, second)]), Match.SAME)
    ranked = [_rank(keys.content[rows], keys.id[rows]) for keys, rows in zip((first, second), left, strict=True)]
    take(*_merge(left, ranked), Match.RENAMED)
    one, other = _join(left, [first.id, second.id])
    how, counts = _tell(first, second, one, other)
    take(one[counts], other[counts], how[counts])
    take(*_join_single(left, [first.medium, second.medium]), Match.TEXT)
    rows, others, kinds = (np.concatenate(parts) for parts in zip(*taken, strict=True))
    order = np.argsort(rows, kind="stable")
    rows, others, kinds = rows[order], others[order], kinds[order]
    is_same = kinds <= Match.RENAMED
    moved = first.place[rows[is_same]] != second.place[others[is_same]]
    return Matching(
        first=rows, second=others, how=kinds, vanished=left[0], new=left[1], moved=int(np.count_nonzero(moved))
    )


def _tell(first: RowKeys, second: RowKeys, one: Rows, other: Rows) -> tuple[NDArray[np.int8], Mask]:
    """Return what became of rows of one id, and for which of them the id is enough to call them the same row.

    An id that was made of a row's number says nothing where a row was put in above; where one half is still the same,
    that half says it.
    """
    medium = (first.medium[one] == second.medium[other]) & (first.medium[one] != 0)
    text = (first.text[one] == second.text[other]) & (first.text[one] != 0)
    how = np.where(medium, Match.TEXT, np.where(text, Match.MEDIUM, Match.OTHER)).astype(np.int8)
    # A row without a medium whose text is another: the text was edited.
    no_medium = (first.medium[one] == 0) & (second.medium[other] == 0)
    how[no_medium & ~text] = Match.TEXT
    own = first.own_id[one] & second.own_id[other]
    return how, own | medium | text


def _join(left: tuple[Rows, Rows], keys: list[Keys]) -> tuple[Rows, Rows]:
    """Return the rows of both sides with equal keys, of which no side has two."""
    return _merge(left, [key[rows] for key, rows in zip(keys, left, strict=True)])


def _join_single(left: tuple[Rows, Rows], keys: list[Keys]) -> tuple[Rows, Rows]:
    """Return the rows of both sides with equal keys that each side has once; 0 is no key."""
    rows, found = [], []
    for own, key in zip(left, keys, strict=True):
        values, places, counts = np.unique(key[own], return_index=True, return_counts=True)
        single = (counts == 1) & (values != 0)
        rows.append(own[places[single]])
        found.append(values[single])
    return _merge((rows[0], rows[1]), found)


def _merge(rows: tuple[Rows, Rows], keys: list[Keys]) -> tuple[Rows, Rows]:
    _, one, other = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    return rows[0][one], rows[1][other]


def _rank(keys: Keys, order: Keys) -> Keys:
    """Return keys that tell rows of one key apart by their rank in ``order``."""
    places = np.lexsort((order, keys))
    ordered = keys[places]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else np.zeros(0, np.int64)
    ranks = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
    found = np.empty_like(keys)
    # Twice mixed: keys may be mixed small numbers themselves, which ranks mixed once would undo.
    found[places] = join_keys(ordered, mix_keys(ranks.astype(np.uint64) + _GAMMA))
    return found
