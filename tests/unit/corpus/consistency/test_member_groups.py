from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.corpus.consistency.member_groups import batches, group_members


def keys(*values):
    return np.array(values, dtype=np.uint64)


def test_a_group_needs_two_different_members():
    groups = group_members(keys(7, 7, 8, 8, 0, 9, 9), keys(1, 2, 3, 3, 5, 6, 0))
    assert groups.group.tolist() == [0, 0, -1, -1, -1, -1, -1]
    assert groups.members.tolist() == [[0, 1]]
    assert groups.num_members.tolist() == [2]


def test_equal_members_count_once_and_stand_by_their_first_row():
    groups = group_members(keys(7, 7, 7, 7), keys(5, 2, 5, 2))
    assert groups.group.tolist() == [0, 0, 0, 0]
    assert groups.members.tolist() == [[1, 0]]


def test_large_groups_keep_the_members_of_the_smallest_keys():
    groups = group_members(np.full(100, 3, dtype=np.uint64), np.arange(100, 0, -1).astype(np.uint64), 4)
    assert groups.members.tolist() == [[99, 98, 97, 96]]
    assert groups.num_members.tolist() == [100]


def test_no_rows_and_no_groups():
    for count in (0, 3):
        groups = group_members(np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.uint64))
        assert groups.group.tolist() == [-1] * count
        assert len(groups.members) == 0
        assert list(batches(groups)) == []


def test_batches_cover_all_groups_once():
    member = np.arange(1, 300_001).astype(np.uint64)
    groups = group_members((member - 1) // 2 + 1, member)
    found = list(batches(groups))
    assert len(found) > 1
    assert np.concatenate(found).tolist() == list(range(150_000))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40), st.randoms())
def test_the_order_of_rows_changes_nothing(pairs, random):
    def grouped(rows):
        group, member = keys(*(g for g, _ in rows)), keys(*(m for _, m in rows))
        groups = group_members(group, member, 3)
        return {
            (int(g), int(m)): (
                int(number),
                [rows[place] for place in groups.members[number].tolist() if place >= 0] if number >= 0 else None,
            )
            for g, m, number in zip(group, member, groups.group, strict=True)
            if m
        }

    # A member belongs to one group, as an image belongs to one group of near-duplicates.
    rows = [(g, m + 7 * g if m else 0) for g, m in pairs]
    first = grouped(rows)
    random.shuffle(rows)
    assert grouped(rows) == first
