"""Columns of the manifest are found by name, nested ones and ones with dots included."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.judge.columns import ABSENT, find_value, is_column, list_names, read_values

ROW = {
    "license": "cc0",
    "json": {"nsfw": "NSFW", "exif": {"iso": 100}},
    "a.b": 1,
    "a": {"b": 2, "c.d": 3},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("license", "cc0"),
        ("json.nsfw", "NSFW"),
        ("json.exif.iso", 100),
        ("nsfw", "NSFW"),  # of a side file, as the scan finds captions there
        ("exif.iso", 100),
        ("a.b", 1),  # a dot in a name comes before a nested member
        ("a.c.d", 3),
        ("nothing", None),
        ("License", ABSENT),
        ("license.x", ABSENT),
        ("json.", ABSENT),
        ("", ABSENT),
        (".", ABSENT),
    ],
)
def test_finds(name: str, value: object) -> None:
    assert find_value(ROW, name) == value


def test_only_a_metric_with_a_name_behind_it_is_a_column() -> None:
    assert is_column("column.license")
    assert is_column("column.json.nsfw")
    assert not is_column("column.")
    assert not is_column("columns.license")


_ROWS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), _ROWS, max_size=4))
def test_every_listed_name_finds_its_value(row: dict[str, Any]) -> None:
    for name in list_names(row):
        assert find_value(row, name) is not ABSENT


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "json"]), _ROWS, max_size=3), max_size=6))
def test_values_are_those_of_the_stored_rows(rows: list[dict[str, Any]]) -> None:
    stored = [json.dumps(row) for row in rows]
    found = read_values(pa.array(stored, pa.string()), ["a", "b"])
    assert found["a"] == [find_value(json.loads(text), "a") for text in stored]
    assert len(found["b"]) == len(rows)


def test_a_stored_row_that_is_no_object_has_no_columns() -> None:
    assert read_values(pa.array(["[1]", None, '"x"'], pa.string()), ["a"]) == {"a": [ABSENT] * 3}
