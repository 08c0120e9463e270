from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.formats.base import OutputRow
from mmcheck.formats.jsonl import JsonlFormat
from mmcheck.formats.nemo import NemoFormat


@pytest.mark.parametrize(
    ("times", "segment"),
    [
        ({}, (None, None)),
        ({"duration": 3.2}, (None, None)),
        ({"offset": 0, "duration": 3.2}, (0.0, 3.2)),
        ({"offset": 1.5, "duration": "3"}, (1.5, 3.0)),
        ({"offset": 1.5}, (1.5, None)),
        ({"offset": None, "duration": 3.2}, (None, None)),
        ({"start": 1, "end": 3}, (1.0, 2.0)),
    ],
)
def test_a_segment_needs_an_offset(tmp_path: Path, times: dict[str, Any], segment: tuple[Any, Any]) -> None:
    row = {"audio_filepath": "a.wav", "text": "x", **times}
    (tmp_path / "m.json").write_text(json.dumps(row))
    (sample,) = NemoFormat(InputConfig()).read(str(tmp_path / "m.json"))
    assert sample.audio is not None
    assert (sample.audio.start, sample.audio.duration) == segment
    assert sample.row == row


def test_what_is_written_is_json_lines_with_absolute_paths(tmp_path: Path) -> None:
    rows = [{"audio_filepath": f"{i}.wav", "text": "\u6771", "duration": 1.25, "speaker": i} for i in range(3)]
    (tmp_path / "m.json").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    part = NemoFormat(InputConfig(language="ja"))
    samples = list(part.read(str(tmp_path / "m.json")))
    assert {sample.language for sample in samples} == {"ja"}
    (file,) = part.write([OutputRow(sample=s, extra={}) for s in samples], tmp_path / "o", "m", OutputConfig())
    frame = pd.read_json(file, lines=True)
    assert frame["audio_filepath"].tolist() == [str(tmp_path / f"{i}.wav") for i in range(3)]
    assert frame.drop(columns="audio_filepath").to_dict("records") == [
        {"text": "\u6771", "duration": 1.25, "speaker": i} for i in range(3)
    ]
    assert "\u6771" in file.read_text("utf-8")


@pytest.mark.parametrize("value", ["3.2s", "0:03", -1, True, [3.2], "unknown", 1e999])
def test_a_duration_that_is_no_number_is_told(tmp_path: Path, value: Any) -> None:
    rows = [{"audio_filepath": "a.wav", "text": "x", "duration": one} for one in (1.5, "1.5", None, "", value)]
    (tmp_path / "m.json").write_text("\n".join(map(json.dumps, rows)))
    samples = list(NemoFormat(InputConfig()).read(str(tmp_path / "m.json")))
    assert [sample.problem and sample.problem.cause for sample in samples] == [None] * 4 + ["bad_duration"]
    assert samples[-1].problem is not None
    assert "'duration'" in samples[-1].problem.message


def test_a_duration_of_another_manifest_is_a_plain_column_until_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"audio": "a.wav", "text": "x", "duration": "0:03"}\n')
    (sample,) = JsonlFormat(InputConfig()).read(str(tmp_path / "m.jsonl"))
    assert sample.problem is None
    options = InputConfig.model_validate({"columns": {"duration": "duration"}})
    (sample,) = JsonlFormat(options).read(str(tmp_path / "m.jsonl"))
    assert sample.problem is not None
