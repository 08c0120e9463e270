"""Texts that no table of numbers and short forms foresees, and what is loaded for them, through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ODD = (
    ("$99999999999999999999999999 12:99", "en"),
    ("\u0663\u0664\u0665 \u062f\u0648\u0644\u0627\u0631 50%", "ar"),
    ("\u202eabc 12\u202c \u00bd", "en"),
    ("... ?! (--)", "en"),
    ("twenty-five dollars", "tlh"),
    ("\u4e94" * 20, "zh"),
)


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _scan(manifest: Path, out: Path, *words: str) -> str:
    command = ["mmcheck", "scan", str(manifest), "--out", str(out), "--quiet", *words]
    return _run(
        f"import sys; from mmcheck.cli.app import main; sys.argv = {command!r}\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "print([name for name in ('num2words', 'whisper_normalizer', 'torch') if name in sys.modules])"
    )


def test_no_text_stops_a_run(
    write_jsonl: Callable[[Sequence[Mapping[str, Any]], str], Path],
    tone: Callable[..., np.ndarray[Any, Any]],
    wav_bytes: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    rows = []
    for number, (text, language) in enumerate(ODD):
        sound = (tone(1.0, hertz=200.0 + 40 * number) * 32000).astype(np.int16)
        (tmp_path / f"{number}.wav").write_bytes(wav_bytes(sound))
        rows.append({"audio_filepath": f"{number}.wav", "text": text, "lang": language})
    out = tmp_path / "run"
    _scan(write_jsonl(rows, "rows.jsonl"), out, "--probes", "media,transcript_text")
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["rows_read"] == len(ODD)
    assert sum(summary[name] for name in ("keep", "flag", "quarantine", "unchecked")) == len(ODD)
    assert summary["probes"]["transcript_text"].get("failed", 0) == 0
    assert summary["probes"]["transcript_text"]["measured"] >= len(ODD) - 1


def test_scans_of_images_load_no_words_of_numbers(
    write_jsonl: Callable[[Sequence[Mapping[str, Any]], str], Path], tmp_path: Path
) -> None:
    rows = []
    for number in range(3):
        Image.new("RGB", (64, 48), (number * 40, 90, 200)).save(tmp_path / f"{number}.png")
        rows.append({"image": f"{number}.png", "caption": f"the {number + 20} red cats on 3rd street, ${number}"})
    manifest = write_jsonl(rows, "rows.jsonl")
    loaded = _scan(manifest, tmp_path / "run", "--set", "probes.image_text.enabled=false").splitlines()[-1]
    assert loaded == "[]"
