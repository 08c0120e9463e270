"""One image under several captions, in rows: one image, and nothing is a duplicate of itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mmcheck.config import load_config
from mmcheck.scanning.scan import scan_run

CASE = Path(__file__).parents[2].parent / "shared" / "cases" / "several-captions"
DEMO = Path(__file__).parents[2] / "mmcheck" / "demo_data" / "image-caption"


@pytest.mark.skipif(not CASE.is_dir(), reason="../shared/cases/several-captions is not on this machine")
def test_five_sound_captions_an_image_are_kept(tmp_path: Path) -> None:
    shutil.copyfile(CASE / "multi.jsonl", tmp_path / "multi.jsonl")
    (tmp_path / "image-caption").symlink_to(DEMO)
    scan_run([str(tmp_path / "multi.jsonl")], tmp_path / "out", load_config("demo"))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["keep"] >= 396
