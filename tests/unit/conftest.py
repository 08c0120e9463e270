from __future__ import annotations

import io
import json
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcheck.cli import app

MakeDataset = Callable[..., Path]


def _tone(seconds: float) -> bytes:
    time = np.arange(int(16000 * seconds)) / 16000
    data = (0.3 * np.sin(2 * np.pi * 440 * time) * 32767).astype("<i2").tobytes()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(data)
    return buffer.getvalue()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """``command("scan", ...)``: exit code, output and messages of the command line."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mmcheck", *words])
        with pytest.raises(SystemExit) as stopped:
            app.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write ``count`` image-caption rows (and one tone) with own ids; some are broken on purpose if asked for."""

    def make(count: int = 6, *, name: str = "data", broken: bool = False, own_ids: bool = True) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(0)
        rows = []
        for number in range(count):
            pixels = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            row = {
                "image": f"{number}.png",
                "caption": f"a red cup number {number} on a wooden table",
                "extra": [number],
            }
            rows.append({"id": f"s{number}", **row} if own_ids else row)
        lines = [json.dumps(row) for row in rows]
        if broken:
            (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])
            (folder / "2.png").unlink()
            lines[3] = lines[3][:-5]
            lines[4] = json.dumps({**rows[4], "caption": ""})
        (folder / "data.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        return folder / "data.jsonl"

    return make
