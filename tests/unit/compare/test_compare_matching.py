from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.compare.keys import RowKeys
from mmcheck.compare.matching import Match, Matching, match_rows
from mmcheck.corpus.content_keys import join_keys

Row = tuple[int, int, int, bool]
"""Id, medium, text, and whether the id is the manifest's own."""
SET = st.lists(
    st.tuples(st.integers(1, 12), st.integers(0, 3), st.integers(0, 3), st.booleans()),
    max_size=12,
    unique_by=lambda row: row[0],
)


def make_keys(rows: list[Row]) -> RowKeys:
    columns = np.array([row[:3] for row in rows], dtype=np.uint64).reshape(-1, 3)
    return RowKeys(
        id=columns[:, 0] + np.uint64(1000),
        own_id=np.array([row[3] for row in rows], dtype=bool),
        medium=columns[:, 1],
        text=columns[:, 2],
        content=join_keys(columns[:, 1], columns[:, 2]),
        place=np.arange(len(rows), dtype=np.uint64),
    )


def pairs(found: Matching, first: list[Row], second: list[Row]) -> set[tuple[Any, ...]]:
    matched = zip(found.first.tolist(), found.second.tolist(), found.how.tolist(), strict=True)
    return {
        *((first[one], second[other], how) for one, other, how in matched),
        *((first[one], None, -1) for one in found.vanished.tolist()),
        *((None, second[other], -1) for other in found.new.tolist()),
    }


@settings(deadline=None)
@given(first=SET, second=SET)
def test_every_row_is_in_one_place_and_what_is_said_of_it_is_true(first: list[Row], second: list[Row]) -> None:
    found = match_rows(make_keys(first), make_keys(second))
    assert sorted([*found.first.tolist(), *found.vanished.tolist()]) == list(range(len(first)))
    assert sorted([*found.second.tolist(), *found.new.tolist()]) == list(range(len(second)))
    contents = [Counter(row[1:3] for row in rows) for rows in (first, second)]
    assert found.count(Match.SAME) + found.count(Match.RENAMED) == (contents[0] & contents[1]).total()
    for one, other, how in zip(found.first.tolist(), found.second.tolist(), found.how.tolist(), strict=True):
        (id_a, medium_a, text_a, own_a), (id_b, medium_b, text_b, own_b) = first[one], second[other]
        assert (how <= Match.RENAMED) == ((medium_a, text_a) == (medium_b, text_b))
        assert how not in (Match.SAME, Match.MEDIUM, Match.OTHER) or id_a == id_b
        assert how != Match.RENAMED or id_a != id_b
        assert how != Match.TEXT or (medium_a == medium_b and text_a != text_b)
        assert how != Match.MEDIUM or (medium_a != medium_b and text_a == text_b != 0)
        assert how != Match.OTHER or (own_a and own_b and medium_a != medium_b)


@settings(deadline=None)
@given(first=SET, second=SET, order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(first: list[Row], second: list[Row], order: Any) -> None:
    shuffled = list(first), list(second)
    for rows in shuffled:
        order.shuffle(rows)
    expected = pairs(match_rows(make_keys(first), make_keys(second)), first, second)
    assert pairs(match_rows(*map(make_keys, shuffled)), *shuffled) == expected


@settings(deadline=None)
@given(rows=SET)
def test_a_set_is_itself(rows: list[Row]) -> None:
    found = match_rows(make_keys(rows), make_keys(rows))
    assert found.count(Match.SAME) == len(rows)
    assert (len(found.new), len(found.vanished), found.moved) == (0, 0, 0)


def test_a_row_put_in_above_makes_no_other_content_of_the_rest() -> None:
    """Ids that were made of row numbers say nothing then."""
    first = [(number, number, number + 20, False) for number in range(1, 6)]
    second = [(1, 99, 98, False), *((number + 1, medium, text, False) for number, medium, text, _ in first)]
    found = match_rows(make_keys(first), make_keys(second))
    assert (found.count(Match.RENAMED), len(found.new), len(found.vanished)) == (5, 1, 0)


def test_repeated_rows_are_matched_as_often_as_both_have_them() -> None:
    first = [(number, 1, 1, True) for number in (1, 2, 3)]
    second = [(number, 1, 1, True) for number in (3, 4)]
    found = match_rows(make_keys(first), make_keys(second))
    assert (found.count(Match.SAME), found.count(Match.RENAMED), len(found.vanished)) == (1, 1, 1)


def test_an_edited_text_under_another_id_is_known_by_its_medium_where_that_is_clear() -> None:
    first = [(1, 7, 1, True), (2, 8, 2, True), (3, 8, 3, True)]
    second = [(11, 7, 9, True), (12, 8, 6, True), (13, 8, 5, True)]
    found = match_rows(make_keys(first), make_keys(second))
    assert found.count(Match.TEXT) == 1
    assert (len(found.vanished), len(found.new)) == (2, 2)
