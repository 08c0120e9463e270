"""Near-duplicates in groups that hang on one representative each.

Likeness does not carry over: a may be like b, and b like c, while a and c are unlike. Joining all that is connected
would let a chain of small steps join anything, so each member is held against its group's representative, and what is
unlike it starts a group of its own. Who represents is decided by a rank given from outside, so that the groups depend
on the items and not on their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Check = Callable[[Rows, Rows], Floats]
"""Gives the likeness of items a[i] and b[i], NaN where they are no near-duplicates."""

_MAX_ROUNDS = 256
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class ItemGroups:
    """Groups of different items."""

    centre: Rows
    """The item that represents each item's group, the item itself where it is alone, shape (n,)."""
    similarity: Floats
    """Likeness to it; 1 for the representative and for an item alone, shape (n,)."""


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Groups of rows."""

    number: Rows
    """1-based number of the group by its first row, 0 where the row is alone or has no item, shape (n,)."""
    size: Rows
    """Rows of the group; 1 where the row is alone, 0 where it has no item, shape (n,)."""
    order: Rows
    """1 for the representative, then by rank; 1 where the row is alone, 0 where it has no item, shape (n,)."""
    starts: Rows
    """Where each group begins in ``members``, and one end more, shape (groups + 1,)."""
    members: Rows
    """Rows, group by group, each by its order."""

    def examples(self, number: int, row: int, count: int) -> list[int]:
        """Return up to ``count`` + 1 other rows of a group (1-based): the representative, then the next ones."""
        begin, end = int(self.starts[number - 1]), int(self.starts[number])
        return [other for other in self.members[begin : min(end, begin + count + 2)].tolist() if other != row][
            : count + 1
        ]


def group_items(num_items: int, left: Rows, right: Rows, rank: Rows, check: Check) -> ItemGroups:
    """Return groups of which every member is a near-duplicate of the representative.

    In each connected part the item of the lowest rank takes all that are like it; so does the next one of the rest.

    Args:
        num_items: Number of items.
        left: Items of pairs that are near-duplicates; a pair may occur more than once.
        right: Their partners.
        rank: Distinct numbers, shape (num_items,); the lowest represents.
        check: Compares items, for pairs that no index gave.
    """
    centre = np.arange(num_items, dtype=np.int64)
    similarity = np.ones(num_items, dtype=np.float32)
    if not len(left):
        return ItemGroups(centre, similarity)
    remaining = np.unique(np.concatenate([left, right]))
    parts = _connected(num_items, left, right)
    for _ in range(_MAX_ROUNDS):
        if not len(remaining):
            break
        # By part and rank, so that the first of each part is its representative.
        remaining = remaining[np.lexsort((rank[remaining], parts[remaining]))]
        first = np.ones(len(remaining), dtype=bool)
        first[1:] = parts[remaining[1:]] != parts[remaining[:-1]]
        leaders = remaining[first][np.cumsum(first) - 1]
        others, their = remaining[~first], leaders[~first]
        found = _in_blocks(check, others, their)
        taken = ~np.isnan(found)
        centre[others[taken]] = their[taken]
        similarity[others[taken]] = found[taken]
        remaining = others[~taken]
    return ItemGroups(centre, similarity)


def group_rows(item: Rows, groups: ItemGroups, rank: Rows) -> RowGroups:
    """Return groups of rows: those of one item, or of items in one group.

    Args:
        item: The item of each row, -1 where it has none, shape (n,).
        groups: Groups of items.
        rank: Distinct numbers, shape (n,); within a group rows stand by it.
    """
    return group_by_key(np.where(item >= 0, groups.centre[np.maximum(item, 0)] if len(groups.centre) else -1, -1), rank)


def group_by_key(key: Rows, rank: Rows) -> RowGroups:
    """Return groups of rows with equal keys; -1 is no key. Arguments as in ``group_rows``."""
    number = np.zeros(len(key), dtype=np.int64)
    size, order = number.copy(), number.copy()
    rows = np.flatnonzero(key >= 0)
    if not len(rows):
        return RowGroups(number, size, order, np.zeros(1, dtype=np.int64), rows)
    _, first, inverse, counts = np.unique(key[rows], return_index=True, return_inverse=True, return_counts=True)
    # By their first rows, groups of one row last.
    by_first = np.lexsort((first, counts == 1))
    place = np.empty(len(first), dtype=np.int64)
    place[by_first] = np.arange(len(first))
    of_row = place[inverse]
    counts = counts[by_first]
    members = rows[np.lexsort((rank[rows], of_row))]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    order[members] = np.arange(len(members)) - np.repeat(starts[:-1], counts) + 1
    size[rows] = counts[of_row]
    number[rows] = np.where(counts[of_row] > 1, of_row + 1, 0)
    num_groups = int((counts > 1).sum())
    return RowGroups(number, size, order, starts[: num_groups + 1], members[: starts[num_groups]])


def _connected(num_items: int, left: Rows, right: Rows) -> Rows:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(left), dtype=np.int8)
    graph = coo_matrix((ones, (left, right)), shape=(num_items, num_items))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _in_blocks(check: Check, first: Rows, second: Rows) -> Floats:
    parts = [
        check(first[start : start + _BLOCK], second[start : start + _BLOCK]) for start in range(0, len(first), _BLOCK)
    ]
    return np.concatenate([np.zeros(0, dtype=np.float32), *parts])
