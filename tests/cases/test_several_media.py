"""Two pictures of one row: both are checked, and the row stays whole (Hugging Face folders)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcheck.config import load_config
from mmcheck.scanning.scan import scan_run

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
SETTINGS = ("probes.image_text.enabled=false", "probes.transcript.enabled=false", "output.write_media=true")


def scan(name: str, out: Path) -> dict[str, list[dict[str, str]]]:
    if not (CASES / name).is_dir():
        pytest.skip(f"../shared/cases/{name} is not on this machine")
    scan_run([str(CASES / name)], out, load_config("demo", SETTINGS))
    return {
        place: [json.loads(line) for path in (out / place).rglob("*.jsonl") for line in path.open()]
        for place in ("clean", "quarantine")
    }


def test_a_list_of_pictures_with_one_text_stays_one_row(tmp_path: Path) -> None:
    found = scan("hf-multi-image", tmp_path / "out")
    assert [row["file_names"] for row in found["clean"]] == [["m0.jpg", "m1.jpg"]]
    assert [row["file_names"] for row in found["quarantine"]] == [["m2.jpg", "m3.jpg"]]
    folder = tmp_path / "out" / "clean" / "hf-multi-image"
    assert sorted(path.name for path in folder.iterdir()) == ["m0.jpg", "m1.jpg", "metadata.jsonl"]


def test_both_pictures_of_a_row_are_checked(tmp_path: Path) -> None:
    found = scan("hf-before-after", tmp_path / "out")
    assert found["clean"] == []
    missing, black = found["quarantine"]
    assert "m1.jpg (output_file_name)" in missing["mmcheck_reasons"]
    assert "m3.jpg (output_file_name), is blank" in black["mmcheck_reasons"]
