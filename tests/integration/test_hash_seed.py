"""Python hashes strings differently in every process; nothing that a run stores may follow that order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mmcheck.config import bundled_dir


def _scan(out: Path, seed: str) -> dict[str, bytes]:
    manifest = bundled_dir("demo_data") / "image-caption"
    command = [sys.executable, "-m", "mmcheck.cli.app", "scan", str(manifest), "--config", "demo", "--limit", "90"]
    command += ["--out", str(out), "--no-report", "-q"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
    kept = ("samples", "measurements", "verdicts")
    files = [file for name in kept for file in sorted((out / name).rglob("*")) if file.is_file()]
    return {str(file.relative_to(out)): file.read_bytes() for file in [*files, out / "summary.json"]}


def test_equal_scans_store_equal_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    first, second = (_scan(tmp_path / seed / "run", seed) for seed in ("1", "2"))
    assert len(first) > 10
    assert [name for name in first if first[name] != second.get(name)] == []
    assert set(first) == set(second)
