"""Values that stood before are found over the whole run, with the same result in memory and on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcheck.core.types import RowProblem, Sample
from mmcheck.decide.repeated_values import RepeatedValues
from mmcheck.judge.column_values import is_missing, plain_text
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import SCHEMA_VERSION, RunRecord, write_record
from mmcheck.store.schema import samples_to_table, write_part


def make_run(folder: Path, values: Sequence[Any], shard_size: int = 3) -> RunFolder:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "samples").mkdir(exist_ok=True)
    record = RunRecord(
        schema_version=SCHEMA_VERSION,
        mmcheck_version="0",
        state="complete",
        identity="i",
        shard_size=shard_size,
        rows=len(values),
        limit=None,
        inputs=(),
        versions={},
        probes={},
        analyses={},
    )
    write_record(folder, record)
    problem = RowProblem(cause="ragged", message="m is ragged.")
    samples = [
        Sample(
            id=str(i),
            manifest=f"/data/{'ab'[i % 2]}.jsonl",
            row_number=i + 1,
            row={"x": "seen" if value is ... else value},
            problem=problem if value is ... else None,
        )
        for i, value in enumerate(values)
    ]
    run = RunFolder(folder)
    for shard in run.shards():
        write_part(run.samples_part(shard), samples_to_table(samples[shard.start : shard.stop], shard.start), {})
    return run


def find(run: RunFolder, sorted_rows: int = 100) -> dict[int, str]:
    repeated = RepeatedValues(run, ["x"], sorted_rows=sorted_rows)
    try:
        return repeated.earlier(0, run.record.rows)["x"]
    finally:
        repeated.close()


def test_the_first_is_named_and_what_is_no_value_is_never_one(tmp_path: Path) -> None:
    values = ["a", None, "b", "a ", "", NAN, "A", "a", 7, "7", 7.0, [1], [1], ..., "seen"]
    found = find(make_run(tmp_path / "run", values))
    first, seven, listed = "row 1 of a.jsonl", "row 9 of a.jsonl", "row 12 of b.jsonl"
    assert found == {3: first, 7: first, 9: seven, 10: seven, 12: listed}


NAN = float("nan")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["a", "b", "c", 1, "1", None, True, "日本"]), max_size=20), st.integers(1, 8))
def test_on_disk_a_slice_at_a_time_is_as_in_memory(tmp_path: Path, values: list[Any], sorted_rows: int) -> None:
    run = make_run(tmp_path / "run", values)
    seen: dict[str, int] = {}
    wanted = {}
    for row, value in enumerate(values):
        if is_missing(value):
            continue
        first = seen.setdefault(plain_text(value), row)
        if first != row:
            wanted[row] = f"row {first + 1} of {'ab'[first % 2]}.jsonl"
    assert find(run, sorted_rows) == find(run) == wanted
    assert sorted(path.name for path in run.path.iterdir()) == ["run.json", "samples"], "nothing is left behind"


def test_groups_get_their_own_rows(tmp_path: Path) -> None:
    repeated = RepeatedValues(make_run(tmp_path / "run", ["a", "a", "a", "a"], shard_size=2), ["x"])
    assert list(repeated.earlier(2, 4)["x"]) == [0, 1]


def test_no_column_costs_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ["a", "a"])
    for part in (tmp_path / "run" / "samples").iterdir():
        part.unlink()
    assert RepeatedValues(run, []).earlier(0, 2) == {}


@pytest.mark.parametrize("size", [0, 1])
def test_runs_without_repetition(tmp_path: Path, size: int) -> None:
    assert find(make_run(tmp_path / "run", ["a"] * size)) == {}
