from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.errors import ConfigError
from mmcheck.gate import slices
from mmcheck.gate.slices import NO_VALUE, SlicedRows

VALUES = st.sampled_from([None, "", "a", "b", "\u7121", 1, 2, True, 0.5, [], {}])
ROWS = st.lists(st.tuples(VALUES, st.booleans(), st.sampled_from([None, 0.0, 0.25, 0.9, 1.0])), max_size=30)


def count(rows: list[tuple[Any, bool, float | None]], sizes: int) -> SlicedRows:
    found = SlicedRows("source")
    for start in range(0, len(rows), sizes):
        part = rows[start : start + sizes]
        table = pa.table({"row": [json.dumps({"source": value}) for value, _, _ in part]})
        mask = np.array([flag for _, flag, _ in part], dtype=bool)
        posteriors = np.array([np.nan if p is None else p for _, _, p in part])
        found.add(table, {"flag": mask}, {"image": posteriors})
    return found


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, seed=st.randoms(use_true_random=False), sizes=st.integers(1, 7))
def test_slices_sum_to_the_whole_in_any_order(rows: list[Any], seed: Any, sizes: int) -> None:
    found = count(rows, sizes).slices
    assert sum(part.rows for part in found.values()) == len(rows)
    assert sum(part.outcomes["flag"] for part in found.values()) == sum(flag for _, flag, _ in rows)
    assert sum(part.judged["image"] for part in found.values()) == sum(p is not None for _, _, p in rows)
    shuffled = list(rows)
    seed.shuffle(shuffled)
    other = count(shuffled, 3).slices
    assert {name: (part.rows, part.outcomes) for name, part in other.items()} == {
        name: (part.rows, part.outcomes) for name, part in found.items()
    }
    for name, part in other.items():
        assert part.expected["image"] == pytest.approx(found[name].expected["image"])


def test_rows_without_a_value_are_a_slice_and_packed_metadata_is_looked_into() -> None:
    found = SlicedRows("source")
    rows = [{"source": None}, {"other": 1}, {"json": {"source": "a"}}, ["source"], {"source": {"deep": 1}}]
    found.add(pa.table({"row": [json.dumps(row) for row in rows]}), {}, {})
    assert {name: part.rows for name, part in found.slices.items()} == {NO_VALUE: 4, "a": 1}


def test_a_column_of_ids_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_VALUES", 3)
    found = SlicedRows("id")
    with pytest.raises(ConfigError, match="more than 3 values"):
        found.add(pa.table({"row": [json.dumps({"id": number}) for number in range(4)]}), {}, {})
