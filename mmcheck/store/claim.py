"""Claiming a run folder: one process at a time, and only a folder that belongs to this work."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcheck.core.atomic import sweep
from mmcheck.core.errors import OutputError
from mmcheck.core.progress import Progress
from mmcheck.store.own_entries import LOCK, clear_parts, clear_run, tell_foreign
from mmcheck.store.run_record import RUN_FILE, find_record
from mmcheck.store.schema import find_labels
from mmcheck.store.seal import Damaged, read_json

_MARKS = ("mmcheck_version", "identity", "state")
"""Of run.json: by these a folder is known as a run's."""


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
        lock = (out / LOCK).open("a")
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
def claim(
    out: Path,
    inputs: Iterable[str],
    identity: str,
    *,
    overwrite: bool,
    progress: Progress | None = None,
) -> Iterator[None]:
    """Make the run folder if need be, hold it, and see that it belongs to the work of this ``identity``.

    Args:
        out: The run folder.
        inputs: The manifests, which must not mix with it.
        identity: Digest of the work.
        overwrite: Whether a run of other work is removed first; of the folder, only what mmcheck wrote is.
        progress: Told what stayed because it is somebody else's.

    Raises:
        OutputError: If it cannot be made, is in use, is no run folder, mixes with the inputs, or belongs to other work.
    """
    _check_apart(out, inputs)
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in out.iterdir()} - {LOCK}
    except OSError as error:
        raise OutputError(
            f"cannot use {out} as run folder: {error.strerror or error}.", hint="choose another --out."
        ) from error
    if names:
        _require_run(out, names)
    with hold(out, instead="choose another --out"):
        if overwrite:
            left = clear_run(out)
            if left and progress is not None:
                progress.note(tell_foreign(out, left))
        _check_identity(out, identity)
        yield


def _require_run(out: Path, names: set[str]) -> None:
    """Refuse a folder that is not mmcheck's, before anything is written to or removed from it."""
    if RUN_FILE not in names:
        raise OutputError(
            f"{out} is not empty and is not a run folder (no run.json).",
            hint="choose a new or empty folder for --out.",
        )
    try:
        found = read_json(out / RUN_FILE)
    except Damaged:
        found = {}
    if all(name in found for name in _MARKS):
        return
    is_blank = not found and (out / RUN_FILE).stat().st_size == 0 and names <= {RUN_FILE, "samples"}
    if not (is_blank or _identities(out)):
        raise OutputError(
            f"{out} is not a run folder: its run.json was not written by mmcheck, nor was anything else in it.",
            hint="choose a new or empty folder for --out.",
        )


def _check_apart(out: Path, inputs: Iterable[str]) -> None:
    """Refuse a run folder inside a scanned folder (it would be scanned too), and inputs inside the run folder."""
    place = out.resolve()
    for manifest in inputs:
        if "://" in manifest:
            continue
        source = Path(manifest).resolve()
        if source.is_dir() and place.is_relative_to(source):
            raise OutputError(
                f"--out {out} is inside the scanned folder {manifest}.", hint="choose an --out elsewhere."
            )
        if source.is_relative_to(place):
            raise OutputError(f"the manifest {manifest} is inside --out {out}.", hint="choose another --out.")


def _check_identity(out: Path, identity: str) -> None:
    if not (out / RUN_FILE).exists():
        return
    found = find_record(out)
    if found is not None and found.identity == identity:
        return
    if found is not None and found.state == "planning":
        # Nothing is judged yet, for instance because the manifest had to be mended first.
        clear_parts(out / "samples")
        for folder in (out / "measurements").glob("*"):
            clear_parts(folder)
        return
    if found is None and _identities(out) <= {identity}:
        # Damaged, but the samples say that the folder is of this work: what is whole stays.
        return
    whose = "belongs to another run" if found is not None else "has a damaged run.json and belongs to another run"
    raise OutputError(
        f"{out} {whose}: other manifests, another content of them, another --limit, another "
        f"`input` or `run.shard_size` section, or another version of the package that their format comes from.",
        hint="choose another --out (with --reuse, what is measured here need not be measured again), or --overwrite to "
        "replace it.",
    )


def _identities(out: Path) -> set[str]:
    """Return the work that the stored samples say they belong to."""
    labels = (find_labels(part) or {} for part in sorted((out / "samples").glob("*.parquet")))
    return {found["identity"] for found in labels if "identity" in found}
