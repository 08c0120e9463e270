"""The folder of an export: made beside its place, moved there as a whole, and never at the cost of others' files."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmcheck.core.atomic import TMP_PREFIX, write_text
from mmcheck.core.errors import OutputError
from mmcheck.export.summary import MARKER, ExportSummary, find_summary
from mmcheck.store.claim import hold
from mmcheck.store.own_entries import LOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderContent:
    """What lies in a folder."""

    digest: str
    """Of the names and sizes of its files, in the order of their names."""
    files: dict[str, int]
    """Ending -> how many."""
    bytes: dict[str, int]
    """Ending -> how many."""


def find_export(out: Path, identity: str) -> ExportSummary | None:
    """Return what was exported to ``out`` if that is the very export of this ``identity``, whole and untouched."""
    found = find_summary(out)
    if found is None or found.identity != identity or look_into(out).digest != found.content:
        return None
    return found


def require_free(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that an export would mix with, or that it may not replace.

    Args:
        out: Where to export.
        overwrite: Whether an earlier export may be replaced.

    Raises:
        OutputError: If it is no folder, not empty, or holds what an export did not write.
    """
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir():
        raise OutputError(f"{out} is {'a link' if out.is_symlink() else 'not a folder'}.", hint="choose another --out.")
    if not any(out.iterdir()):
        return
    found = find_summary(out)
    if found is None:
        other = min(entry.name for entry in out.iterdir())
        told = f"; {other} is not of an export, and --overwrite replaces earlier exports alone" if overwrite else ""
        raise OutputError(f"{out} is not empty{told}.", hint="choose a new or empty folder for --out.")
    if not overwrite:
        raise OutputError(
            f"{out} holds another export ({found.format}, of {found.run}).",
            hint="--overwrite replaces it, or choose another --out.",
        )
    if look_into(out).digest != found.content:
        raise OutputError(
            f"{out} was changed after it was exported: files were added, removed or changed. Nothing was replaced.",
            hint="move what you want to keep and remove the folder, or choose another --out.",
        )


@contextmanager
def staged(out: Path, identity: str) -> Iterator[Path]:
    """Yield the folder in which an export is made; what an interrupted one of the same ``identity`` left is in it.

    It is removed if the export fails, and stays if it is interrupted, so that the next one need not copy media twice.

    Raises:
        OutputError: If it cannot be made, or another process exports to the same place.
    """
    staging = out.parent / f"{TMP_PREFIX}export-{out.name}"
    try:
        staging.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write {staging}: {error.strerror or error}.", hint="choose another --out."
        ) from error
    identity_file = staging.with_name(f"{staging.name}-id")
    with hold(staging, instead="choose another --out"):
        if not _holds(identity_file, identity):
            _empty(staging)
        write_text(identity_file, identity)
        try:
            yield staging
        except Exception:
            shutil.rmtree(staging, ignore_errors=True)
            identity_file.unlink(missing_ok=True)
            raise
        identity_file.unlink(missing_ok=True)


def put_in_place(staging: Path, out: Path, summary: ExportSummary) -> None:
    """Write the summary into a finished export and move it to its place; an earlier export there is removed.

    Raises:
        OutputError: If it cannot be moved.
    """
    summary.write(staging / MARKER, ensure_ascii=True, allow_nan=False)
    aside = out.with_name(f"{TMP_PREFIX}old-{out.name}")
    try:
        (staging / LOCK).unlink(missing_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        if out.is_dir():
            out.rename(aside)
        staging.rename(out)
    except OSError as error:
        raise OutputError(f"cannot move the export to {out}: {error.strerror or error}.") from error
    shutil.rmtree(aside, ignore_errors=True)


def look_into(folder: Path) -> FolderContent:
    """Return what lies in a folder; the marker of an export and locks are passed over."""
    state = hashlib.sha256()
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for root, folders, names in os.walk(folder):
        folders.sort()
        inner = os.path.relpath(root, folder)
        for name in sorted(names):
            if inner == "." and name in (MARKER, LOCK):
                continue
            try:
                size = os.stat(os.path.join(root, name)).st_size
            except OSError:
                size = -1  # a link whose file is gone
            state.update(os.fsencode(f"{inner}/{name}") + b"\0%d\n" % size)
            ending = os.path.splitext(name)[1].lower() or name
            files[ending] += 1
            sizes[ending] += max(size, 0)
    return FolderContent(digest=state.hexdigest(), files=dict(sorted(files.items())), bytes=dict(sorted(sizes.items())))


def _holds(file: Path, text: str) -> bool:
    try:
        return file.read_text("utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
