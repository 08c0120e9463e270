"""Recordings on their way out: whole, as segments, as one side of a call, out of archives and texts."""

from __future__ import annotations

import io
import json
import tarfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from mmcheck.config import Config
from mmcheck.core.errors import MediaError, UserError
from mmcheck.export.run import export_run
from mmcheck.media.audio_cut import cut_audio

KEEP = Config(rules={"unreadable_media": {"rule": "unreadable_media", "action": "quarantine"}})


@pytest.fixture
def call(wav_bytes: Callable[..., bytes]) -> bytes:
    """Two seconds of a call at 8 kHz: another noise on each side."""
    sound = np.random.default_rng(0).integers(-20_000, 20_000, (16_000, 2)).astype(np.int16)
    return wav_bytes(sound, 8_000)


@pytest.fixture
def run_of_calls(tmp_path: Path, call: bytes, scanned: Callable[..., Path]) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "call.wav").write_bytes(call)
    rows = [
        {"audio_filepath": "call.wav", "text": "hello there", "offset": 0.25, "duration": 0.5, "channel": 0},
        {"audio_filepath": "call.wav", "text": "good morning", "offset": 1.0, "duration": 0.75, "channel": 1},
        {"audio_filepath": "call.wav", "text": "the whole call"},
    ]
    (folder / "calls.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return scanned(folder / "calls.jsonl", config=KEEP, probes="media")


def samples_of(data: bytes) -> tuple[int, np.ndarray[Any, Any]]:
    with wave.open(io.BytesIO(data)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return file.getframerate(), sound


def test_segments_and_channels_are_cut_to_the_sample(
    run_of_calls: Path, call: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = export_run(run_of_calls, format="audiofolder", out=tmp_path / "out", media="copy")
    lines = [json.loads(line) for line in (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()]
    _, whole = samples_of(call)
    found = [samples_of((tmp_path / "out" / line["file_name"]).read_bytes()) for line in lines]
    assert [rate for rate, _ in found] == [8_000] * 3
    assert np.array_equal(found[0][1], whole[2_000:6_000, :1])
    assert np.array_equal(found[1][1], whole[8_000:14_000, 1:])
    assert np.array_equal(found[2][1], whole)
    assert "2 segments and channels were cut" in " ".join(summary.notes)
    # Recent versions of datasets want torchcodec even to store the path of a recording.
    monkeypatch.setattr(datasets.Audio, "encode_example", lambda _self, value: {"path": value, "bytes": None})
    loaded = datasets.load_dataset(
        "audiofolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache")
    )
    stored = loaded.cast_column("audio", datasets.Audio(decode=False))
    assert stored["text"] == ["hello there", "good morning", "the whole call"]
    assert [Path(row["audio"]["path"]).name for row in stored] == ["000000000.wav", "000000001.wav", "call.wav"]


def test_what_has_no_path_of_its_own_is_refused_by_reference_and_unpacked_by_copy(
    tmp_path: Path, call: bytes, scanned: Callable[..., Path]
) -> None:
    with tarfile.open(tmp_path / "calls.tar", "w") as tar:
        for name, data in (("a.wav", call), ("a.txt", b"hello there")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    run = scanned(tmp_path / "calls.tar", config=KEEP, probes="media")
    with pytest.raises(UserError, match="lies inside") as caught:
        export_run(run, format="jsonl", out=tmp_path / "out")
    assert "--media copy" in str(caught.value)
    assert not (tmp_path / "out").exists()
    summary = export_run(run, format="jsonl", out=tmp_path / "out", media="copy", paths="relative")
    line = json.loads((tmp_path / "out" / "data.jsonl").read_text())
    assert (tmp_path / "out" / line["wav"]).read_bytes() == call
    assert line["txt"] == "hello there"
    assert "1 medium was unpacked" in " ".join(summary.notes)


def test_a_format_with_offsets_names_the_recording_once(run_of_calls: Path, call: bytes, tmp_path: Path) -> None:
    export_run(run_of_calls, format="csv", out=tmp_path / "out", media="copy", paths="relative", columns=False)
    lines = (tmp_path / "out" / "data.csv").read_text().splitlines()
    assert lines[0] == "audio_filepath,text,offset,duration,channel"
    assert lines[1] == "recordings/call.wav,hello there,0.25,0.5,0"
    assert [path.name for path in (tmp_path / "out" / "recordings").iterdir()] == ["call.wav"]
    assert (tmp_path / "out" / "recordings" / "call.wav").read_bytes() == call


def test_typed_parquet_holds_the_sound(run_of_calls: Path, call: bytes, tmp_path: Path) -> None:
    export_run(run_of_calls, format="hf-parquet", out=tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded.features["audio"], datasets.Audio)
    stored = loaded.cast_column("audio", datasets.Audio(decode=False))
    assert stored[2]["audio"]["bytes"] == call
    assert len(samples_of(stored[0]["audio"]["bytes"])[1]) == 4_000


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32])
def test_a_cut_keeps_rate_and_depth(kind: Any, wav_bytes: Callable[..., bytes]) -> None:
    rng = np.random.default_rng(1)
    if kind is np.float32:
        sound = rng.uniform(-1, 1, 22_050).astype(np.float32)
    elif kind is np.int32:
        sound = (rng.integers(-(2**23), 2**23, 22_050) * 256).astype(np.int32)
    else:
        sound = rng.integers(np.iinfo(kind).min, np.iinfo(kind).max, 22_050).astype(kind)
    cut = cut_audio(wav_bytes(sound, 22_050), start=0.5, duration=0.25)
    with wave.open(io.BytesIO(cut)) as file:
        assert file.getframerate() == 22_050
        assert file.getnframes() == round(0.75 * 22_050) - round(0.5 * 22_050)
        assert file.getsampwidth() == (3 if kind in (np.int32, np.float32) else 2)
        data = file.readframes(file.getnframes())
    first = sound[round(0.5 * 22_050)]
    value = int.from_bytes(data[: 3 if kind in (np.int32, np.float32) else 2], "little", signed=True)
    wanted = {np.uint8: (int(first) - 128) * 256 if kind is np.uint8 else 0, np.int16: int(first)}
    wanted |= {np.int32: int(first) >> 8 if kind is np.int32 else 0, np.float32: round(float(first) * 2**23)}
    assert value == wanted[kind]


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a sound at all" * 20])
def test_what_is_no_sound_is_told(data: bytes) -> None:
    with pytest.raises(MediaError):
        cut_audio(data, start=0.0, duration=1.0)


def test_a_segment_beyond_the_end_is_told(call: bytes) -> None:
    with pytest.raises(MediaError, match="where there is no sound"):
        cut_audio(call, start=5.0)
