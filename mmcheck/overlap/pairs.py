"""What a comparison of two sets works with: the sets as items, pairs of items, and the way from items to rows.

Rows with equal content share one item, so that a search compares each content once; products of groups are made in
blocks, so that a much repeated item costs time and not memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Mask, Rows
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.groups import is_new
from mmcheck.corpus.media_items import Items, MediaRows, read_media_rows, to_items
from mmcheck.overlap.searched import Searched

Step = Callable[[], object]

_BLOCK = 1 << 20  # pairs in one go; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two sets."""

    shards: Sequence[ShardTables]
    """Its stored tables."""
    num_rows: int
    """Rows in all."""
    media: dict[str, MediaRows]
    """``image`` and ``audio`` -> what the rows hold."""
    items: dict[str, Items]
    """The same -> its different media."""
    texts: dict[str, Items]
    """The same -> its different captions or transcripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPairs:
    """Pairs of an item of one set and an item of the other, each once; arrays of shape (n,)."""

    left: Rows
    """Items of the first set."""
    right: Rows
    """Items of the second set."""
    exact: Mask
    """Whether they are equal, not only near."""
    similarity: Floats
    """Likeness; 1 where equal."""

    def turned(self) -> ItemPairs:
        """Return the same pairs with the sets exchanged."""
        return ItemPairs(left=self.right, right=self.left, exact=self.exact, similarity=self.similarity)


@dataclass(slots=True)
class SharedItems:
    """Items of one kind that two sets share, and how they were looked for."""

    pairs: ItemPairs
    searched: Searched | None
    """Limits and index; None: they come from other items' search."""
    is_cut: bool = False
    """Whether some items had more partners than were looked at."""


def read_side(shards: Sequence[ShardTables]) -> Side:
    """Return one set: about a hundred bytes a row."""
    sizes, media = read_media_rows(shards)
    rank = np.arange(sum(sizes), dtype=np.int64)
    return Side(
        shards=shards,
        num_rows=sum(sizes),
        media=media,
        items={modality: to_items(rows.key, rank) for modality, rows in media.items()},
        texts={modality: to_items(rows.text, rank) for modality, rows in media.items()},
    )


def collect(
    left: Sequence[Rows], right: Sequence[Rows], exact: Sequence[Mask], likeness: Sequence[Floats]
) -> ItemPairs:
    """Return pairs from blocks of them, each once, sorted by left and right."""
    none = np.zeros(0, dtype=np.int64)
    one, other = np.concatenate([none, *left]), np.concatenate([none, *right])
    equal = np.concatenate([none.astype(bool), *exact])
    similarity = np.concatenate([np.zeros(0), *likeness])
    order = np.lexsort((-similarity, ~equal, other, one))
    one, other, equal, similarity = one[order], other[order], equal[order], similarity[order]
    first = is_new(one) | is_new(other)
    return ItemPairs(left=one[first], right=other[first], exact=equal[first], similarity=similarity[first])


def find_equal(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> ItemPairs:
    """Return the items of equal keys (ascending and distinct on either side)."""
    _, left, right = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    return collect([left], [right], [np.ones(len(left), dtype=bool)], [np.ones(len(left))])


class Members:
    """Which members each group has, in ascending order.

    Args:
        group: The group of each member, -1 where it has none, shape (n,).
        num_groups: Number of groups.
    """

    def __init__(self, group: Rows, num_groups: int) -> None:
        order = np.argsort(group, kind="stable")
        self.rows: Rows = order[np.searchsorted(group[order], 0) :]
        self.counts: Rows = np.bincount(group[group >= 0], minlength=num_groups).astype(np.int64)
        self.starts: Rows = np.cumsum(self.counts) - self.counts


def cross(
    first: Members, second: Members, one: Rows, other: Rows, limit: int, other_limit: int | None = None
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Yield, in blocks, each i with every member of group ``one[i]`` and every one of group ``other[i]``.

    Of a group no more than the first ``limit`` members are taken; ``other_limit`` holds for ``second`` if given.
    """
    ones = np.minimum(first.counts[one], limit)
    others = np.minimum(second.counts[other], limit if other_limit is None else other_limit)
    sizes = ones * others
    ends = np.cumsum(sizes)
    start = 0
    while start < len(one):
        done = ends[start] - sizes[start]
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        number = np.repeat(np.arange(start, stop), sizes[start:stop])
        within = np.arange(len(number)) - np.repeat(ends[start:stop] - sizes[start:stop] - done, sizes[start:stop])
        if len(number):
            left, right = np.divmod(within, others[number])
            yield (
                number,
                first.rows[first.starts[one[number]] + left],
                second.rows[second.starts[other[number]] + right],
            )
        start = stop
