"""Near-duplicates in groups that hang on one representative each.

Likeness does not carry over: a may be like b, and b like c, while a and c are unlike. Joining all that is connected
would let a chain of small steps join anything, so each member is held against one item of its group, and what is unlike
that starts a group of its own. That item is the representative, which is decided by a rank given from outside, so that
the groups depend on the items and not on their order. Only among altered copies it is the one with the most partners:
two alterations of one picture may be unlike each other, but all are like the original.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Keys, Mask, Rows

Check = Callable[[Rows, Rows], Floats32]
"""Gives the likeness of items a[i] and b[i], NaN where they are no near-duplicates."""

_MAX_ROUNDS = 64
"""Leaders of a part that are held against all that is left of it; the rest is grouped along the given pairs. Our own
choice: bounds time."""
_BLOCK = 1 << 16  # pairs checked in one go; our own choice: bounds memory


@dataclass(frozen=True, slots=True)
class ItemGroups:
    """Groups of different items."""

    centre: Rows
    """The item that represents each item's group, the item itself where it is alone, shape (n,)."""
    similarity: Floats32
    """Likeness to it, or the weaker one on the way to it over the item that all of the group are like; 1 for the
    representative and for an item alone, shape (n,)."""


@dataclass(frozen=True, slots=True)
class CopyGroups:
    """Groups of copies; several rows may be one copy (an image with several captions is one image)."""

    number: Rows
    """1-based number of the group by its first row, 0 where there is no other copy or no item, shape (n,)."""
    size: Rows
    """Copies in the group; 1 where there is no other, 0 where the row has no item, shape (n,)."""
    order: Rows
    """Which copy the row is: 1 represents, then by rank; 1 where there is no other, 0 without item, shape (n,)."""
    starts: Rows
    """Where each group begins in ``members``, and one end more, shape (groups + 1,)."""
    members: Rows
    """The best row of each copy, group by group, each by its order."""

    def examples(self, row: int, count: int) -> list[int]:
        """Return up to ``count`` + 1 other copies than the row's own: the representative, then the next ones."""
        begin, end = (int(place) for place in self.starts[self.number[row] - 1 : self.number[row] + 1])
        own = begin + int(self.order[row]) - 1
        places = [place for place in range(begin, min(end, begin + count + 2)) if place != own]
        return [int(self.members[place]) for place in places[: count + 1]]


def group_items(
    num_items: int, left: Rows, right: Rows, rank: Rows, check: Check, altered: Mask | None = None
) -> ItemGroups:
    """Return groups of which every member is a near-duplicate of the representative, or of the hub of its group.

    In each connected part the item of the lowest rank takes all that are like it; so does the next one of the rest. In
    a part with altered copies the item with the most partners comes first (the hub), or an original would be left out
    by an altered copy of lower rank. In a part with very many groups (a long chain) later ones take their partners of
    the given pairs only, so that the work stays linear; nothing is left out.

    Args:
        num_items: Number of items.
        left: Items of pairs that are near-duplicates; a pair may occur more than once.
        right: Their partners.
        rank: Distinct numbers, shape (num_items,); the lowest of a group represents.
        check: Compares items, for pairs that no index gave.
        altered: Which of the pairs are near by a further look alone; None: none is.
    """
    hub = np.arange(num_items, dtype=np.int64)
    similarity = np.ones(num_items, dtype=np.float32)
    if not len(left):
        return ItemGroups(hub, similarity)
    remaining = np.unique(np.concatenate([left, right]))
    parts = _connected(num_items, left, right)
    lead = rank if altered is None or not altered.any() else _rank_hubs(parts, left, right, rank, altered)
    for _ in range(_MAX_ROUNDS):
        if not len(remaining):
            break
        # By part and rank, so that the first of each part leads.
        remaining = remaining[np.lexsort((lead[remaining], parts[remaining]))]
        first = np.ones(len(remaining), dtype=bool)
        first[1:] = parts[remaining[1:]] != parts[remaining[:-1]]
        leaders = remaining[first][np.cumsum(first) - 1]
        others, their = remaining[~first], leaders[~first]
        found = _in_blocks(check, others, their)
        taken = ~np.isnan(found)
        hub[others[taken]] = their[taken]
        similarity[others[taken]] = found[taken]
        remaining = others[~taken]
    _follow_pairs(remaining, left, right, lead, hub)
    joined = remaining[hub[remaining] != remaining]
    similarity[joined] = _in_blocks(check, joined, hub[joined])
    return ItemGroups(hub, similarity) if lead is rank else _represent(hub, similarity, rank, check)


