"""Digests of model files, remembered so that gigabytes are hashed once.

A file is known again by path, size and modification time; weights are replaced by renaming, not edited in
place, so that is safe enough for a fingerprint. The memory is a small file in the user's cache folder and
may vanish at any time.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Sequence
from pathlib import Path

from mmcheck.core.atomic import write_text
from mmcheck.core.digests import digest_file, digest_value
from mmcheck.core.errors import OutputError, WeightsError

_SMALL = 64 << 20  # Bytes; smaller files are hashed each time; our own choice: cheaper than being wrong

_IGNORED = (".*", "*.md", "*.png", "*.jpg", "LICENSE*", "*.lock")


def folder_digest(path: Path, patterns: Sequence[str] = ("*",)) -> str:
    """Return one SHA-256 (64 hex digits) over the names and contents of the model files in a folder.

    Cards, licences, pictures and hidden files do not count, so that editing a README measures nothing anew.

    Args:
        path: Model folder.
        patterns: Globs (relative to the folder) of the files that count.

    Raises:
        WeightsError: If the folder cannot be read or holds no such file.
    """
    files = []
    try:
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path).as_posix()
            ignored = any(fnmatch.fnmatch(part, glob) for part in name.split("/") for glob in _IGNORED)
            if file.is_file() and not ignored and any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                files.append([name, remembered_digest(file)])
    except OSError as error:
        raise WeightsError(f"cannot read the model folder {path}: {error.strerror or error}.") from error
    if not files:
        raise WeightsError(f"the model folder {path} holds no model files.", hint="see `mmcheck models list`.")
    return digest_value(files)


def remembered_digest(path: Path) -> str:
    """Return the SHA-256 of a file, from memory if a large file has not changed since it was hashed.

    Raises:
        OSError: If the file cannot be read.
    """
    real = path.resolve()
    state = real.stat()
    if state.st_size < _SMALL:
        return digest_file(real)
    mark = [state.st_size, state.st_mtime_ns]
    memory = _read_memory()
    known = memory.get(str(real))
    if isinstance(known, list) and known[:2] == mark and len(known) == 3:
        return str(known[2])
    digest = digest_file(real)
    memory = _read_memory()
    memory[str(real)] = [*mark, digest]
    try:
        write_text(_memory_path(), json.dumps(memory, indent=0, sort_keys=True))
    except (OSError, OutputError):
        return digest
    return digest


def _memory_path() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mmcheck" / "digests.json"


def _read_memory() -> dict[str, object]:
    try:
        memory = json.loads(_memory_path().read_text("utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    return memory if isinstance(memory, dict) else {}
