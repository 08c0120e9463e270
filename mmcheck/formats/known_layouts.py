"""Layouts of which something is not read as it is: each is named when met, with a way out.

Told by names; nothing is read whole.
"""

from __future__ import annotations

import posixpath
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from mmcheck.core.errors import ManifestError
from mmcheck.formats.hf_splits import find_split_names
from mmcheck.formats.paths import folder_of, is_folder, walk_files

_NAMES = 4096  # file names looked at to know a layout; our own choice: quick in folders of millions


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout that was recognised."""

    name: str
    """Short name."""
    seen: str
    """What was seen, as a piece of a sentence: ``a Hugging Face folder (...)``."""
    hint: str
    """How to read it now."""
    is_read: bool = False
    """Whether the rows are read all the same, only something of them is not."""


def find_layout(manifest: str) -> Layout | None:
    """Return the layout of a manifest, if it is one of those that are known. Never raises."""
    with suppress(ManifestError, OSError, ValueError):
        if is_folder(manifest):
            return _of_folder(list(islice(walk_files(manifest), _NAMES)))
        return _of_file(manifest)
    return None


def _of_folder(names: list[str]) -> Layout | None:
    top = {name for name in names if "/" not in name}
    metadata = [name for name in top if name.startswith("metadata.")]
    return _split_names(metadata[0], names) if metadata else None


def _split_names(metadata: str, names: list[str]) -> Layout | None:
    parts = find_split_names(names)
    if not parts:
        return None
    return Layout(
        name="split names",
        seen=f"a Hugging Face folder with one {metadata} above folders or files that are called like splits "
        f"({', '.join(parts)}): load_dataset treats those as splits and drops the columns of {metadata}",
        hint="rename them, put a metadata file into each of them, or train on what --write-media writes, which "
        "renames them.",
        is_read=True,
    )


def _of_file(manifest: str) -> Layout | None:
    base = posixpath.basename(manifest.rstrip("/")).lower()
    if base in ("metadata.jsonl", "metadata.csv", "metadata.parquet"):
        return _split_names(base, list(islice(walk_files(folder_of(manifest)), _NAMES)))
    return None
