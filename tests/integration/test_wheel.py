"""The built wheel works away from the checkout: models, configs, demo data and report templates travel in it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _mmcheck(site: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "mmcheck.cli.app", *words]
    done = subprocess.run(command, cwd=site.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_what_the_commands_need(installed: Path) -> None:
    bundled = installed / "mmcheck" / "_bundled"
    assert (bundled / "models" / "tiny-clip" / "open_clip_model.safetensors").is_file()
    assert (bundled / "models" / "tiny-whisper" / "model.bin").is_file()
    assert (bundled / "models" / "tiny-ctc" / "model.safetensors").is_file()
    assert {path.stem for path in (bundled / "configs").glob("*.yaml")} == {"demo", "default", "fast", "quality"}
    assert (installed / "mmcheck" / "demo_data" / "truth.jsonl").is_file()
    assert sum(path.stat().st_size for path in (bundled / "models").rglob("*") if path.is_file()) < 40e6


def test_a_scan_with_bundled_models_runs_from_the_wheel(installed: Path) -> None:
    data = installed / "mmcheck" / "demo_data"
    code = "import mmcheck; print(mmcheck.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = subprocess.run(
        [sys.executable, "-c", code], cwd=installed.parent, env=environment, capture_output=True, text=True, check=True
    )
    assert where.stdout.startswith(str(installed))
    manifests = [str(data / "image-caption" / "metadata.jsonl"), str(data / "audio-transcript" / "manifest.jsonl")]
    out = str(installed.parent / "run")
    printed = _mmcheck(installed, "scan", manifests[0], "-o", out, "-c", "demo", "--limit", "12", "-q")
    assert "12 rows read" in printed
    assert (installed.parent / "run" / "report.html").is_file()
    printed = _mmcheck(
        installed, "scan", manifests[1], "-o", out + "2", "-c", "demo", "--limit", "4", "-q", "--no-report"
    )
    assert "4 rows read" in printed
