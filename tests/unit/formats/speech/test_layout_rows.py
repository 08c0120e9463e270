"""What is odd in layouts of speech: commands, placeholders, tags, markup, broken lines, segments that are none."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import ColumnsConfig, InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.json_items import JsonItems
from mmcheck.formats.speech.cues import Cue, read_cues
from mmcheck.formats.speech.gigaspeech import plain_text
from mmcheck.formats.text_source import BrokenSource


def wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(b"\1\0" * 1600)
    return file.getvalue()


def put(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def read(name: str, manifest: Path, **options: Any) -> list[Sample]:
    return list(FORMATS.get(name)(InputConfig(**options)).read(str(manifest)))


def causes(samples: list[Sample]) -> list[str | None]:
    return [sample.problem.cause if sample.problem else None for sample in samples]


def test_commands_of_kaldi_are_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "was-run"
    scp = f"u0 u0.wav\nu1 touch {trap} && cat u0.wav |\nu2 sph2pipe -f wav -c 1 {tmp_path}/call.sph |\nu3 u.ark:12\n"
    put(tmp_path, {"u0.wav": wav(), "wav.scp": scp, "text": "u0 one\nu1 two\nu2 three\nu3 four\nu9 nine\n"})
    samples = read("kaldi", tmp_path)
    assert causes(samples) == [None, "command", "command", "archive", "missing_media"]
    assert not trap.exists()
    problem = samples[2].problem
    assert problem is not None
    assert "commands are never run" in problem.message
    assert "call.sph" in problem.message
    rows = [OutputRow(sample=sample, extra={}) for sample in samples[1:]]
    out = FORMATS.get("kaldi")(InputConfig()).write(rows, tmp_path / "q", "set", OutputConfig(), manifest=str(tmp_path))
    assert {path.name for path in out} == {"text", "wav.scp"}
    written = (tmp_path / "q" / "set" / "wav.scp").read_text()
    assert written == "".join(line + "\n" for line in scp.splitlines()[1:])
    assert (tmp_path / "q" / "set" / "text").read_text() == "u1 two\nu2 three\nu3 four\nu9 nine\n"


def test_paths_of_kaldi_count_from_above_the_data_folder(tmp_path: Path) -> None:
    put(tmp_path, {"downloads/a.wav": wav(), "data/train/wav.scp": "a downloads/a.wav\n", "data/train/text": "a\n"})
    (sample,) = read("kaldi", tmp_path / "data" / "train")
    assert sample.audio is not None
    assert sample.audio.uri == str(tmp_path / "downloads" / "a.wav")
    assert sample.transcript == ""


@pytest.mark.parametrize(
    ("segment", "cause"),
    [
        ("r 0.0 -1", None),
        ("r 2 1", "bad_segment"),
        ("r x 1", "bad_segment"),
        ("s 0 1", "missing_media"),
        ("r 1", "ragged"),
    ],
)
def test_segments_of_kaldi(tmp_path: Path, segment: str, cause: str | None) -> None:
    put(tmp_path, {"r.wav": wav(), "wav.scp": "r r.wav\n", "text": "u hello\n", "segments": f"u {segment}\n"})
    assert causes(read("kaldi", tmp_path))[0] == cause


def test_the_raw_text_of_ljspeech_is_taken_on_request(tmp_path: Path) -> None:
    put(tmp_path, {"wavs/a.wav": wav(), "metadata.csv": 'a|"Dr. No|Doctor No\nb|two\n../c|x|y\na2|kept|\n'})
    usual = read("ljspeech", tmp_path)
    assert [sample.transcript for sample in usual if sample.problem is None] == ["Doctor No", "kept"]
    assert causes(usual) == [None, "ragged", "bad_path", None]
    raw = read("ljspeech", tmp_path, columns=ColumnsConfig(transcript="text"))
    assert raw[0].transcript == '"Dr. No'
    with pytest.raises(ManifestError, match="no text 'nope'"):
        read("ljspeech", tmp_path, columns=ColumnsConfig(transcript="nope"))


def test_names_with_their_ending_are_looked_for_where_piper_does(tmp_path: Path) -> None:
    put(tmp_path, {"wavs/a.wav": wav(), "wavs/b.wav": wav(), "m.csv": "a.wav|hello you\nb.wav|and you\n"})
    assert detect_format(str(tmp_path / "m.csv"), InputConfig()) == "ljspeech"
    samples = read("ljspeech", tmp_path / "m.csv")
    assert [sample.audio.uri for sample in samples if sample.audio] == [str(tmp_path / f"wavs/{n}.wav") for n in "ab"]
    rows = [OutputRow(sample=sample, extra={}) for sample in samples]
    FORMATS.get("ljspeech")(InputConfig()).write(rows, tmp_path / "out", "m", OutputConfig())
    assert read("ljspeech", tmp_path / "out" / "m.csv")[1].transcript == "and you"
    put(tmp_path, {"p.csv": "wavs/a.wav|hello you\nwavs/b.wav|and you\n"})
    assert detect_format(str(tmp_path / "p.csv"), InputConfig()) == "csv"


def test_quotes_of_common_voice_are_text(tmp_path: Path) -> None:
    table = 'client_id\tpath\tsentence\tlocale\nx\ta.mp3\t"He left.\tpt-BR\nx\tb.mp3\tShe "stayed".\tpt-BR\n'
    put(tmp_path, {"clips/a.mp3": wav(), "clips/b.mp3": wav(), "train.tsv": table})
    samples = read("commonvoice", tmp_path / "train.tsv")
    assert [sample.transcript for sample in samples] == ['"He left.', 'She "stayed".']
    assert {sample.language for sample in samples} == {"pt-BR"}


def test_a_variable_of_speechbrain_wants_its_folder(tmp_path: Path) -> None:
    put(tmp_path, {"train.csv": "ID,duration,wav,wrd\nu,1.0,$data_root/a.wav,hello\n"})
    assert detect_format(str(tmp_path / "train.csv"), InputConfig()) == "speechbrain"
    with pytest.raises(ManifestError, match=r"below \$data_root") as caught:
        read("speechbrain", tmp_path / "train.csv")
    assert "sed" in str(caught.value.hint)


def test_segments_of_speechbrain_are_in_samples(tmp_path: Path) -> None:
    rows = "u,2.0,a.wav,8000,24000,yes\nv,1.0,a.wav,0,99,no\n"
    put(tmp_path, {"a.wav": wav(), "t.csv": "ID,duration,wav,start,stop,wrd\n" + rows})
    first, second = read("speechbrain", tmp_path / "t.csv")
    assert first.audio is not None
    assert (first.audio.start, first.audio.duration, first.transcript) == (1.0, 2.0, "yes")
    assert causes([second]) == ["bad_segment"]


def test_tags_of_gigaspeech_are_no_text() -> None:
    assert plain_text("WELL <COMMA> YES <PERIOD> <NOISE> WHY <QUESTIONMARK>") == "WELL, YES. WHY?"
    assert plain_text("<MUSIC>") == ""
    assert plain_text("A < B > C") == "A < B > C"


def test_the_frame_of_gigaspeech_stays(tmp_path: Path) -> None:
    segments = [{"sid": f"s{n}", "begin_time": n, "end_time": n + 0.5, "text_tn": f"T{n}"} for n in range(3)]
    segments.append({"sid": "bad", "begin_time": 2, "end_time": 1, "text_tn": "X"})
    document = {"dataset": "G", "audios": [{"aid": "a", "path": "a.wav", "segments": segments}, 7], "version": "v1"}
    put(tmp_path, {"G.json": json.dumps(document)})
    samples = read("gigaspeech", tmp_path / "G.json")
    assert causes(samples) == [None, None, None, "bad_segment", "no_segments"]
    rows = join_rows([OutputRow(sample=sample, extra={"mmcheck_wer": 0.5}) for sample in samples[1:3]])
    form = FORMATS.get("gigaspeech")(InputConfig())
    (file,) = form.write(rows, tmp_path / "out", "G", OutputConfig(paths="keep"))
    written = json.loads(file.read_text())
    assert (written["dataset"], written["version"]) == ("G", "v1")
    assert written["audios"] == [{"aid": "a", "path": "a.wav", "segments": segments[1:3], "mmcheck_wer": 0.5}]


def test_a_document_that_breaks_off_ends_with_a_row_that_says_so(tmp_path: Path) -> None:
    whole = json.dumps(
        {"audios": [{"path": "a.wav", "segments": [{"begin_time": 0, "end_time": 1, "text_tn": "A"}]}] * 2}
    )
    put(tmp_path, {"G.json": whole[:-30]})
    assert causes(read("gigaspeech", tmp_path / "G.json")) == [None, "manifest_cut_short"]


@settings(deadline=None)
@given(st.lists(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5).map(lambda x: {"x": x})))
def test_items_are_those_of_the_document(items: list[Any]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "d.json"
        path.write_text(json.dumps({"a": {"b": [1]}, "list": items, "z": [2]}, ensure_ascii=True))
        found = JsonItems(str(path), "list", "utf-8")
        assert list(found) == items
        assert json.loads(found.before + found.after) == {"a": {"b": [1]}, "list": [], "z": [2]}


def test_no_array_is_an_error_and_a_cut_one_is_told(tmp_path: Path) -> None:
    put(tmp_path, {"a.json": '{"x": 1}', "b.json": '{"list": [{"a": 1}, {"a"'})
    with pytest.raises(ManifestError, match="no JSON document with an array"):
        list(JsonItems(str(tmp_path / "a.json"), "list", "utf-8"))
    with pytest.raises(BrokenSource, match="after 1 items"):
        list(JsonItems(str(tmp_path / "b.json"), "list", "utf-8"))


def test_cues_without_their_markup() -> None:
    text = (
        "WEBVTT - talk\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.500 --> 01:02:03.250 line:0\n<v.loud Anna Lee>Hi "
        "<c.x>there</c> <00:00:02.000>&amp; <i>you</i>\n- all\n\n00:05.000 --> 00:04.000\nback\n\n--> broken\nx\n"
    )
    header, style, cue, back, broken = read_cues(text)
    assert (header, str(style).splitlines()[0]) == ("WEBVTT - talk", "STYLE")
    assert isinstance(cue, Cue)
    assert isinstance(back, Cue)
    assert isinstance(broken, Cue)
    assert (cue.start, cue.end, cue.text, cue.speaker) == (1.5, 3723.25, "Hi there & you - all", "Anna Lee")
    assert cue.line == 7
    assert back.fault is not None
    assert "before it begins" in back.fault
    assert broken.fault is not None


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_blocks_and_loses_none(text: str) -> None:
    blocks = [block.block if isinstance(block, Cue) else block for block in read_cues(text)]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert "\n".join(blocks).split("\n") == ([line for line in lines if line.strip()] or [""])


def test_recordings_without_subtitles_are_told(tmp_path: Path) -> None:
    cue = "1\n00:00:00,000 --> 00:00:00,050\nhello\n"
    put(tmp_path, {"a.wav": wav(), "a.en.srt": cue, "b.mp3": wav(), "c.srt": cue})
    samples = read("subtitles", tmp_path)
    assert [(sample.id, sample.language, *causes([sample])) for sample in samples] == [
        ("a.en.srt#1", "en", None),
        ("c.srt#1", None, "missing_media"),
        ("b.mp3", None, "missing_text"),
    ]


@pytest.mark.parametrize(
    ("row", "transcript", "cause"),
    [
        ({"video": "f.mp4", "transcript": "hello"}, "hello", None),
        ({"path": "f.mkv", "sentence": "hello"}, "hello", None),
        ({"audio_filepath": "f.webm", "text": "hello"}, "hello", None),
        ({"video": "f.mov", "text": "a dog runs"}, None, "video_caption"),
        ({"video": "f.mp4", "caption": "a dog runs"}, None, "video_caption"),
    ],
)
def test_films_are_sound_where_the_text_is_a_transcript(
    tmp_path: Path, row: dict[str, str], transcript: str | None, cause: str | None
) -> None:
    put(tmp_path, {"m.jsonl": json.dumps(row) + "\n"})
    (sample,) = read("jsonl", tmp_path / "m.jsonl")
    assert (sample.transcript, *causes([sample])) == (transcript, cause)
    assert (sample.audio is not None) == (cause is None)
    if cause:
        text = next(name for name in row if name != "video")
        (said,) = read("jsonl", tmp_path / "m.jsonl", columns=ColumnsConfig(transcript=text))
        assert said.transcript == row[text]


def test_texts_of_vctk_without_recording_and_the_other_way_round(tmp_path: Path) -> None:
    put(tmp_path, {"wav48/p1/p1_001.wav": wav(), "txt/p1/p1_002.txt": "two", "wav48/p1/p1_003_mic1.wav": wav()})
    put(tmp_path, {"wav48/p1/p1_003_mic2.wav": wav(), "txt/p1/p1_003.txt": "three\n"})
    samples = read("vctk", tmp_path)
    assert causes(samples) == ["missing_text", None, None, "missing_media"]
    assert [sample.id for sample in samples[1:3]] == ["p1_003_mic1", "p1_003_mic2"]


@pytest.mark.parametrize(
    ("cut", "cause"),
    [
        ({"tracks": []}, "mixed_cut"),
        ({"supervisions": []}, "missing_text"),
        ({"recording": None}, "missing_media"),
        ({"recording": {"sources": [{"type": "command", "source": "rm x", "channels": [0]}]}}, "command"),
        ({"duration": "x"}, "bad_segment"),
        ({}, None),
    ],
)
def test_cuts_of_lhotse_that_cannot_be_measured(tmp_path: Path, cut: dict[str, Any], cause: str | None) -> None:
    record = {"id": "r", "sources": [{"type": "file", "source": "r.wav", "channels": [0]}], "duration": 9.0}
    good = {"id": "c", "start": 1, "duration": 2, "recording": record, "type": "MonoCut"}
    good["supervisions"] = [{"id": "s", "start": -0.5, "duration": 9, "text": "hello"}]
    put(tmp_path, {"cuts.jsonl": json.dumps(good) + "\n" + json.dumps({**good, "id": "d", **cut}) + "\n{broken\n"})
    samples = read("lhotse", tmp_path / "cuts.jsonl")
    assert causes(samples) == [None, cause, "broken_json"]
    assert samples[0].audio is not None
    assert (samples[0].audio.start, samples[0].audio.duration) == (1.0, 2.0)
    rows = [OutputRow(sample=sample, extra={}) for sample in samples]
    (file,) = FORMATS.get("lhotse")(InputConfig()).write(rows, tmp_path / "o", "cuts", OutputConfig(paths="keep"))
    assert file.read_bytes() == (tmp_path / "cuts.jsonl").read_bytes()


def test_supervisions_without_recordings_name_what_is_missing(tmp_path: Path) -> None:
    row = {"id": "s", "recording_id": "r", "start": 0, "duration": 1, "text": "x"}
    put(tmp_path, {"x_supervisions_dev.jsonl": json.dumps(row) + "\n"})
    with pytest.raises(ManifestError, match="recordings that belong to them") as caught:
        read("lhotse", tmp_path / "x_supervisions_dev.jsonl")
    assert "x_recordings_dev.jsonl" in str(caught.value.hint)
