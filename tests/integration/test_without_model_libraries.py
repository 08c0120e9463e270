"""Files and texts are checked, and finished runs are read, where the model libraries are broken or absent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmcheck.core.errors import EXIT_OK, EXIT_RUN, EXIT_USER

DEMO = Path(__file__).parents[2] / "mmcheck" / "demo_data"
LIBRARIES = "torch,open_clip,transformers,faster_whisper,ctranslate2"
FILES_AND_TEXTS = ["--probes", "media,caption_text,transcript_text", "--quiet"]

# Read by Python before anything else. A broken library is found where it lies and fails while it loads, as one whose
# shared libraries do not fit the machine; an absent one is not found.
SITE = """
import importlib.machinery, os, sys

class Broken:
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        raise OSError(f"lib{module.__name__}.so: cannot open shared object file")

class Finder:
    def find_spec(name, path=None, target=None):
        if name not in os.environ["BROKEN"].split(","):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        spec.loader = Broken()
        return spec

sys.meta_path.insert(0, Finder)
sys.modules.update(dict.fromkeys(filter(None, os.environ["ABSENT"].split(","))))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITE)
    return folder


def mmcheck(site: Path, *words: str, broken: str = "", absent: str = "") -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(site), str(DEMO.parent.parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "BROKEN": broken, "ABSENT": absent}
    command = [sys.executable, "-m", "mmcheck", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("broken", ["torch", LIBRARIES])
def test_files_and_texts_are_checked_with_broken_libraries(site: Path, tmp_path: Path, broken: str) -> None:
    run = str(tmp_path / "run")
    words = ["scan", str(DEMO / "audio-transcript"), "-o", run, *FILES_AND_TEXTS, "--limit", "25"]
    done = mmcheck(site, *words, broken=broken)
    assert done.returncode == EXIT_OK, done.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["metrics"]["media.speech_seconds"]["count"] > 20
    for command in (["judge", run], ["report", run]):
        done = mmcheck(site, *command, broken=broken)
        assert done.returncode == EXIT_OK, done.stderr


def test_files_and_texts_are_checked_without_the_libraries(site: Path, tmp_path: Path) -> None:
    words = ["scan", str(DEMO / "image-caption"), "-o", str(tmp_path / "run"), *FILES_AND_TEXTS, "--limit", "20"]
    done = mmcheck(site, *words, "--set", "probes.media.vad=false", absent=LIBRARIES)
    assert done.returncode == EXIT_OK, done.stderr


@pytest.mark.parametrize("command", [["list"], ["models", "list"], ["config", "show"]])
def test_what_there_is_can_be_listed(site: Path, command: list[str]) -> None:
    done = mmcheck(site, *command, broken=LIBRARIES)
    assert done.returncode == EXIT_OK, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("data", "library", "package", "how"),
    [
        ("image-caption", "torch", "torch", "broken"),
        ("image-caption", "open_clip", "open-clip-torch", "absent"),
        ("audio-transcript", "torch", "torch", "absent"),
        ("audio-transcript", "ctranslate2", "ctranslate2", "broken"),
    ],
)
def test_a_scan_with_a_model_says_what_is_missing_before_it_measures(
    site: Path, tmp_path: Path, data: str, library: str, package: str, how: str
) -> None:
    words = ["scan", str(DEMO / data), "-o", str(tmp_path), "--config", "demo", "--limit", "5"]
    done = mmcheck(site, *words, **{how: library})
    assert done.returncode == EXIT_USER
    assert f"{package}, which cannot be loaded" in done.stderr or f"{package} is not installed" in done.stderr
    assert "mmcheck doctor" in done.stderr or "pip install" in done.stderr
    assert "--probes media,caption_text,transcript_text" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "measurements").exists()


def test_the_doctor_says_what_is_missing_and_what_that_costs(site: Path) -> None:
    done = mmcheck(site, "doctor", "--json", broken="torch,open_clip", absent="ctranslate2")
    assert done.returncode == EXIT_RUN
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    broken = {name for name, finding in found.items() if finding["state"] == "broken"}
    assert {"torch", "open-clip-torch", "ctranslate2", "bundled models"} <= broken
    assert "libtorch.so" in found["torch"]["seen"]
    assert "pairs are not compared" in found["torch"]["hint"]
    assert "recordings are not compared" in found["ctranslate2"]["hint"]
