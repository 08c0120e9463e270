from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.corpus.groups import group_by_key, group_items, group_rows, number_members


def near_on_a_line_check(places, limit=1.0):
    """Return a check that finds points near each other."""

    def check(first, second):
        away = np.abs(places[first] - places[second])
        return np.where(away <= limit, 1 - away, np.nan).astype(np.float32)

    return check


def near_on_a_line(places, limit=1.0):
    """Return a check that finds points near each other, and all near pairs."""
    places = np.asarray(places, dtype=float)
    check = near_on_a_line_check(places, limit)
    left, right = np.nonzero(np.triu(np.abs(places[:, None] - places[None]) <= limit, 1))
    return check, left, right


def as_sets(centre):
    return {frozenset(np.flatnonzero(centre == one).tolist()) for one in np.unique(centre)}


def test_a_chain_is_not_one_group():
    check, left, right = near_on_a_line([0, 0.9, 1.8, 2.7, 3.6, 10])
    groups = group_items(6, left, right, np.arange(6), check)
    assert as_sets(groups.centre) == {frozenset({0, 1}), frozenset({2, 3}), frozenset({4}), frozenset({5})}
    np.testing.assert_allclose(groups.similarity, [1, 0.1, 1, 0.1, 1, 1], atol=1e-6)


def test_a_very_long_chain_is_grouped_to_its_end():
    count = 3000
    places = np.arange(count) * 0.9
    step = np.arange(count - 1)
    groups = group_items(count, step, step + 1, np.arange(count), near_on_a_line_check(places))
    assert groups.centre.tolist() == [number - number % 2 for number in range(count)]
    np.testing.assert_allclose(groups.similarity[1::2], 0.1, atol=1e-4)


def test_a_hub_with_very_many_unlike_partners_leaves_none_out():
    # Items 1 to n lie around item 0 and are unlike each other but for their own twin, which the index paired as well.
    twins = 500
    places = np.concatenate([[0], np.arange(1, twins + 1) * 10, np.arange(1, twins + 1) * 10 + 0.5])
    hub = np.zeros(2 * twins, dtype=np.int64)
    ones, others = np.arange(1, twins + 1), np.arange(twins + 1, 2 * twins + 1)
    left, right = np.concatenate([hub, ones]), np.concatenate([np.arange(1, 2 * twins + 1), others])
    groups = group_items(2 * twins + 1, left, right, np.arange(2 * twins + 1), near_on_a_line_check(places))
    assert groups.centre.tolist() == [0, *ones.tolist(), *ones.tolist()]


def test_the_lowest_rank_represents():
    check, left, right = near_on_a_line([0, 0.9, 1.8])
    groups = group_items(3, left, right, np.array([1, 0, 2]), check)
    assert groups.centre.tolist() == [1, 1, 1]


def test_members_that_no_index_paired_are_still_compared():
    check, _, _ = near_on_a_line([0, 0.1, 0.2, 0.3])
    groups = group_items(4, np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([3, 2, 1, 0]), check)
    assert groups.centre.tolist() == [3, 3, 3, 3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 12), min_size=0, max_size=40), st.randoms(use_true_random=False))
def test_groups_are_stars_and_do_not_depend_on_the_order(places, random):
    count = len(places)
    rank = list(range(count))
    random.shuffle(rank)
    check, left, right = near_on_a_line(places)
    groups = group_items(count, left, right, np.array(rank, dtype=np.int64), check)
    everyone = np.arange(count)
    assert not np.isnan(check(everyone, groups.centre)).any()
    assert (groups.centre[groups.centre] == groups.centre).all()
    assert (np.array(rank)[groups.centre] <= np.array(rank)).all() if count else True
    leaders = np.unique(groups.centre)
    pairs = np.array([(a, b) for a in leaders for b in leaders if a < b], dtype=np.int64).reshape(-1, 2)
    assert np.isnan(check(pairs[:, 0], pairs[:, 1])).all(), "two representatives are never near-duplicates"
    order = np.array(random.sample(range(count), count), dtype=np.int64)
    check, left, right = near_on_a_line(np.asarray(places, dtype=float)[order])
    moved = group_items(count, left, right, np.array(rank, dtype=np.int64)[order], check)
    assert {frozenset(order[list(one)].tolist()) for one in as_sets(moved.centre)} == as_sets(groups.centre)


def test_an_original_stays_with_its_altered_copies_whichever_of_them_ranks_first():
    # Item 0 is the original, in the middle; the alterations 1 and 2 are like it and unlike each other.
    places = [0, -0.9, 0.9]
    check, left, right = near_on_a_line(places)
    altered = np.ones(len(left), dtype=bool)
    for rank in ([0, 1, 2], [1, 0, 2], [2, 1, 0], [2, 0, 1]):
        groups = group_items(3, left, right, np.array(rank), check, altered)
        assert groups.centre.tolist() == [rank.index(0)] * 3
        assert groups.similarity[rank.index(0)] == 1
        assert (np.delete(groups.similarity, rank.index(0)) == np.float32(1 - 0.9)).all()


