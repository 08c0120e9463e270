"""Rows that share something (an image, a caption), each group with a few members that stand for it.

Groups are found by sorting 8-byte keys. Vectors are held for the members that stand for a group only, some thousand
groups at a time (see ``batched_vectors``), so memory does not grow with the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Halves, Keys, Rows
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import read_embeddings
from mmcheck.corpus.groups import is_new

MAX_MEMBERS = 16
"""Members of a group that are compared with each other. Our own choice: bounds time, which grows with the square."""
_MAX_VECTORS = 131_072  # vectors of groups read in one go; our own choice: bounds memory (256 MB at 512 dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberGroups:
    """Groups of rows with two different members or more."""

    group: Rows
    """Number of each row's group, -1 where it is in none, shape (n,)."""
    members: Rows
    """Rows that stand for each group, by the content of the member, -1 where there are fewer, shape (g, k)."""
    num_members: Rows
    """Different members of each group, shape (g,)."""


def group_members(group: Keys, member: Keys, max_members: int = MAX_MEMBERS) -> MemberGroups:
    """Return the groups that have two different members or more, in the order of their smallest member key.

    Args:
        group: What rows share, 0 where nothing, shape (n,).
        member: What tells rows of a group apart, 0 where a row does not count, shape (n,).
        max_members: Members that stand for a group; those with the smallest keys, each by its first row.
    """
    rows = np.flatnonzero((group != 0) & (member != 0))
    order = np.lexsort((member[rows], group[rows]))
    rows = rows[order]
    new_group = is_new(group[rows])
    new_member = new_group | is_new(member[rows])
    first = rows[new_member]
    of_member = (np.cumsum(new_group) - 1)[new_member] if len(rows) else np.zeros(0, dtype=np.int64)
    counts = np.bincount(of_member, minlength=int(new_group.sum()))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    kept = np.flatnonzero(counts > 1)
    # By content and not by number, so that the order of the rows changes nothing.
    kept = kept[np.argsort(member[first[starts[kept]]], kind="stable")] if len(kept) else kept
    number = np.full(len(counts), -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    of_row = np.full(len(group), -1, dtype=np.int64)
    if len(rows):
        of_row[rows] = number[np.cumsum(new_group) - 1]
    max_members = min(max_members, int(counts.max(initial=0)))
    places = starts[kept][:, None] + np.arange(max_members)[None]
    inside = np.arange(max_members)[None] < counts[kept][:, None]
    members = np.where(inside, first[np.where(inside, places, 0)] if len(first) else -1, -1)
    return MemberGroups(group=of_row, members=members.astype(np.int64), num_members=counts[kept].astype(np.int64))


def read_vectors(
    shards: Sequence[ShardTables], sizes: Sequence[int], probe: str, names: Sequence[str], rows: Rows
) -> tuple[Rows, dict[str, Halves]]:
    """Return the embeddings of single rows of the run.

    Args:
        shards: The run's shards.
        sizes: Rows of each.
        probe: The probe that stored them.
        names: Which embeddings; rows without all of them are left out.
        rows: Row numbers, any shape; negative ones are passed over.

    Returns:
        The rows found, ascending, shape (k,), and their vectors by name in half precision, shape (k, d).
    """
    wanted = np.unique(rows[rows >= 0])
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    found_rows: list[Rows] = [np.zeros(0, dtype=np.int64)]
    found: dict[str, list[Halves]] = {name: [] for name in names}
    for shard, start, stop in zip(shards, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, stop)]
        if not len(here):
            continue
        present, vectors = read_embeddings(shard, probe, names)
        here = here[present[here - start]]
        places = (np.cumsum(present) - 1)[here - start]
        found_rows.append(here)
        for name in names:
            # Copies, or each part would keep its whole shard alive.
            found[name].append(vectors[name][places].astype(np.float16))
    return np.concatenate(found_rows), {
        name: np.concatenate([part for part in parts if len(part)] or [np.zeros((0, 0), dtype=np.float16)])
        for name, parts in found.items()
    }


def batches(groups: MemberGroups) -> Iterator[Rows]:
    """Yield numbers of groups, as many at a time as have few enough members to be held at once."""
    sizes = np.cumsum((groups.members >= 0).sum(axis=1))
    start = 0
    while start < len(sizes):
        before = sizes[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(sizes, before + _MAX_VECTORS, side="right")))
        yield np.arange(start, stop)
        start = stop


def batch_numbers(groups: MemberGroups, group: Rows) -> Rows:
    """Return the number of the batch (see ``batches``) that each group is in, -1 for -1; any shape."""
    starts = np.array([numbers[0] for numbers in batches(groups)], dtype=np.int64)
    return np.where(group >= 0, np.searchsorted(starts, group, side="right") - 1, -1).astype(np.int64)
