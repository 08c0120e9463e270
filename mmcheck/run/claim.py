"""Claiming a run folder: one process at a time, and only a folder that belongs to this work."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmcheck.core.atomic import sweep, write_text
from mmcheck.core.errors import OutputError

_LOCK = ".lock"


@contextmanager
def hold(out: Path, *, instead: str = "work on a copy of the run") -> Iterator[None]:
    """Hold an existing folder for this process and sweep away what a killed run left in it.

    Args:
        out: The folder.
        instead: What else a person may do, for the hint.

    Raises:
        OutputError: If it cannot be written, or another process holds it.
    """
    try:
        lock = (out / _LOCK).open("a")
    except OSError as error:
        raise OutputError(
            f"cannot write to {out}: {error.strerror}.", hint=f"make it writable, or {instead}."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"another mmcheck is working in {out}.", hint=f"wait, or {instead}.") from error
        sweep(out)
        yield


@contextmanager
def claim(out: Path, inputs: Sequence[Mapping[str, Any]], identity: str, *, overwrite: bool) -> Iterator[None]:
    """Make the run folder if need be, hold it, and see that it belongs to the work of this ``identity``.

    Raises:
        OutputError: If it cannot be made, is in use, is no run folder, mixes with the inputs, or belongs to other work.
    """
    _check_apart(out, inputs)
    try:
        out.mkdir(parents=True, exist_ok=True)
        foreign = not (out / "run.json").exists() and any(path.name != _LOCK for path in out.iterdir())
    except OSError as error:
        raise OutputError(
            f"cannot use {out} as run folder: {error.strerror or error}.", hint="choose another --out."
        ) from error
    if foreign:
        raise OutputError(
            f"{out} is not empty and is not a run folder (no run.json).",
            hint="choose a new or empty folder for --out.",
        )
    with hold(out, instead="choose another --out"):
        if overwrite:
            _clear(out)
        _check_identity(out, identity)
        yield


def _check_apart(out: Path, inputs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a run folder inside a scanned folder (it would be scanned too), and inputs inside the run folder."""
    place = out.resolve()
    for entry in inputs:
        manifest = str(entry["manifest"])
        if "://" in manifest:
            continue
        source = Path(manifest).resolve()
        if source.is_dir() and place.is_relative_to(source):
            raise OutputError(
                f"--out {out} lies inside the scanned folder {manifest}.", hint="choose an --out elsewhere."
            )
        if source.is_relative_to(place):
            raise OutputError(f"the manifest {manifest} lies inside --out {out}.", hint="choose another --out.")


def _clear(out: Path) -> None:
    for path in out.iterdir():
        if path.name == _LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _check_identity(out: Path, identity: str) -> None:
    if not (out / "run.json").exists():
        return
    found = read_run_json(out)
    if found.get("identity") == identity:
        return
    if found.get("state") == "planning":
        # Nothing is judged yet, for instance because the manifest had to be mended first.
        for name in ("samples", "measurements"):
            shutil.rmtree(out / name, ignore_errors=True)
        return
    raise OutputError(
        f"{out} belongs to another run: other manifests, another content of them, another --limit, or another "
        f"`input` or `run.shard_size` section.",
        hint="choose another --out (with --reuse, what is measured here need not be measured again), or --overwrite to "
        "replace it.",
    )


def read_run_json(out: Path) -> dict[str, Any]:
    """Return run.json of a folder; empty if there is none or it is damaged."""
    try:
        value = json.loads((out / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_run_json(out: Path, value: Mapping[str, Any]) -> None:
    """Write run.json atomically.

    Raises:
        OutputError: If it cannot be written.
    """
    write_text(out / "run.json", json.dumps(value, indent=2, ensure_ascii=False) + "\n")
