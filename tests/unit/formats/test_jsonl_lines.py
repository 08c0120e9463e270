from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config import Config, InputConfig, OutputConfig
from mmcheck.core.types import MediaRef, RowProblem, Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.jsonl import JsonlFormat
from mmcheck.formats.jsonl_lines import LineMaker, lines_name, writes_lines
from mmcheck.formats.nemo import NemoFormat
from mmcheck.store.schema import samples_to_table, table_to_samples

EXTRAS = ("mmcheck_id", "mmcheck_codes", "mmcheck_reasons", "mmcheck_score", "mmcheck_none")


def sample(row: dict[str, Any], number: int = 1, **fields: Any) -> Sample:
    fields = {"image": MediaRef(uri=f"/data/{number}.jpg"), "own_id": True, **fields}
    return Sample(id=f"s{number}", manifest="/data/m.jsonl", row_number=number, row=row, **fields)


SAMPLES = [
    sample({"id": "s1", "image": "1.jpg", "caption": "plain"}, 1),
    sample({"id": "s2", "image": "2.jpg", "caption": 'quoted "x" \\ \n \x01 \x7f \u2028 \U0001f600 \u00e9'}, 2),
    sample({"image": ["3.jpg"], "deep": {"image": "3.jpg", "list": [1, 2.50, 1e-7, None, True]}, "caption": ""}, 3),
    sample({"image": {"path": "4.jpg", "bytes": None}, "caption": "a dict for a path"}, 4),
    sample({"image": "5.jpg", "score": float("nan"), "other": float("inf")}, 5),
    sample({"image": "6.jpg", "mmcheck_id": "of an earlier run", "z": 1, "mmcheck_score": 1}, 6),
    sample({}, 7, image=None),
    sample({"_raw": "{broken \u00e9"}, 8, image=None, problem=RowProblem(cause="broken_json", message="broken")),
    sample({"id": "key", "image": "9.jpg", "caption": ["two"]}, 9, own_id=False),
    sample({"image": "p.parquet", "caption": "inside"}, 10, image=MediaRef(uri="/data/p.parquet", member="image[3]")),
    sample({"image": "11.jpg", "huge": 123456789012345678901234567890}, 11),
    sample({"image": "12.jpg", "half": "\ud83d"}, 12),
    sample({"any": "13.jpg", "note": "no role by name"}, 13, image=MediaRef(uri="/data/13.jpg")),
    sample({"image": "x\ny", "caption": "not a path"}, 14),
    sample({"audio": "15.wav", "text": "words"}, 15, image=None, audio=MediaRef(uri="/data/15.wav", start=0.5)),
    sample({"image": "16.jpg", "caption": "null and NaN as words"}, 16),
]
SPLIT = Sample(
    id="key#2",
    manifest="/data/m.jsonl",
    row_number=17,
    row={"id": "key", "image": "17.jpg"},
    image=MediaRef(uri="/data/17.jpg"),
)


def extras_of(count: int, scores: list[float | None]) -> dict[str, pa.Array]:
    odd = ['a "word"', "\u00fcber\n"]
    return {
        "mmcheck_id": pa.array([f"s{n}" if n % 4 else f'"{n}"\\' for n in range(count)]),
        "mmcheck_codes": pa.array([["a.b", "c.d"][: n % 3] for n in range(count)], pa.list_(pa.string())),
        "mmcheck_reasons": pa.array([odd[: n % 3] for n in range(count)], pa.list_(pa.string())),
        "mmcheck_score": pa.array(scores, pa.float64()),
        "mmcheck_none": pa.nulls(count, pa.float64()),
    }


def both_ways(
    samples: list[Sample], scores: list[float | None], output: OutputConfig, folder: Path
) -> tuple[bytes, bytes]:
    table = samples_to_table(samples, 0)
    extras = extras_of(len(samples), scores)
    stored = table_to_samples(table)
    names = EXTRAS if output.columns else ()
    for name in names:
        table = table.append_column(name, extras[name])
    made = LineMaker(InputConfig(), output, folder).lines(table, names, lambda row: stored[row])
    rows = [
        OutputRow(sample=one, extra={name: extras[name][number].as_py() for name in names})
        for number, one in enumerate(stored)
    ]
    (file,) = JsonlFormat(InputConfig()).write(rows, folder, "m", output, manifest="/data/m.jsonl")
    return made, file.read_bytes()


@pytest.mark.parametrize("paths", ["absolute", "relative", "keep"])
@pytest.mark.parametrize("columns", [True, False])
def test_lines_are_those_of_the_format_itself(tmp_path: Path, paths: Any, columns: bool) -> None:
    samples = [*SAMPLES, SPLIT]
    scores = [None if n % 5 == 0 else n * 0.123456 - 1 for n in range(len(samples))]
    made, expected = both_ways(samples, scores, OutputConfig(paths=paths, columns=columns), tmp_path)
    assert made == expected
    assert made.count(b"\n") == len(samples)


def test_numbers_are_written_as_the_format_writes_them(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    scores = [*(drawn.normal(size=300) * 10.0 ** drawn.integers(-12, 18, 300)).tolist(), 0.0, -0.0, 1e16, 5e-324]
    samples = [sample({"image": f"{n}.jpg"}, n) for n in range(len(scores))]
    made, expected = both_ways(samples, scores, OutputConfig(), tmp_path)
    assert made == expected
    assert [json.loads(line)["mmcheck_score"] for line in made.splitlines()] == scores


def test_a_value_that_is_no_number_takes_the_slow_way(tmp_path: Path) -> None:
    samples = [sample({"image": f"{n}.jpg"}, n) for n in range(2)]
    made, expected = both_ways(samples, [float("nan"), 1.0], OutputConfig(), tmp_path)
    assert made == expected


def test_no_rows_make_no_lines(tmp_path: Path) -> None:
    assert both_ways([], [], OutputConfig(), tmp_path) == (b"", b"")


def test_only_plain_json_lines_are_written_by_lines() -> None:
    options, output = InputConfig(), OutputConfig()
    assert writes_lines(JsonlFormat(options), options, output)
    assert writes_lines(NemoFormat(options), options, output)
    assert not writes_lines(CsvFormat(options), options, output)
    assert not writes_lines(JsonlFormat(options), options, OutputConfig(write_media=True))
    assert not writes_lines(JsonlFormat(options), Config(input={"encoding": "latin-1"}).input, output)
    assert lines_name("/data/m.jsonl.gz", "m") == "m.jsonl.gz"
