from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.errors import RunError
from mmcheck.core.types import ByteColumn, Measurement, MediaRef, Metric, RowProblem, Sample, Status
from mmcheck.store.run_folder import read_part
from mmcheck.store.schema import (
    digest_ids,
    dump_json,
    find_labels,
    load_json,
    measurements_to_table,
    metric_columns,
    read_bytes,
    samples_to_table,
    table_to_measurements,
    table_to_samples,
    write_part,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
REFS = st.builds(
    MediaRef,
    uri=TEXT,
    member=st.none() | TEXT,
    offset=st.none() | st.integers(0, 2**40),
    size=st.none() | st.integers(0, 2**40),
    start=st.none() | st.floats(0, 1e5),
    duration=st.none() | st.floats(0, 1e5),
)
SAMPLES = st.builds(
    Sample,
    id=TEXT,
    manifest=TEXT,
    row_number=st.integers(0, 2**40),
    image=st.none() | REFS,
    audio=st.none() | REFS,
    caption=st.none() | TEXT,
    transcript=st.none() | TEXT,
    language=st.none() | TEXT,
    row=st.dictionaries(TEXT, JSON, max_size=4),
    own_id=st.booleans(),
    problem=st.none() | st.builds(RowProblem, cause=TEXT, message=TEXT),
)
MEASUREMENTS = st.builds(
    Measurement,
    sample_id=TEXT,
    probe=st.just("p"),
    status=st.sampled_from(Status),
    values=st.dictionaries(st.sampled_from(["a", "b"]), st.floats(allow_nan=False, allow_infinity=False)),
    evidence=st.dictionaries(TEXT, JSON, max_size=3),
    content=st.dictionaries(st.sampled_from(["c", "d"]), st.binary(min_size=4, max_size=4)),
    reason=st.none() | TEXT,
    cause=st.none() | TEXT,
    embeddings=st.dictionaries(
        st.sampled_from(["image", "text"]),
        st.lists(st.floats(-1, 1, width=16), min_size=3, max_size=3).map(lambda row: np.array(row, dtype=np.float16)),
    ),
)
METRICS = (Metric(name="p.a", description="a"), Metric(name="p.b", description="b"))
COLUMNS = tuple(ByteColumn(name=name, size=4, description="") for name in ("c", "d"))


@settings(max_examples=60, deadline=None)
@given(st.lists(SAMPLES, max_size=5))
def test_samples_come_back_as_they_were(samples: list[Sample]) -> None:
    assert table_to_samples(samples_to_table(samples, 7)) == samples


@settings(max_examples=60, deadline=None)
@given(st.lists(MEASUREMENTS, max_size=5), st.integers(0, 2))
def test_measurements_come_back_as_they_were(measurements: list[Measurement], skipped: int) -> None:
    table = measurements_to_table(measurements, METRICS, COLUMNS).slice(skipped)
    found = table_to_measurements(table, "p")
    assert len(found) == len(measurements[skipped:])
    for one, other in zip(found, measurements[skipped:], strict=True):
        assert {name: vector.tolist() for name, vector in one.embeddings.items()} == {
            name: vector.tolist() for name, vector in other.embeddings.items()
        }
        assert replace(one, embeddings={}) == replace(other, embeddings={})


@settings(max_examples=60, deadline=None)
@given(st.lists(MEASUREMENTS, max_size=5), st.integers(0, 2))
def test_bytes_are_read_as_one_array(measurements: list[Measurement], skipped: int) -> None:
    table = measurements_to_table(measurements, METRICS, COLUMNS).slice(skipped)
    present, rows = read_bytes(table, COLUMNS[0], table.num_rows)
    expected = [one.content.get("c") for one in measurements[skipped:]]
    assert rows.shape == (len(expected), 4)
    assert [row.tobytes() if seen else None for seen, row in zip(present, rows, strict=True)] == expected
    assert metric_columns(table) == ["a", "b"]


def test_bytes_that_nobody_stored_are_absent() -> None:
    for table in (None, measurements_to_table([Measurement.not_applicable("1", "p", "no image")], METRICS)):
        present, rows = read_bytes(table, COLUMNS[0], 1)
        assert (present.tolist(), rows.shape) == ([False], (1, 4))


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_json_comes_back_as_it_was(value: object) -> None:
    assert load_json(dump_json(value)) == value


def test_json_keeps_what_utf8_and_strict_json_cannot() -> None:
    assert math.isnan(load_json(dump_json({"x": float("nan")}))["x"])
    assert load_json(dump_json({"x": "a\ud800"})) == {"x": "a\ud800"}
    assert load_json(dump_json({"x": 2**70})) == {"x": 2**70}
    assert dump_json({"x": "\u3042"}).encode()


def test_absent_values_are_null_and_embeddings_fixed_size() -> None:
    measured = Measurement(
        sample_id="1", probe="p", status=Status.MEASURED, values={"a": 1.5}, embeddings={"image": np.ones(3)}
    )
    table = measurements_to_table([measured, Measurement.failed("2", "p", "gone", "missing")], METRICS)
    assert metric_columns(table) == ["a", "b"]
    assert table["a"].to_pylist() == [1.5, None]
    assert table["b"].null_count == 2
    assert table["embedding.image"].to_pylist() == [[1.0, 1.0, 1.0], None]
    assert table["cause"].to_pylist() == [None, "missing"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Measurement(sample_id="1", probe="p", status=Status.MEASURED, values={"a": value})


def test_equal_tables_give_equal_bytes_and_labels(tmp_path: Path) -> None:
    table = measurements_to_table([Measurement.not_applicable("1", "p", "no image")], METRICS)
    for name in ("x", "y"):
        write_part(tmp_path / name, table, {"fingerprint": "f"})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    assert find_labels(tmp_path / "x") == {"fingerprint": "f", "ids": digest_ids(table["sample_id"])}
    assert read_part(tmp_path / "x", ["status", "unheard_of"]).column_names == ["status"]


def test_parts_are_packed_column_by_column_and_come_back_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    measured = [
        Measurement(
            sample_id=str(row),
            probe="p",
            status=Status.MEASURED,
            values={"a": float(row)},
            evidence={"heard": "\u3042"},
            embeddings={"image": rng.normal(size=64)},
        )
        for row in range(100)
    ]
    table = measurements_to_table([*measured, Measurement.failed("x", "p", "gone", "missing")], METRICS)
    write_part(tmp_path / "x", table, {"fingerprint": "f"})
    with pq.ParquetFile(tmp_path / "x") as file:
        assert file.read().replace_schema_metadata(None).equals(table)
        group = file.metadata.row_group(0)
        columns = [group.column(number) for number in range(group.num_columns)]
    packed = {column.path_in_schema: column.compression for column in columns}
    assert packed.pop("a") == packed.pop("b") == "LZ4"
    assert packed.pop("embedding.image.list.element") == "ZSTD"
    assert set(packed.values()) == {"ZSTD"}
    assert not any(column.is_stats_set for column in columns)


def test_a_damaged_part_counts_as_none(tmp_path: Path) -> None:
    table = measurements_to_table([Measurement.not_applicable("1", "p", "no image")], METRICS)
    write_part(tmp_path / "x", table, {"fingerprint": "f"})
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-20])
    assert find_labels(tmp_path / "x") is None
    assert find_labels(tmp_path / "absent") is None
    with pytest.raises(RunError, match="damaged"):
        read_part(tmp_path / "x")


def test_rows_are_stored_as_json_people_can_query() -> None:
    sample = Sample(id="1", manifest="m", row_number=1, row={"text": "\u00e9", "n": [1, 2]})
    assert json.loads(samples_to_table([sample], 0)["row"][0].as_py()) == {"text": "\u00e9", "n": [1, 2]}
