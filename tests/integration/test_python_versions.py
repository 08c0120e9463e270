"""mmcheck can be installed on the versions of Python that its metadata names, without compiling anything."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSIONS = [
    name.rpartition(" ")[2]
    for name in PROJECT["classifiers"]
    if name.startswith("Programming Language :: Python :: 3.")
]

OTHERS = [version for version in VERSIONS if version != f"{sys.version_info.major}.{sys.version_info.minor}"]
_MODELS = re.compile(r"torch|nvidia-|cuda-|triton|transformers|open-clip|timm|ctranslate2|sympy|tokenizers")


def test_the_oldest_version_is_the_one_that_is_required() -> None:
    assert PROJECT["requires-python"] == f">={VERSIONS[0]}"
    assert [int(version.partition(".")[2]) for version in VERSIONS] == list(range(11, 11 + len(VERSIONS)))


def _resolve(version: str) -> str:
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    # docopt, which num2words asks for, is published as source only; it is one module of plain Python.
    command += [
        "--only-binary",
        ":all:",
        "--no-binary",
        "docopt",
        "--python-version",
        version,
        "--python-platform",
        "x86_64-manylinux_2_28",
    ]
    command.append(str(ROOT / "pyproject.toml"))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    except subprocess.TimeoutExpired:
        pytest.skip("the package index does not answer")
    if done.returncode and "No solution found" not in done.stderr:
        pytest.skip(f"uv or the package index cannot be had: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_every_dependency_has_a_wheel(version: str) -> None:
    packages = _resolve(version)
    assert "torch==" in packages
    assert "av==" in packages


def _interpreter(version: str) -> str | None:
    """Return an interpreter of a version other than the running one, if there is one on this machine."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    for path in filter(None, found):
        asked = [path, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
            return path
    return None


@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", OTHERS)
def test_files_and_texts_are_checked_on_other_versions(version: str, tmp_path: Path) -> None:
    # Without torch and what needs it: that is 5 of 6 GB, and the other packages are where versions differ.
    interpreter = _interpreter(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on this machine")
    packages = [line for line in _resolve(version).splitlines() if not _MODELS.match(line)]
    (tmp_path / "packages.txt").write_text("\n".join(packages))
    uv = [sys.executable, "-m", "uv"]
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([*uv, "venv", "--quiet", "--python", interpreter, str(tmp_path / "venv")], check=True)
    install = [*uv, "pip", "install", "--quiet", "--no-deps", "--python", python, "-r", str(tmp_path / "packages.txt")]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the packages cannot be had: {done.stderr[-200:]}")
    demo = ROOT / "mmcheck" / "demo_data"
    words = ["scan", str(demo / "audio-transcript"), str(demo / "image-caption"), "--out", str(tmp_path / "run")]
    words += ["--probes", "media,caption_text,transcript_text", "--limit", "160", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-m", "mmcheck", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["metrics"]["media.speech_seconds"]["count"] > 130
    assert (tmp_path / "run" / "report.html").is_file()
    shutil.rmtree(tmp_path / "venv")
