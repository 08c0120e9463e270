"""Finished runs of small real media, judged without a model, to export from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmcheck.api import scan
from mmcheck.config import Config

CONFIG = Config(
    rules={
        "unreadable_media": {"rule": "unreadable_media", "action": "quarantine"},
        "wordy": {"metric": "caption_text.num_words", "max": 8, "action": "flag"},
    }
)
CAPTIONS = (
    "a red cup on a table",
    "two horses, one white",
    'a sign that says "NO\tENTRY"',
    "ein gr\u00fcner Baum \u2013 \u6811",
    "null",
    "a very long caption about a bench in a park with many people around it",
)

MakeRun = Callable[..., Path]


def make_images(folder: Path, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(30, 220, (6, 8, 3), dtype=np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((80, 60)).save(folder / name)


@pytest.fixture
def scanned(tmp_path: Path) -> MakeRun:
    """``scanned(manifest)``: the run folder of a manifest that was judged by CONFIG, without a model."""

    def run(*manifests: Path, name: str = "run", config: Config = CONFIG, probes: str = "media,caption_text") -> Path:
        scan([str(path) for path in manifests], tmp_path / name, config, probes=probes)
        return tmp_path / name

    return run


@pytest.fixture(scope="session")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run of six images with captions, one of them flagged, and one whose file is missing (quarantined)."""
    folder = tmp_path_factory.mktemp("shared") / "data"
    names = [f"images/{number}.{'png' if number % 2 else 'jpg'}" for number in range(len(CAPTIONS))]
    make_images(folder, names)
    rows: list[Mapping[str, Any]] = [
        {"image": name, "caption": caption, "source": f"album {number}"}
        for number, (name, caption) in enumerate(zip(names, CAPTIONS, strict=True))
    ]
    rows.append({"image": "images/gone.jpg", "caption": "nobody"})
    manifest = folder / "train.jsonl"
    manifest.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    scan(manifest, folder.parent / "run", CONFIG, probes="media,caption_text")
    return folder.parent / "run"


@pytest.fixture
def image_run(shared_run: Path, tmp_path: Path) -> Path:
    """A copy of that run; the media and the manifest stay where they are, in ``data`` beside the first one."""
    return Path(shutil.copytree(shared_run, tmp_path / "run"))


@pytest.fixture
def data(shared_run: Path) -> Path:
    """Folder of the manifest and the media of ``image_run``."""
    return shared_run.parent / "data"


KEEP = Config(rules={"unreadable_media": {"rule": "unreadable_media", "action": "quarantine"}})


@pytest.fixture(scope="session")
def speech_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of ``speech.jsonl``: whole recordings, segments and sides of a call, odd texts, one file that is gone."""
    folder = tmp_path_factory.mktemp("speech") / "data"
    (folder / "audio").mkdir(parents=True)
    rng = np.random.default_rng(5)

    def noise(seconds: float, rate: int, channels: int = 1) -> np.ndarray[Any, Any]:
        return rng.uniform(-0.5, 0.5, (round(seconds * rate), channels)).astype(np.float32)

    soundfile.write(folder / "audio" / "one.wav", noise(0.5, 16_000), 16_000, subtype="PCM_16")
    soundfile.write(folder / "audio" / "two.flac", noise(0.75, 24_000), 24_000, subtype="PCM_16")
    soundfile.write(folder / "call.wav", noise(2.0, 8_000, 2), 8_000, subtype="PCM_16")
    soundfile.write(folder / "talk.wav", noise(3.0, 16_000), 16_000, subtype="PCM_16")
    rows: list[dict[str, Any]] = [
        {"id": "a-one", "audio": "audio/one.wav", "text": "gr\u00fcne \u6811", "lang": "de", "speaker": "a"},
        {"id": "b-two", "audio": "audio/two.flac", "text": "costs $5 | or\nmore", "speaker": "b", "source": "radio"},
        {"id": "c 0", "audio": "call.wav", "text": "hello there", "offset": 0.25, "duration": 0.5, "channel": 0},
        {"id": "c 1", "audio": "call.wav", "text": '"good" morning', "offset": 1.0, "duration": 0.75, "channel": 1},
        {"id": "d-1", "audio": "talk.wav", "text": "first part", "offset": 0.5, "duration": 1.0, "speaker": "a"},
        {"id": "d-2", "audio": "talk.wav", "text": "to the end", "offset": 2.25, "duration": 5.0, "speaker": "a"},
        {"id": "gone", "audio": "audio/gone.wav", "text": "nobody"},
    ]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (folder / "speech.jsonl").write_text("".join(lines), "utf-8")
    scan(folder / "speech.jsonl", folder.parent / "run", KEEP, probes="media")
    return folder


@pytest.fixture
def speech_run(speech_data: Path, tmp_path: Path) -> Path:
    """A copy of the run of ``speech_data``, of which the six rows whose files are there are kept."""
    return Path(shutil.copytree(speech_data.parent / "run", tmp_path / "run"))


@pytest.fixture
def sound(speech_data: Path) -> Callable[..., np.ndarray[Any, Any]]:
    """``sound(name, start, seconds, channel)``: samples of one of the recordings, float32 [n] (or [n, channels])."""

    def read(name: str, start: float = 0.0, seconds: float | None = None, channel: int | None = None) -> Any:
        samples, rate = soundfile.read(speech_data / name, dtype="float32")
        stop = None if seconds is None else round((start + seconds) * rate)
        part = samples[round(start * rate) : stop]
        return part if channel is None else part[:, channel]

    return read
