"""A row with an image pair and an audio pair is judged as two pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.config import bundled_dir

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "both-modalities"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases/both-modalities is not on this machine")
DEMO = bundled_dir("demo_data")


def scan(rows: list[dict[str, Any]], folder: Path) -> mmcheck.Run:
    """Scan rows whose media lie below the demo data."""
    for row in rows:
        row |= {name: str(DEMO / row[name]) for name in ("image", "audio") if name in row}
    manifest = folder / "rows.jsonl"
    manifest.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return mmcheck.scan(manifest, folder / "run", "demo")


def codes(run: mmcheck.Run) -> dict[str, set[str]]:
    table = run.samples().to_arrow()
    listed = zip(table["id"].to_pylist(), table["codes"].to_pylist(), strict=True)
    return {name: {code.partition(".")[0] for code in found} for name, found in listed}


def sound_rows(count: int) -> list[dict[str, Any]]:
    """Return rows with both pairs, made of sound rows of the demo data."""
    lines = (DEMO / "truth.jsonl").read_text("utf-8").splitlines()
    sound = {entry["id"] for entry in map(json.loads, lines) if entry["fault"] is None}
    halves = []
    for name in ("image-caption/metadata.jsonl", "audio-transcript/manifest.jsonl"):
        folder = name.partition("/")[0]
        found = [json.loads(line) for line in (DEMO / name).read_text("utf-8").splitlines() if line.startswith("{")]
        halves.append([(folder, row) for row in found if row.get("id") in sound])
    rows = []
    for number, ((images, image), (sounds, audio)) in enumerate(zip(*halves, strict=False)):
        rows.append(
            {
                "id": f"r{number}",
                "image": f"{images}/{image['file_name']}",
                "caption": image["text"],
                "audio": f"{sounds}/{audio['audio_filepath']}",
                "transcript": audio["text"],
            }
        )
    return rows[:count]


def rotate(rows: list[dict[str, Any]], numbers: list[int], name: str) -> None:
    """Give rows the texts of the next of them."""
    texts = [rows[number][name] for number in numbers]
    for number, text in zip(numbers, texts[1:] + texts[:1], strict=True):
        rows[number][name] = text


def test_the_wrong_half_alone_is_accused(tmp_path: Path) -> None:
    rows = sound_rows(70)
    rotate(rows, [2, 9, 16, 23, 30], "caption")
    rotate(rows, [30, 37, 44, 51, 58], "transcript")
    found = codes(scan(rows, tmp_path))
    captions = {name for name, mine in found.items() if "mismatched_caption" in mine}
    transcripts = {name for name, mine in found.items() if "mismatched_transcript" in mine}
    assert captions >= {"r2", "r9", "r16", "r23", "r30"}
    assert transcripts >= {"r30", "r37", "r44", "r51", "r58"}
    assert len(captions) <= 6
    assert len(transcripts) <= 6


@needs_cases
def test_a_wrong_caption_says_nothing_of_the_recording(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (CASES / "rows.jsonl").read_text("utf-8").splitlines()]
    run = scan(rows, tmp_path)
    assert run.summary["findings"]["mismatched_caption.above_max"] == run.summary["quarantine"] == 12
    assert "mismatched_transcript.above_max" not in run.summary["findings"]


@needs_cases
def test_a_half_that_was_not_judged_makes_its_row_unchecked(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (CASES / "few-images.jsonl").read_text("utf-8").splitlines()]
    with_image = {row["id"] for row in rows if "image" in row}
    run = scan(rows, tmp_path)
    table = run.samples().to_arrow()
    actions = dict(zip(table["id"].to_pylist(), table["action"].to_pylist(), strict=True))
    assert {name for name, action in actions.items() if action == "unchecked"} == with_image
    assert "raw_limits_off" in run.summary["pairs"]["image"]
    assert "raw_limits_off" not in run.summary["pairs"]["audio"]
