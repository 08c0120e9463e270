"""SpeechBrain's CSV, read by the rules of its ``load_data_csv``."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mmcheck.config import Config
from mmcheck.core.errors import UserError
from mmcheck.export.run import export_run
from mmcheck.formats.detect import detect_format
from mmcheck.formats.speech.speechbrain import SpeechBrainFormat

from .conftest import KEEP


def load(file: Path) -> dict[str, dict[str, Any]]:
    """Return rows by id: blanks behind commas are passed over, no id stands twice, no variable is left open."""
    with file.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source, skipinitialspace=True))
    found = {row["ID"]: row for row in rows}
    assert len(found) == len(rows)
    assert not [value for row in rows for value in row.values() if re.search(r"\$[\w.]+", value)]
    return found


def test_segments_are_numbers_of_samples(speech_run: Path, sound: Callable[..., Any], tmp_path: Path) -> None:
    summary = export_run(speech_run, format="speechbrain", out=tmp_path / "out", media="copy")
    rows = load(tmp_path / "out" / "train.csv")
    assert list(rows) == ["a-one", "b-two", "c 0", "c 1", "d-1", "d-2"]
    assert [row["wrd"] for row in rows.values()] == [
        *("gr\u00fcne \u6811", "costs $ 5 | or\nmore", "hello there", '"good" morning', "first part", "to the end"),
    ]
    assert "A blank was put behind the $ of 1 text" in " ".join(summary.notes)
    wanted = [
        sound("audio/one.wav"),
        sound("audio/two.flac"),
        sound("call.wav", 0.25, 0.5, 0),
        sound("call.wav", 1.0, 0.75, 1),
        sound("talk.wav", 0.5, 1.0),
        sound("talk.wav", 2.25),
    ]
    for row, samples in zip(rows.values(), wanted, strict=True):
        start, stop = int(row["start"]), int(row["stop"])
        read, rate = soundfile.read(row["wav"], start=start, stop=stop, dtype="float32")
        assert np.array_equal(read, samples)
        assert float(row["duration"]) == len(samples) / rate
    assert [row["spk_id"] for row in rows.values()] == ["a", "b", "", "", "a", "a"]
    assert rows["b-two"]["source"] == "radio"
    assert rows["a-one"]["mmcheck_action"] == "keep"
    file = str(tmp_path / "out" / "train.csv")
    assert detect_format(file, Config().input) == "speechbrain"
    refs = [sample.audio for sample in SpeechBrainFormat(Config().input).read(file)]
    assert [(ref.start, ref.duration) for ref in refs if ref is not None][4:] == [(0.5, 1.0), (2.25, 0.75)]


def test_whole_recordings_need_no_start(speech_data: Path, scanned: Callable[..., Path], tmp_path: Path) -> None:
    rows = [
        {"id": "x", "audio": "talk.wav", "text": "hello", "wrd": 5, "note": "worth $9.50"},
        {"id": "y", "audio": "audio/one.wav", "text": "there", "score": 0.5},
    ]
    (speech_data / "whole.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scanned(speech_data / "whole.jsonl", config=KEEP, probes="media")
    for name in ("one", "two"):
        export_run(run, format="speechbrain", out=tmp_path / name, columns=False)
    text = (tmp_path / "one" / "train.csv").read_text()
    assert text == (tmp_path / "two" / "train.csv").read_text()
    assert text.splitlines() == [
        "ID,duration,wav,wrd,own_wrd,note,score",
        f"x,3.0,{speech_data / 'talk.wav'},hello,5,worth $ 9.50,",
        f"y,0.5,{speech_data / 'audio/one.wav'},there,,,0.5",
    ]


def test_what_speechbrain_would_take_for_a_variable_in_a_path_is_left_out(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "$x").mkdir()
    (tmp_path / "$x" / "a.wav").write_bytes((speech_data / "talk.wav").read_bytes())
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio": "$x/a.wav", "text": "hello"}))
    run = scanned(tmp_path / "m.jsonl", config=KEEP, probes="media")
    with pytest.raises(UserError, match=r"1: has a \$ in its path"):
        export_run(run, format="speechbrain", out=tmp_path / "out")
