"""Fetch real Whisper weights for checks: ctranslate2 folders as published, and Hugging Face folders made of them.

    scripts/real_weights
    scripts/real_weights --list

They lie in $MMCHECK_REAL_WEIGHTS, else in mmcheck/real-weights below $XDG_CACHE_HOME (~/.cache), never in the
repository. Files that are there and whole are left alone. Every file is held against its SHA-256; no pickle is read,
and no code of a package is run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.real_whisper.hugging_face import write_hugging_face
from scripts.real_whisper.pins import MODELS, RealModel, cache_folder
from scripts.real_whisper.sources import fetch, file_digest

_SUMS = "SHA256SUMS"

T = TypeVar("T")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="real_weights", description="Fetch real Whisper weights for checks.")
    parser.add_argument("--list", action="store_true", help="say which are here, fetch nothing")
    options = parser.parse_args(arguments)
    cache = cache_folder()
    missing = 0
    for model in MODELS:
        folder, copy = cache / model.name, cache / f"{model.name}-hf"
        try:
            if options.list:
                missing += not (_is_whole(folder, model) and _has_own_sums(copy))
                print(f"{folder}: {'here' if _is_whole(folder, model) else 'not here'}")
                print(f"{copy}: {'here' if _has_own_sums(copy) else 'not here'}")
                continue
            if _is_whole(folder, model):
                print(f"{folder}: here already, SHA-256 as pinned")
            else:
                place = _replace(folder, lambda scratch, model=model: fetch(model, scratch))
                print(f"{folder}: fetched from {place}, SHA-256 as pinned")
            if _has_own_sums(copy):
                print(f"{copy}: here already")
            else:
                _replace(copy, lambda scratch, folder=folder: _write_copy(folder, scratch))
                print(f"{copy}: made from {folder.name}, tensor by tensor")
        except (OSError, ValueError) as error:
            missing += 1
            print(f"error: {model.name} cannot be had: {error}", file=sys.stderr)
    if missing and not options.list:
        print("\nhint: the tests marked real_weights are skipped without it; all others run", file=sys.stderr)
    return 1 if missing else 0


def _is_whole(folder: Path, model: RealModel) -> bool:
    return all(
        (folder / pinned.name).is_file() and file_digest(folder / pinned.name) == pinned.sha256
        for pinned in model.files
    )


def _has_own_sums(folder: Path) -> bool:
    try:
        lines = (folder / _SUMS).read_text("utf-8").splitlines()
        return bool(lines) and all(
            file_digest(folder / name) == digest for digest, name in (line.split("  ", 1) for line in lines)
        )
    except (OSError, ValueError):
        return False


def _write_copy(source: Path, target: Path) -> None:
    write_hugging_face(source, target)
    files = sorted(file for file in target.iterdir() if file.is_file())
    lines = [f"{file_digest(file)}  {file.name}\n" for file in files]
    (target / _SUMS).write_text("".join(lines), encoding="utf-8")


def _replace(folder: Path, write: Callable[[Path], T]) -> T:
    """Let ``write`` fill a scratch folder and put it in the folder's place, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder.parent))
    try:
        result = write(scratch)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(scratch, folder)
        folder.chmod(0o755)
        return result
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
