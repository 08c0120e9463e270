from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.core.json_row import JsonRow, changed_row, depth_of, load_json, load_row, spliced

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    row=st.dictionaries(st.text(), VALUES, max_size=5),
    changes=st.dictionaries(st.text(), VALUES, max_size=3),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_a_changed_row_is_the_text_with_the_changes_in_it(
    row: dict[str, Any], changes: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(row, indent=indent, ensure_ascii=ascii_only)
    source = load_row(text)
    assert source == row
    assert spliced(source, dict(source)) == text
    changed = {**source, **changes}
    assert json.loads(spliced(source, changed)) == changed
    fewer = dict(list(changed.items())[1:])
    assert json.loads(spliced(source, fewer)) == fewer
    again = changed_row(source, changed)
    assert isinstance(again, JsonRow)
    assert again == json.loads(again.text)


@pytest.mark.parametrize("digits", [17, 18, 19, 20, 40, 4300])
def test_integers_of_any_size_are_exact(digits: int) -> None:
    assert load_json(f"[{'9' * digits}, -{'1' * digits}]") == [int("9" * digits), -int("1" * digits)]


def test_more_digits_than_python_takes_stay_digits() -> None:
    assert load_json("[" + "7" * 4301 + "]") == ["7" * 4301]


def test_depth_is_counted_outside_of_strings_only() -> None:
    assert depth_of("[" * 600 + "]" * 600) == 600
    assert depth_of(json.dumps({"a": "[" * 600})) == 1
    assert depth_of(json.dumps([[]] * 600)) == 2
