"""One id for several captions of a picture (LLaVA and others)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mmcheck.config import load_config
from mmcheck.core.errors import ManifestError
from mmcheck.scanning.scan import scan_run

CASE = Path(__file__).parents[2].parent / "shared" / "cases" / "llava-ids"
pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason="../shared/cases/llava-ids is not on this machine")
FILES_ONLY = ("probes.image_text.enabled=false", "probes.transcript.enabled=false")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASE, tmp_path / "case", copy_function=shutil.copyfile))


def test_captions_of_one_picture_share_its_id(folder: Path, tmp_path: Path) -> None:
    scan_run([str(folder / "dup.jsonl")], tmp_path / "out", load_config("demo", FILES_ONLY))
    rows = [json.loads(line) for path in (tmp_path / "out").glob("*/dup.jsonl") for line in path.open()]
    assert sorted(row["mmcheck_id"] for row in rows) == ["0", "0#2", "1", "1#2"]
    assert sorted(row["id"] for row in rows) == ["0", "0", "1", "1"], "the rows keep the id they came with"


def test_an_id_column_that_holds_none_can_be_left_out(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="'a' is given twice"):
        scan_run([str(folder / "dup.parquet")], tmp_path / "out", load_config("demo", FILES_ONLY))
    no_ids = load_config("demo", (*FILES_ONLY, "input.columns.id=none"))
    scan_run([str(folder / "dup.parquet")], tmp_path / "out", no_ids)
    found = [row for path in (tmp_path / "out").glob("*/dup.parquet") for row in pq.read_table(path).to_pylist()]
    assert sorted(row["mmcheck_id"] for row in found) == ["0.jpg", "1.jpg"]
    assert [row["key"] for row in found] == ["a", "a"]