def _rank_hubs(parts: Rows, left: Rows, right: Rows, rank: Rows, altered: Mask) -> Rows:
    """Return a rank that puts the items of most partners first in parts with altered copies, shape (n,)."""
    count = len(rank)
    pairs = np.unique(np.minimum(left, right) * count + np.maximum(left, right))
    partners = np.bincount(np.concatenate([pairs // count, pairs % count]), minlength=count)
    has_altered = np.zeros(count, dtype=bool)
    has_altered[parts[left[altered]]] = True
    found = np.empty(count, dtype=np.int64)
    found[np.lexsort((rank, np.where(has_altered[parts], -partners, 0)))] = np.arange(count)
    return found


def _represent(hub: Rows, similarity: Floats32, rank: Rows, check: Check) -> ItemGroups:
    """Return the groups with the item of the lowest rank as the representative of each."""
    order = np.argsort(rank, kind="stable")
    hubs, first = np.unique(hub[order], return_index=True)
    centre = order[first][np.searchsorted(hubs, hub)]
    moved = np.flatnonzero((centre != hub) & (centre != np.arange(len(hub))))
    found = _in_blocks(check, moved, centre[moved])
    over_hub = np.minimum(similarity[moved], similarity[centre[moved]])
    likeness = similarity.copy()
    likeness[moved] = np.where(np.isnan(found), over_hub, found)
    likeness[centre] = 1.0
    return ItemGroups(centre, likeness)


def _follow_pairs(remaining: Rows, left: Rows, right: Rows, rank: Rows, centre: Rows) -> None:
    """Let the items that are left, by rank, take their partners that no other has taken; changes ``centre``."""
    is_open = np.zeros(len(centre), dtype=bool)
    is_open[remaining] = True
    kept = is_open[left] & is_open[right]
    one = np.concatenate([left[kept], right[kept]])
    other = np.concatenate([right[kept], left[kept]])
    order = np.argsort(one, kind="stable")
    partners = other[order]
    starts = np.searchsorted(one[order], np.arange(len(centre) + 1))
    for leader in remaining[np.argsort(rank[remaining], kind="stable")].tolist():
        if is_open[leader]:
            is_open[leader] = False
            found = partners[starts[leader] : starts[leader + 1]]
            found = found[is_open[found]]
            is_open[found] = False
            centre[found] = leader


def group_rows(item: Rows, groups: ItemGroups, rank: Rows, copy: Rows | None = None) -> CopyGroups:
    """Return groups of rows: those of one item, or of items in one group.

    Args:
        item: The item of each row, -1 where it has none, shape (n,).
        groups: Groups of items.
        rank: Distinct numbers, shape (n,); within a group copies stand by the best of their rows.
        copy: Rows of a group with equal numbers are one copy, shape (n,); None: each row is one.
    """
    centre = groups.centre[np.maximum(item, 0)] if len(groups.centre) else -1
    return group_by_key(np.where(item >= 0, centre, -1), rank, copy)


def group_by_key(key: Rows, rank: Rows, copy: Rows | None = None) -> CopyGroups:
    """Return groups of rows with equal keys; -1 is no key. Arguments as in ``group_rows``."""
    number = np.zeros(len(key), dtype=np.int64)
    size, order = number.copy(), number.copy()
    rows = np.flatnonzero(key >= 0)
    if not len(rows):
        return CopyGroups(number, size, order, np.zeros(1, dtype=np.int64), rows)
    heads, of_head = _best_rows(rows, key, rank, copy)
    _, first, inverse = np.unique(key[rows], return_index=True, return_inverse=True)
    of_member = np.empty(len(heads), dtype=np.int64)
    of_member[of_head] = inverse
    counts = np.bincount(of_member, minlength=len(first))
    # By their first rows, groups of one copy last.
    by_first = np.lexsort((first, counts == 1))
    place = np.empty(len(first), dtype=np.int64)
    place[by_first] = np.arange(len(first))
    of_member, of_row, counts = place[of_member], place[inverse], counts[by_first]
    by_order = np.lexsort((rank[heads], of_member))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    order_of_member = np.empty(len(heads), dtype=np.int64)
    order_of_member[by_order] = np.arange(len(heads)) - np.repeat(starts[:-1], counts) + 1
    order[rows] = order_of_member[of_head]
    size[rows] = counts[of_row]
    number[rows] = np.where(counts[of_row] > 1, of_row + 1, 0)
    num_groups = int((counts > 1).sum())
    return CopyGroups(number, size, order, starts[: num_groups + 1], heads[by_order][: starts[num_groups]])


def number_members(group: Keys, member: Keys, rank: Rows) -> Rows:
    """Return which member of its group each row belongs to, 1 for that with the best rank, shape (n,).

    Args:
        group: What rows share, shape (n,).
        member: What tells rows of a group apart, shape (n,).
        rank: Distinct numbers; the lowest comes first, shape (n,).
    """
    order = np.lexsort((rank, member, group))
    new_group = is_new(group[order])
    new_member = new_group | is_new(member[order])
    best = rank[order[new_member]]
    of_group = (np.cumsum(new_group) - 1)[new_member]
    by_rank = np.lexsort((best, of_group))
    sizes = np.bincount(of_group) if len(of_group) else np.zeros(0, dtype=np.int64)
    numbers = np.empty(len(best), dtype=np.int64)
    numbers[by_rank] = np.arange(len(best)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    found = np.empty(len(group), dtype=np.int64)
    found[order] = numbers[np.cumsum(new_member) - 1] if len(order) else numbers
    return found


def _best_rows(rows: Rows, key: Rows, rank: Rows, copy: Rows | None) -> tuple[Rows, Rows]:
    """Return the row with the lowest rank of each copy, and the number of the copy that each of ``rows`` is."""
    if copy is None:
        return rows, np.arange(len(rows))
    order = np.lexsort((rank[rows], copy[rows], key[rows]))
    new = is_new(key[rows][order]) | is_new(copy[rows][order])
    of_row = np.empty(len(rows), dtype=np.int64)
    of_row[order] = np.cumsum(new) - 1
    return rows[order][new], of_row


def is_new(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return which values differ from the one before them, as the first does, shape (n,)."""
    found = np.ones(len(values), dtype=bool)
    found[1:] = values[1:] != values[:-1]
    return found


def _connected(num_items: int, left: Rows, right: Rows) -> Rows:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(left), dtype=np.int8)
    graph = coo_matrix((ones, (left, right)), shape=(num_items, num_items))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _in_blocks(check: Check, first: Rows, second: Rows) -> Floats32:
    parts = [
        check(first[start : start + _BLOCK], second[start : start + _BLOCK]) for start in range(0, len(first), _BLOCK)
    ]
    return np.concatenate([np.zeros(0, dtype=np.float32), *parts])
