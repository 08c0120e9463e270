"""What many tests share: the device option, real files where they are at hand, and small media made on the spot."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", choices=("cpu", "cuda"), help="where tests with models run")


_LONGEST_FIRST = ("real_weights", "integration", "browser", "contracts", "cases")
"""Folders of tests by how long their files take; the others follow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that several workers end at about the same time."""
    places = {name: place for place, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(Path(item.path).parent.name, len(places)))


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--device"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real images and recordings; not part of a clone, so tests on it skip where it is absent."""
    root = Path(os.environ.get("MMCHECK_SHARED") or Path(__file__).parents[2] / "shared")
    if not (root / "data" / "real-images").is_dir():
        pytest.skip(f"no real data at {root / 'data'} (set MMCHECK_SHARED to the folder that holds it)")
    return root / "data"


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """Folder with real Whisper weights; tests on them carry the mark of this name and skip where there are none."""
    from scripts.real_whisper.pins import MODELS, cache_folder

    folder = cache_folder()
    wanted = [folder / f"{model.name}{suffix}" for model in MODELS for suffix in ("", "-hf")]
    if not all((path / "tokenizer.json").is_file() for path in wanted):
        pytest.skip(f"real weights are not at {folder}; scripts/real_weights fetches them")
    return folder


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say whether the tests on real weights ran: a skipped test is easily overlooked."""
    seen = {
        outcome: [
            report
            for report in terminalreporter.stats.get(outcome, [])
            if "real_weights" in getattr(report, "keywords", {})
        ]
        for outcome in ("passed", "failed", "error", "skipped")
    }
    ran = sum(len(reports) for outcome, reports in seen.items() if outcome != "skipped")
    if ran:
        terminalreporter.write_line(f"real weights: {ran} tests ran on real Whisper weights")
    if seen["skipped"]:
        terminalreporter.write_line(
            f"real weights: {len(seen['skipped'])} tests SKIPPED: {_skip_reason(seen['skipped'][0])}"
        )


def _skip_reason(report: Any) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(reason).removeprefix("Skipped: ")


def make_picture(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """Return an RGB picture with a red square in its upper left corner, so that turning it shows."""
    rng = np.random.default_rng(seed)
    picture = Image.fromarray(rng.integers(60, 200, (height, width, 3), dtype=np.uint8).astype(np.uint8))
    picture = picture.resize((max(1, width // 8), max(1, height // 8))).resize((width, height))
    ImageDraw.Draw(picture).rectangle((0, 0, width // 4, height // 4), fill=(255, 0, 0))
    return picture


def encode_picture(picture: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


def make_tone(
    seconds: float = 1.0, rate: int = 16_000, hertz: float = 440.0, level: float = 0.5
) -> np.ndarray[Any, Any]:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encode_wav(samples: np.ndarray[Any, Any], rate: int = 16_000) -> bytes:
    """Return a WAV file in the type of the samples: [n] or [n, channels] of uint8, int16, int32, float32."""
    data = np.ascontiguousarray(samples)
    channels = 1 if data.ndim == 1 else data.shape[1]
    kind = 3 if data.dtype.kind == "f" else 1
    width = data.dtype.itemsize
    body = data.tobytes()
    header = (
        kind.to_bytes(2, "little")
        + channels.to_bytes(2, "little")
        + rate.to_bytes(4, "little")
        + (rate * channels * width).to_bytes(4, "little")
        + (channels * width).to_bytes(2, "little")
        + (8 * width).to_bytes(2, "little")
    )
    chunks = b"fmt " + len(header).to_bytes(4, "little") + header + b"data" + len(body).to_bytes(4, "little") + body
    return b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks


@pytest.fixture
def picture() -> Callable[..., Image.Image]:
    return make_picture


@pytest.fixture
def picture_bytes() -> Callable[..., bytes]:
    """``picture_bytes(picture, "PNG")``: an image file."""
    return encode_picture


@pytest.fixture
def tone() -> Callable[..., np.ndarray[Any, Any]]:
    return make_tone


@pytest.fixture
def wav_bytes() -> Callable[..., bytes]:
    """``wav_bytes(samples, rate)``: a WAV file in the type of the samples (uint8, int16, int32, float32)."""
    return encode_wav


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[[Sequence[Mapping[str, Any]], str], Path]:
    """``write_jsonl(rows, "manifest.jsonl")``: a manifest below ``tmp_path``."""

    def write(rows: Sequence[Mapping[str, Any]], name: str = "manifest.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        return path

    return write
