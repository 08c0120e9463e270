"""What is odd in manifests of speech: values of another type, numbers that no float reaches, halves of characters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from tests.fixtures.audio_layouts import make_nemo_tarred, recording, supervision, wav
from tests.fixtures.layouts import rows
from tests.fixtures.small_files import json_lines, put


def read(form: str, manifest: Path) -> list[Sample]:
    return list(FORMATS.get(form)(InputConfig()).read(str(manifest)))


def write(form: str, manifest: Path, samples: list[Sample], folder: Path) -> list[Path]:
    part = FORMATS.get(form)(InputConfig())
    files: list[Path] = part.write(rows(samples, {}), folder, "cuts", OutputConfig(), manifest=str(manifest))
    return files


def causes(samples: list[Sample]) -> list[str | None]:
    return [sample.problem.cause if sample.problem else None for sample in samples]


def cut(id: str, supervisions: list[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    whole = {**recording("r", "r.wav", 3.0), **changed}
    return {"id": id, "start": 0, "duration": 3.0, "channel": 0, "supervisions": supervisions, "recording": whole}


@pytest.mark.parametrize("sources", [7, True, "r.wav", {"type": "file"}, None])
def test_sources_that_are_no_list_break_their_cut_and_come_back_as_they_were(sources: object, tmp_path: Path) -> None:
    cuts = [cut("c0", [supervision("s", "r", 0, 1.0, "one")], sources=sources)]
    cuts += [cut("c1", [supervision("s", "r", 0, 1.0, "two")])]
    manifest = put(tmp_path, {"r.wav": wav(3.0), "cuts.jsonl": json_lines(cuts)}) / "cuts.jsonl"
    samples = read("lhotse", manifest)
    assert causes(samples) == ["missing_media", None]
    (file,) = write("lhotse", manifest, samples, tmp_path / "out")
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert written[0] == cuts[0]
    assert written[1]["recording"]["sources"][0]["source"] == str(tmp_path / "r.wav")


@pytest.mark.parametrize(
    "transforms",
    [7, {"name": "Speed"}, [{"name": "Speed", "kwargs": [2]}], [{"name": "Speed", "kwargs": {"factor": "2"}}]],
)
def test_transforms_that_are_none_are_passed_over(transforms: object, tmp_path: Path) -> None:
    cuts = [cut("c0", [supervision("s", "r", 0.5, 1.0, "one")], transforms=transforms)]
    manifest = put(tmp_path, {"r.wav": wav(3.0), "cuts.jsonl": json_lines(cuts)}) / "cuts.jsonl"
    (sample,) = read("lhotse", manifest)
    assert sample.audio is not None
    assert (sample.audio.start, sample.audio.duration) == (0.5, 1.0)


@pytest.mark.parametrize("member", ["start", "duration"])
def test_one_supervision_without_times_leaves_the_others_of_its_cut(member: str, tmp_path: Path) -> None:
    said = [supervision(f"s{n}", "r", float(n), 0.5, f"text {n}") for n in range(3)]
    said[1][member] = 10**400 if member == "duration" else 50.0
    manifest = put(tmp_path, {"r.wav": wav(3.0), "cuts.jsonl": json_lines([cut("c", said)])}) / "cuts.jsonl"
    samples = read("lhotse", manifest)
    assert causes(samples) == [None, "bad_segment", None]
    assert [sample.id for sample in samples] == ["s0", "s1", "s2"]
    (file,) = write("lhotse", manifest, [samples[0], samples[2]], tmp_path / "out")
    (kept,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["id"] for one in kept["supervisions"]] == ["s0", "s2"]
    (file,) = write("lhotse", manifest, samples[1:2], tmp_path / "quarantine")
    (kept,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["id"] for one in kept["supervisions"]] == ["s1"]


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_recording_longer_than_a_float_reaches_is_no_traceback(number: int, tmp_path: Path) -> None:
    cuts = [cut("c", [supervision("s", "r", 0, 1.0, "one")], duration=number)]
    manifest = put(tmp_path, {"r.wav": wav(3.0), "cuts.jsonl": json_lines(cuts)}) / "cuts.jsonl"
    assert [sample.transcript for sample in read("lhotse", manifest)] == ["one"]


def gigaspeech(folder: Path, segments: list[Any]) -> Path:
    audios: list[Any] = [{"aid": f"A{n}", "path": f"a{n}.wav", "segments": [one]} for n, one in enumerate(segments)]
    document = json.dumps({"dataset": "GigaSpeech", "audios": [*audios, 7]})
    return put(folder, {"GigaSpeech.json": document}) / "GigaSpeech.json"


def test_odd_entries_of_gigaspeech_are_broken_rows_and_come_back_as_they_were(tmp_path: Path) -> None:
    sound = {"sid": "S0", "begin_time": 0.5, "end_time": 1.5, "text_tn": "ONE"}
    odd = [{**sound, "end_time": 10**400}, {**sound, "text_tn": "x\ud800"}, {**sound, "\udc00": 1}, 3]
    manifest = gigaspeech(tmp_path, [sound, *odd])
    samples = read("gigaspeech", manifest)
    assert causes(samples) == [None, "bad_segment", "encoding", "encoding", "bad_segment", "no_segments"]
    (file,) = write("gigaspeech", manifest, samples[1:], tmp_path / "out")
    before, after = json.loads(manifest.read_text()), json.loads(file.read_bytes())
    assert after["audios"] == before["audios"][1:]


def test_an_entry_of_gigaspeech_nested_very_deep_ends_the_manifest_where_it_stands(tmp_path: Path) -> None:
    sound = {"sid": "S0", "begin_time": 0.5, "end_time": 1.5, "text_tn": "ONE"}
    manifest = gigaspeech(tmp_path, [sound, "@"])
    manifest.write_text(manifest.read_text().replace('"@"', "[" * 100_000 + "]" * 100_000))
    samples = read("gigaspeech", manifest)
    assert causes(samples) == [None, "manifest_cut_short"]
    assert samples[1].problem is not None
    assert "2. item is nested too deep" in samples[1].problem.message


def test_integers_of_any_length_in_gigaspeech_are_read(tmp_path: Path) -> None:
    manifest = gigaspeech(tmp_path, [{"sid": "S0", "begin_time": 0.5, "end_time": 1.5, "text_tn": "ONE", "n": "@"}])
    manifest.write_text(manifest.read_text().replace('"@"', "7" * 5000))
    assert causes(read("gigaspeech", manifest)) == [None, "no_segments"]


def test_speechbrain_without_durations_says_so_of_each_row(tmp_path: Path) -> None:
    text = "ID,wav,start,stop,wrd\nu0,r.wav,0,8000,one\n"
    (sample,) = read("speechbrain", put(tmp_path, {"r.wav": wav(3.0), "train.csv": text}) / "train.csv")
    assert causes([sample]) == ["bad_segment"]


def test_a_row_of_a_tarred_set_without_a_name_is_a_broken_row(tmp_path: Path) -> None:
    manifest = make_nemo_tarred(tmp_path) / "tarred_audio_manifest.json"
    lines = manifest.read_text().splitlines()
    lines[1] = lines[1].replace("audio_filepath", "audio")
    manifest.write_text("\n".join(lines))
    assert causes(read("nemo_tarred", manifest)) == [None, "missing_column", None]


@pytest.mark.parametrize("path", ["http://[", "file://[x/a.wav", "s3://[::1/a.wav"])
def test_an_address_whose_host_is_none_is_no_traceback(path: str, tmp_path: Path) -> None:
    lines = json_lines([{"audio_filepath": path, "text": "one", "duration": 1.0}])
    (sample,) = read("nemo", put(tmp_path, {"m.jsonl": lines}) / "m.jsonl")
    assert sample.transcript == "one"
