"""Globs, brace ranges, and manifests of several formats and kinds of pair in one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmcheck

PROBES = ["media", "caption_text", "transcript_text"]


@pytest.fixture
def data(
    tmp_path: Path, picture: Callable[..., Any], tone: Callable[..., Any], wav_bytes: Callable[..., bytes]
) -> Path:
    for number in range(4):
        picture(seed=number).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.wav").write_bytes(wav_bytes(tone(1.0 + number / 8), 16000))
    for number in range(2):
        rows = [{"image": f"{2 * number + n}.png", "caption": f"a red square, {number} and {n}"} for n in range(2)]
        (tmp_path / f"part-{number:03d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["audio,transcript", *(f"{n}.wav,the words of clip {n}" for n in range(4))]
    (tmp_path / "speech.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    "pattern", ["part-*.jsonl", "part-{000..001}.jsonl", "part-{000,001}.jsonl", "part-00[01].jsonl"]
)
def test_patterns(data: Path, pattern: str) -> None:
    run = mmcheck.scan(data / pattern, data / "run", probes=PROBES)
    assert run.summary["rows_read"] == 4


def test_two_formats_and_two_kinds_of_pair(data: Path) -> None:
    run = mmcheck.scan([data / "part-*.jsonl", data / "speech.csv"], data / "run", probes=PROBES)
    assert run.summary["rows_read"] == 8
    table = run.samples().to_arrow()
    assert (table["image"].null_count, table["audio"].null_count) == (4, 4)
    assert [entry.format for entry in run.folder.record.inputs] == ["jsonl", "jsonl", "csv"]
    written = {
        path.name
        for folder in ("clean", "flagged", "quarantine", "unchecked")
        for path in (data / "run" / folder).glob("*")
    }
    assert {"part-000.jsonl", "part-001.jsonl", "speech.csv"} <= written
