"""Lists for trainers of voices: LJSpeech's by Lhotse's recipe, Piper's and Coqui's by the rules of their readers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from lhotse.recipes import prepare_ljspeech

from mmcheck.config import Config
from mmcheck.core.errors import UserError
from mmcheck.export.run import export_run
from mmcheck.formats.detect import detect_format

from .conftest import KEEP

NAMES = ["a-one", "b-two", "c_0", "c_1", "d-1", "d-2"]
TEXTS = ["gr\u00fcne \u6811", "costs $5 | or more", "hello there", '"good" morning', "first part", "to the end"]


def barred(file: Path) -> Iterator[list[str]]:
    """Yield records as Piper reads them: Python's csv between bars."""
    with file.open(encoding="utf-8", newline="") as source:
        yield from csv.reader(source, delimiter="|")


def test_lhotse_prepares_ljspeech(speech_run: Path, sound: Callable[..., Any], tmp_path: Path) -> None:
    summary = export_run(speech_run, format="ljspeech", out=tmp_path / "out")
    found = prepare_ljspeech(tmp_path / "out")
    assert [one.id for one in found["supervisions"]] == NAMES
    assert [one.text for one in found["supervisions"]] == [text.replace("| ", "") for text in TEXTS]
    wanted = {
        "a-one": sound("audio/one.wav"),
        "b-two": sound("audio/two.flac"),
        "c_1": sound("call.wav", 1.0, 0.75, 1),
        "d-2": sound("talk.wav", 2.25),
    }
    for name, samples in wanted.items():
        assert np.array_equal(found["recordings"][name].load_audio()[0], samples)
    assert summary.done == {"cut": 4, "converted": 1}
    assert "1 text has a |" in " ".join(summary.notes)
    reasons = [json.loads(line) for line in (tmp_path / "out" / "metadata.reasons.jsonl").read_text().splitlines()]
    assert [row["mmcheck_id"] for row in reasons] == ["a-one", "b-two", "c 0", "c 1", "d-1", "d-2"]
    assert detect_format(str(tmp_path / "out"), Config().input) == "ljspeech"


def test_raw_and_normalised_texts_are_both_written(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "LJ"
    (folder / "wavs").mkdir(parents=True)
    (folder / "wavs" / "LJ1.wav").write_bytes((speech_data / "audio" / "one.wav").read_bytes())
    (folder / "metadata.csv").write_text("LJ1|Mr. X, 5th|Mister X, fifth\n")
    run = scanned(folder, config=KEEP, probes="media")
    export_run(run, format="ljspeech", out=tmp_path / "out", columns=False)
    assert (tmp_path / "out" / "metadata.csv").read_text() == "LJ1|Mr. X, 5th|Mister X, fifth\n"
    assert not (tmp_path / "out" / "metadata.reasons.jsonl").exists()


def test_piper_reads_speakers_and_odd_texts(speech_run: Path, tmp_path: Path) -> None:
    summary = export_run(speech_run, format="piper", out=tmp_path / "out", media="copy")
    rows = list(barred(tmp_path / "out" / "metadata.csv"))
    assert [row[0] for row in rows] == NAMES
    assert [row[1] for row in rows] == ["a", "b", "unknown", "unknown", "a", "a"]
    assert [row[-1] for row in rows] == TEXTS
    assert all((tmp_path / "out" / "wavs" / f"{name}.wav").is_file() for name in NAMES)
    assert summary.load.endswith("--model.num_speakers 3")
    assert "2 rows name no speaker" in " ".join(summary.notes)


def test_coqui_reads_the_table_by_its_header(speech_run: Path, tmp_path: Path) -> None:
    export_run(speech_run, format="coqui", out=tmp_path / "out")
    with (tmp_path / "out" / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    assert [row["text"] for row in rows] == TEXTS
    assert [row["audio_file"] for row in rows] == [f"wavs/{name}.wav" for name in NAMES]
    assert {row["speaker_name"] for row in rows} == {"a", "b", "unknown"}
    assert all(soundfile.info(tmp_path / "out" / row["audio_file"]).format == "WAV" for row in rows)


def test_lists_without_speakers_have_two_columns(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    names = ("audio/one.wav", "talk.wav")
    (tmp_path / "m.jsonl").write_text(
        "".join(json.dumps({"audio": str(speech_data / name), "text": "hello there"}) + "\n" for name in names)
    )
    run = scanned(tmp_path / "m.jsonl", config=KEEP, probes="media")
    export_run(run, format="piper", out=tmp_path / "piper")
    assert [len(row) for row in barred(tmp_path / "piper" / "metadata.csv")] == [2, 2]
    export_run(run, format="coqui", out=tmp_path / "coqui")
    assert (tmp_path / "coqui" / "metadata.csv").read_text().splitlines()[0] == "audio_file|text"


def test_ids_that_would_be_one_name_get_their_number(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    ids = ["x/1.wav", "x 1", "x_1", "../..", "\u00e4" * 200, "ok"]
    parts = [{"id": id, "audio": str(speech_data / "talk.wav"), "text": f"text {n}"} for n, id in enumerate(ids)]
    rows = [{**row, "offset": n * 0.25, "duration": 0.25} for n, row in enumerate(parts)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    export_run(scanned(tmp_path / "m.jsonl", config=KEEP, probes="media"), format="ljspeech", out=tmp_path / "out")
    found = [line.split("|")[0] for line in (tmp_path / "out" / "metadata.csv").read_text("utf-8").splitlines()]
    assert found == [
        *("x_1~000000000", "x_1~000000001", "x_1~000000002", "row", "\u00e4" * 75, "ok"),
    ]
    assert sorted(path.stem for path in (tmp_path / "out" / "wavs").iterdir()) == sorted(found)
    digests = {path.read_bytes() for path in (tmp_path / "out" / "wavs").iterdir()}
    assert len(digests) == len(ids)


@pytest.mark.parametrize("name", ["ljspeech", "piper", "coqui"])
def test_the_same_bytes_each_time_and_paths_alone_are_refused(name: str, speech_run: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        export_run(speech_run, format=name, out=tmp_path / out)
    for file in ("metadata.csv", "metadata.reasons.jsonl", "wavs/c_0.wav"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    with pytest.raises(UserError, match="needs the files below its folder"):
        export_run(speech_run, format=name, out=tmp_path / "three", media="reference")
