"""Hugging Face imagefolder and audiofolder: media files and a ``metadata.jsonl|csv|parquet`` with ``file_name``.

As in ``datasets``, the metadata's rows decide: files that it does not name are nobody's error. A folder may hold
several metadata files (one a split); each is a manifest of its own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.jsonl import JsonlFormat
from mmcheck.formats.parquet import ParquetFormat
from mmcheck.formats.paths import Modality, is_folder, join_under, media_kind, walk_files

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_COLUMNS = ("file_name", "file_names")


class HfFolderFormat:
    """imagefolder: rows of images.

    Args:
        options: Input options.
    """

    name = "imagefolder"
    modality: Modality = "image"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a metadata file (or a folder with one) whose rows name files of this kind."""
        try:
            for file in self._metadata_files(manifest):
                kind = self._kind(file)
                if kind is not None:
                    return Recognised.CONVENTION if kind == self.modality else Recognised.NO
        except ManifestError:
            return Recognised.NO
        return Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples; their ``manifest`` is the metadata file, also where its folder was given.

        Raises:
            ManifestError: If there is no metadata file, or one cannot be read.
        """
        files = self._metadata_files(manifest)
        if not files:
            raise ManifestError(
                f"{manifest} holds no {', '.join(METADATA)}.",
                hint="give the folder of the metadata file, or another format.",
            )
        for file in files:
            yield from self._inner(file).read_as(file, self.modality, inside_only=True)

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
    ) -> list[Path]:
        """Write ``rows`` in the kind of file they came from, ``file_name`` as it was.

        With ``output.write_media`` the files are linked or copied beside it and it is called ``metadata.*``, in a
        folder named ``stem``, so that ``datasets.load_dataset("imagefolder", data_dir=...)`` loads it. Without it, the
        written file can lie beside the original one and be named in ``metadata_filenames``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input manifest, for the kind and columns of an output without rows.
            added: Types of the new columns.

        Raises:
            OutputError: If a file would be written outside ``folder``.
        """
        files: list[Path] = []
        used: set[str] = set()
        for source, group in groupby(rows, lambda out: out.sample.manifest):
            place, name = self._place(source, folder, stem, output, manifest, used)
            files += self._inner(source).write(
                group, place, name, output, keep_paths=True, media_folder="", added=added
            )
        if not files:
            found = self._metadata_files(manifest) if manifest else []
            source = found[0] if found else METADATA[0]
            place, name = self._place(source, folder, stem, output, manifest, used)
            files += self._inner(source).write(
                [],
                place,
                name,
                output,
                manifest=found[0] if found else "",
                keep_paths=True,
                media_folder="",
                added=added,
            )
        return files

    def _place(
        self, source: str, folder: Path, stem: str, output: OutputConfig, manifest: str, used: set[str]
    ) -> tuple[Path, str]:
        """Return folder and name for the rows of one metadata file; its place below the scanned folder stays."""
        split = posixpath.relpath(posixpath.dirname(source), manifest) if manifest and is_folder(manifest) else "."
        split = "" if split == "." or split.startswith("..") else split
        if output.write_media:
            return folder / stem / split, "metadata"
        base = name = "-".join([stem, *(part for part in split.split("/") if part)])
        number = 2
        while name in used:
            name, number = f"{base}-{number}", number + 1
        used.add(name)
        return folder, name

    def _metadata_files(self, manifest: str) -> list[str]:
        if not is_folder(manifest):
            return [manifest] if posixpath.basename(manifest) in METADATA else []
        return [join_under(manifest, name) for name in walk_files(manifest) if posixpath.basename(name) in METADATA]

    def _inner(self, file: str) -> JsonlFormat | CsvFormat | ParquetFormat:
        if file.endswith(".csv"):
            return CsvFormat(self._options)
        return ParquetFormat(self._options) if file.endswith(".parquet") else JsonlFormat(self._options)

    def _kind(self, file: str) -> Modality | None:
        """Return what the first rows of a metadata file name; None if they name no files."""
        inner = self._inner(file)
        if not inner.recognise(file):
            return None
        seen = False
        for sample in _first(inner.read_as(file, None)):
            for column, value in sample.row.items():
                if column in _COLUMNS or column.endswith(("_file_name", "_file_names")):
                    seen = True
                    name = value[0] if isinstance(value, list) and value else value
                    kind = media_kind(name) if isinstance(name, str) else None
                    if kind is not None:
                        return kind
        return "image" if seen else None


class HfAudioFolderFormat(HfFolderFormat):
    """audiofolder: rows of recordings."""

    name = "audiofolder"
    modality: Modality = "audio"


def _first(samples: Iterator[Sample], count: int = 64) -> list[Sample]:
    found: list[Sample] = []
    try:
        for sample in samples:
            found.append(sample)
            if len(found) == count:
                break
    except ManifestError:
        return found
    return found
