"""The shared cases of CSV, TSV and JSON Lines whose rows were changed or lost on their way."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.api import scan
from mmcheck.config import InputConfig
from mmcheck.core.types import Sample
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.parquet import ParquetFormat

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases beside the repository")


def read(name: str) -> list[Sample]:
    return list(CsvFormat(InputConfig()).read(str(CASES / name)))


def test_backslashed_quotes_are_read_as_meant() -> None:
    assert [sample.caption for sample in read("csv-backslash-quotes/train.csv")] == [
        'a road sign that reads "stop" beside a fence',
        'a shop with the name "Rosa, flowers" above its door',
        "a plain brown dog on a mat",
        'a 12" record, its sleeve and a lamp',
        "a path that ends in a backslash C:\\",
    ]


def test_both_halves_of_a_broken_caption_are_taken() -> None:
    causes = [sample.problem and sample.problem.cause for sample in read("csv-unquoted-newline/train.csv")]
    assert causes == ["broken_line", "ragged", None, None, "broken_line", "ragged"]


def test_a_tsv_without_quoting_comes_back_to_the_byte(tmp_path: Path) -> None:
    source = CASES / "tsv-no-quoting" / "train.tsv"
    scan(source, tmp_path / "run", None, overrides=["output.columns=false", "output.paths=keep"], probes="media")
    lines = source.read_bytes().splitlines(keepends=True)
    written = (tmp_path / "run" / "clean" / "train.tsv").read_bytes().splitlines(keepends=True)
    assert written == lines


@pytest.mark.parametrize("name", ["nest255.jsonl", "bigint.jsonl"])
def test_rows_of_json_come_back_to_the_digit(tmp_path: Path, name: str) -> None:
    source = CASES / "faults" / name
    scan(source, tmp_path / "run", None, overrides=["output.columns=false", "output.paths=keep"], probes="media")
    (written,) = (tmp_path / "run").glob("*/*.jsonl")
    assert written.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("parquet-types/datafusion.parquet", 4),
        ("parquet-types/tagsview.parquet", 4),
        ("parquet-types/b64.parquet", 2),
        ("base64-tsv/train.tsv", 3),
        ("base64-tsv/uris.jsonl", 2),
    ],
)
def test_pictures_inside_the_manifest_are_read_and_written(tmp_path: Path, name: str, rows: int) -> None:
    run = scan(CASES / name, tmp_path / "run", None, probes="media,caption_text")
    summary = run.summary
    assert (summary["rows_read"], summary["quarantine"], summary["unchecked"]) == (rows, 0, 0)


def test_a_conversation_is_no_text_but_its_pictures_are_there() -> None:
    samples = list(ParquetFormat(InputConfig()).read(str(CASES / "parquet-types" / "cauldron.parquet")))
    assert {sample.problem and sample.problem.cause for sample in samples} == {"not_text"}
