"""The cases of rows changed after the scan and of damage in a run folder (``shared/cases/faults``)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mmcheck
from mmcheck.core.errors import ManifestError, RunError

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "faults"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="shared/cases/faults is not beside this repository")


def _dataset(folder: Path, *options: str) -> Path:
    folder.mkdir(exist_ok=True)
    subprocess.run([sys.executable, str(CASES / "parquet_swap.py"), *options], cwd=folder, check=True)
    return folder / "d.parquet"


def test_a_parquet_file_that_was_swapped_is_not_copied_from(tmp_path: Path) -> None:
    source = _dataset(tmp_path / "data")
    run = mmcheck.scan(source, tmp_path / "run", probes="media,caption_text")
    clean = next((run.path / "clean").iterdir()).read_bytes()
    _dataset(tmp_path / "data", "--swap")
    with pytest.raises(ManifestError, match=r"d\.parquet is not what was scanned"):
        run.judge()
    assert next((run.path / "clean").iterdir()).read_bytes() == clean


def test_a_samples_part_with_a_flipped_bit_is_named_and_made_anew(tmp_path: Path) -> None:
    source = _dataset(tmp_path / "data")
    run = mmcheck.scan(source, tmp_path / "run", probes="media,caption_text")
    part = run.path / "samples" / "00000.parquet"
    whole = part.read_bytes()
    shutil.copy(CASES / "flip_samples_JSONDecodeError.parquet", part)
    with pytest.raises(RunError, match=r"samples/00000\.parquet is missing or damaged"):
        run.judge()
    mmcheck.scan(source, tmp_path / "run", probes="media,caption_text")
    assert part.read_bytes() == whole
