"""Hugging Face imagefolder and audiofolder: the files, and a ``metadata.jsonl`` that names them.

``datasets`` takes only files below the folder, so they are linked or copied; words such as ``test`` in their paths are
changed, because it would take them for splits and drop the texts.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mmcheck.core.atomic import atomic_path
from mmcheck.core.json_row import json_text
from mmcheck.core.types import RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.typed_columns import ColumnTypes
from mmcheck.export.with_media import with_files
from mmcheck.formats.hf_splits import without_split_names

_FILE, _TEXT = "file_name", "text"


class ImageFolderTarget:
    """Hugging Face imagefolder.

    Args:
        options: What was asked for.
    """

    name: ClassVar[str] = "imagefolder"
    traits: ClassVar[TargetTraits] = TargetTraits(kinds=("image",), media=("link", "copy"), paths=("relative",))

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``metadata.jsonl``: ``file_name``, ``text`` and the row's own columns, each column of one type."""
        types = ColumnTypes()
        types.add_all(self._columns(row) for row in rows)
        with atomic_path(folder / "metadata.jsonl") as temporary, temporary.open("wb") as file:
            for row, placed in with_files(rows, shelf, rename=without_split_names):
                columns = {_FILE: placed.path, _TEXT: row.text(), **types.fit(self._columns(row)), **row.added}
                file.write(json_text(columns).encode("utf-8", "backslashreplace") + b"\n")

    def how_to_load(self) -> str:
        """Return the line of Python."""
        folder = str(self._options.final)
        return f'from datasets import load_dataset; load_dataset("{self.name}", data_dir={folder!r}, split="train")'

    def _columns(self, row: ExportRow) -> RowDict:
        """Return the row's own columns under names that mean nothing else to ``datasets``."""
        taken = {_FILE, _TEXT, row.kind.medium}
        found: RowDict = {}
        for name, value in self._own.rest(row).items():
            plain = name.replace("file_name", "file")  # names that end so would have to be files
            found[f"own_{plain}" if plain in taken else plain] = value
        found.setdefault("id", row.sample.id)
        return found


class AudioFolderTarget(ImageFolderTarget):
    """Hugging Face audiofolder."""

    name = "audiofolder"
    traits = TargetTraits(kinds=("audio",), media=("link", "copy"), paths=("relative",))
