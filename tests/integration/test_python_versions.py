"""mmcheck can be installed on the versions of Python that its metadata names, without compiling anything."""

from __future__ import annotations

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


def test_the_oldest_version_is_the_one_that_is_required() -> None:
    assert PROJECT["requires-python"] == f">={VERSIONS[0]}"
    assert [int(version.partition(".")[2]) for version in VERSIONS] == list(range(11, 11 + len(VERSIONS)))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_dependency_has_a_wheel(version: str) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--only-binary", ":all:"]
    command += ["--python-version", version, "--python-platform", "x86_64-manylinux_2_28", str(ROOT / "pyproject.toml")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    except subprocess.TimeoutExpired:
        pytest.skip("the package index does not answer")
    if done.returncode and "No solution found" not in done.stderr:
        pytest.skip(f"uv or the package index cannot be had: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    assert "\ntorch==" in done.stdout