def test_a_chain_of_altered_copies_is_not_one_group_either():
    check, left, right = near_on_a_line(np.arange(12) * 0.9)
    groups = group_items(12, left, right, np.arange(12), check, np.ones(len(left), dtype=bool))
    assert max(map(len, as_sets(groups.centre))) == 3


def test_groups_without_altered_copies_stay_as_they_are():
    line = [0, 0.9, 1.8, 2.7, 3.6]
    check, left, right = near_on_a_line([*line, *(50 + place for place in line)])
    rank = np.arange(10)[::-1].copy()
    plain = group_items(10, left, right, rank, check)
    some = group_items(10, left, right, rank, check, left >= 5)
    assert some.centre[:5].tolist() == plain.centre[:5].tolist()
    none = group_items(10, left, right, rank, check, np.zeros(len(left), dtype=bool))
    assert none.centre.tolist() == plain.centre.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 12), min_size=2, max_size=30), st.integers(0, 2**32 - 1))
def test_all_of_a_group_with_altered_copies_are_like_one_of_it(places, seed):
    rng = np.random.default_rng(seed)
    count = len(places)
    rank = rng.permutation(count)
    check, left, right = near_on_a_line(places)
    groups = group_items(count, left, right, rank, check, rng.random(len(left)) < 0.5)
    assert groups.similarity.min() >= 0
    assert groups.similarity.max() <= 1
    for members in map(sorted, as_sets(groups.centre)):
        own = np.array(members)
        assert rank[groups.centre[own[0]]] == rank[own].min()
        near = ~np.isnan(check(np.repeat(own, len(own)), np.tile(own, len(own)))).reshape(len(own), -1)
        assert near.all(axis=1).any()


def test_rows_of_groups():
    item = np.array([2, -1, 0, 2, 1, 3, 0])
    check, left, right = near_on_a_line([0, 50, 100, 100.5])
    items = group_items(4, left, right, np.array([0, 3, 1, 2]), check)
    rows = group_rows(item, items, np.array([4, 0, 6, 2, 1, 3, 5]))
    assert rows.number.tolist() == [1, 0, 2, 1, 0, 1, 2]
    assert rows.size.tolist() == [3, 0, 2, 3, 1, 3, 2]
    assert rows.order.tolist() == [3, 0, 2, 1, 1, 2, 1]
    assert [rows.members[a:b].tolist() for a, b in zip(rows.starts[:-1], rows.starts[1:], strict=True)] == [
        [3, 5, 0],
        [6, 2],
    ]
    assert rows.examples(5, 3) == [3, 0]
    assert rows.examples(3, 1) == [5, 0]


def test_rows_of_one_copy_count_once():
    key = np.array([7, 7, 7, 7, 9, 9, -1])
    copy = np.array([1, 1, 2, 1, 3, 3, 0])
    rows = group_by_key(key, np.array([3, 2, 0, 5, 4, 1, 6]), copy)
    assert rows.number.tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert rows.size.tolist() == [2, 2, 2, 2, 1, 1, 0]
    assert rows.order.tolist() == [2, 2, 1, 2, 1, 1, 0]
    assert rows.members.tolist() == [2, 1]
    assert rows.examples(3, 3) == [2]
    assert rows.examples(2, 3) == [1]


def test_members_are_numbered_by_their_best_rows():
    group = np.array([5, 5, 5, 8, 5], dtype=np.uint64)
    member = np.array([1, 2, 1, 1, 3], dtype=np.uint64)
    assert number_members(group, member, np.array([4, 1, 3, 0, 2])).tolist() == [3, 1, 3, 1, 2]
    assert number_members(group[:0], member[:0], np.zeros(0, dtype=np.int64)).tolist() == []


@given(st.lists(st.integers(-1, 5), max_size=30), st.randoms(use_true_random=False))
def test_rows_by_key(keys, random):
    rank = list(range(len(keys)))
    random.shuffle(rank)
    rows = group_by_key(np.array(keys, dtype=np.int64), np.array(rank, dtype=np.int64))
    for row, key in enumerate(keys):
        same = [other for other, one in enumerate(keys) if one == key] if key >= 0 else []
        assert rows.size[row] == len(same)
        assert rows.order[row] == (1 + sum(rank[other] < rank[row] for other in same) if same else 0)
        assert (rows.number[row] > 0) == (len(same) > 1)
        if len(same) > 1:
            shown = rows.examples(row, 2)
            assert row not in shown
            assert len(shown) == min(3, len(same) - 1)
    numbers = [number for number in rows.number.tolist() if number]
    assert list(dict.fromkeys(numbers)) == list(range(1, len(set(numbers)) + 1)), "numbered by their first rows"
