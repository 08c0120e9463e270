"""Holding a run folder for reading: many readers at once, and no writer beside them.

The counterpart of ``mmcheck.store.claim.hold``, on the same lock file. A folder that cannot be written to has no writer
in it, so that a read-only run is simply read.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcheck.core.errors import OutputError, RunError
from mmcheck.store.own_entries import LOCK
from mmcheck.store.run_folder import RunFolder


@contextmanager
def hold_for_reading(path: Path) -> Iterator[None]:
    """Keep writers (``mmcheck.store.claim.hold``) out of a run folder; of one that none can write, nothing is asked.

    Raises:
        OutputError: If another process writes there.
    """
    try:
        lock = (path / LOCK).open("r" if (path / LOCK).exists() else "a")
    except OSError:
        yield
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"another mmcheck is working in {path}.", hint="wait until it has finished.") from error
        except OSError:
            pass  # a file system without locks keeps no writer out, and a reader harms none
        yield


def require_complete(folder: RunFolder) -> None:
    """Refuse a run whose measuring was interrupted.

    Raises:
        RunError: If it was.
    """
    if folder.record.state != "complete":
        raise RunError(
            f"{folder.path} is not complete: its scan was interrupted.",
            hint="run the same `mmcheck scan` command again; it continues where it stopped.",
        )
