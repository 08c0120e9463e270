"""A quick look into a folder, to tell a layout: a bounded number of names, however many files there are."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice

import fsspec

from mmcheck.formats.text_source import is_url

GLANCE = 2000
"""File names looked at to tell a layout. Our own choice: quick in folders of millions of files."""


def top_names(folder: str) -> set[str]:
    """Return the names directly in a folder (path or fsspec URL); none if it cannot be listed. Never raises."""
    with suppress(OSError, ValueError, ImportError):
        if not is_url(folder):
            return set(_listed(folder, os.stat(folder).st_mtime_ns))
        filesystem, root = fsspec.core.url_to_fs(folder)
        return {posixpath.basename(str(name).rstrip("/")) for name in filesystem.ls(root, detail=False)}
    return set()


@lru_cache(maxsize=2)
def _listed(folder: str, _changed: int) -> tuple[str, ...]:
    # Every format asks in turn, and a folder may hold millions of files.
    return tuple(os.listdir(folder))


def glance(folder: str, count: int = GLANCE) -> list[str]:
    """Return the first ``count`` files below a folder, as relative POSIX paths, folder by folder. Never raises."""
    if is_url(folder):
        with suppress(OSError, ValueError, ImportError):
            filesystem, root = fsspec.core.url_to_fs(folder)
            return [posixpath.relpath(str(name), root) for name in islice(filesystem.find(root), count)]
        return []
    return list(islice(_walk(folder, ""), count))


def _walk(folder: str, prefix: str) -> Iterator[str]:
    try:
        with os.scandir(os.path.join(folder, prefix)) as entries:
            found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda one: one.name)
    except OSError:
        return
    below = []
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            below.append(entry.name)
        else:
            yield prefix + entry.name
    for name in below:
        yield from _walk(folder, f"{prefix}{name}/")
