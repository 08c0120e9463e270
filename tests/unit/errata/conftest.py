"""Small sets of real media, judged without a model by a column of the manifest, and copies of them that others have."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

import mmcheck
from mmcheck.config import Config

RATE = 16_000
CONFIG = Config(
    rules={
        "unreadable_media": {"rule": "unreadable_media", "action": "quarantine"},
        "marked": {"rule": "metadata", "metric": "column.mark", "forbidden": ["bad"], "action": "quarantine"},
        "doubted": {"rule": "metadata", "metric": "column.mark", "forbidden": ["odd"], "action": "flag"},
    }
)
"""``mark: bad`` puts a row into quarantine, ``mark: odd`` flags it."""


def picture(seed: int, image_format: str = "PNG", size: tuple[int, int] = (96, 72), **options: Any) -> bytes:
    """Return a picture with large shapes, so that copies of it look alike and other ones do not."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (192, 144), tuple(rng.integers(0, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = rng.integers(0, 150, 2).tolist()
        draw.ellipse((x, y, x + 60, y + 50), fill=tuple(rng.integers(0, 255, 3).tolist()))
    buffer = io.BytesIO()
    image.resize(size).save(buffer, image_format, **options)
    return buffer.getvalue()


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray[Any, Any]:
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def recording(samples: np.ndarray[Any, Any], audio_format: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    whole = (samples * 32767).round().astype("<i2")  # encoders round on their own otherwise
    soundfile.write(buffer, whole, RATE, format=audio_format, subtype="PCM_16")
    return buffer.getvalue()


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


MakeRun = Callable[..., Path]


@pytest.fixture
def judged(tmp_path: Path) -> MakeRun:
    """``judged(manifest, ...)``: the run folder of manifests, judged by CONFIG without a model."""

    def run(*manifests: Path, name: str = "run", probes: str = "media,caption_text", config: Config = CONFIG) -> Path:
        mmcheck.scan([str(path) for path in manifests], tmp_path / name, config, probes=probes)
        return tmp_path / name

    return run


CAPTIONS = ("a red cup", "two horses", "a wrong caption", "Stra\u00dfe in Z\u00fcrich", "another wrong one", "a tree")
MARKS = ("", "", "bad", "", "bad", "odd")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A manifest of six images; two rows are marked as bad, one as odd."""
    rows = []
    for number, (caption, mark) in enumerate(zip(CAPTIONS, MARKS, strict=True)):
        put(tmp_path / "set" / "images" / f"{number}.png", picture(number))
        rows.append({"image": f"images/{number}.png", "caption": caption, "mark": mark, "n": 1.50})
    return write_lines(tmp_path / "set" / "train.jsonl", rows)


@pytest.fixture
def errata(pictures: Path, judged: MakeRun, tmp_path: Path) -> Path:
    """The errata of that set: two removals."""
    mmcheck.open_run(judged(pictures)).patch(tmp_path / "errata.jsonl")
    return tmp_path / "errata.jsonl"
