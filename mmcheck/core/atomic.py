"""Files that appear whole or not at all.

Everything is written beside its final name and renamed, so a reader never sees half a file and a kill leaves
only a ``.tmp-*`` file, which the next run sweeps away. fsync is left out on purpose: after a power cut a part may be
missing or empty, which the store detects and redoes; the cost of a sync for each part is not worth it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcheck.core.errors import OutputError

TMP_PREFIX = ".tmp-"


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``final``; rename it on success, remove it on failure.

    Raises:
        OutputError: If the folder cannot be written or the disk is full.
    """
    temporary = final.with_name(f"{TMP_PREFIX}{os.getpid()}-{final.name}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, final)
    except OSError as error:
        _remove(temporary)
        if error.errno is None:
            raise
        raise OutputError(
            f"cannot write {final}: {error.strerror or error}.",
            hint="free some space or write somewhere else; a scan continues where it stopped.",
        ) from error
    except BaseException:
        _remove(temporary)
        raise


def write_text(final: Path, text: str) -> None:
    """Write a text file (UTF-8, lone surrogates kept as they are) atomically."""
    with atomic_path(final) as temporary:
        temporary.write_bytes(text.encode("utf-8", "surrogatepass"))


def sweep(folder: Path) -> None:
    """Remove what a killed run left behind below ``folder``."""
    for path in folder.rglob(f"{TMP_PREFIX}*"):
        _remove(path)


def _remove(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return
