"""Common Voice: tables ``train.tsv``, ``validated.tsv`` ... with ``path`` and ``sentence``, and ``clips/``."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.paths import folder_of, is_folder, join_under
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.speech.table_header import header_of
from mmcheck.formats.text_source import is_url

_CLIPS = "clips"
_SPLITS = ("train.tsv", "dev.tsv", "test.tsv")
"""Tables that a folder stands for: the others (``validated``, ``other`` ...) hold the same clips or unreviewed ones."""
_WHOLE = "validated.tsv"
_NEEDED = {"client_id", "path", "sentence"}


class CommonVoiceFormat:
    """A table of Common Voice, or the folder of a language.

    Quotes are text, as in Mozilla's own files (``input.quoting`` says otherwise); ``locale`` is the language.

    Args:
        options: Input options.
    """

    name = "commonvoice"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        changed = {"delimiter": "\t", "has_header": True}
        if options.quoting == "auto":
            changed["quoting"] = "none"
        self._csv = CsvFormat(options.model_copy(update=changed))

    def recognise(self, manifest: str) -> Recognised:
        """Return whether its header has ``client_id``, ``path`` and ``sentence`` (or a folder's table has)."""
        if is_folder(manifest):
            return Recognised.SIGNATURE if any(map(_has_header, _tables(manifest))) else Recognised.NO
        return Recognised.SIGNATURE if _has_header(manifest) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of a table; of a folder, those of its train, dev and test tables, else of ``validated``.

        Raises:
            ManifestError: If there is no table, or one cannot be read.
        """
        if not is_folder(manifest):
            yield from self._csv.read_as(manifest, "audio", base=_base(manifest))
            return
        tables = _tables(manifest)
        if not tables:
            raise ManifestError(
                f"folder {manifest} holds none of {', '.join((*_SPLITS, _WHOLE))}.",
                hint="name the table (.tsv) itself.",
            )
        for table in tables:
            yield from self.read(table)

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
        """Write each table anew; paths are absolute (or as the options say), with ``write_media`` in ``clips/``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix; of a scanned folder, the name of the written one.
            output: Output options.
            manifest: The input, for the header of an output without rows.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        is_whole = bool(manifest) and is_folder(manifest)
        files: list[Path] = []
        for source, group in groupby(rows, lambda out: out.sample.manifest):
            files += self._write(group, folder, stem, output, source if is_whole else manifest, added, is_whole)
        if not files:
            source = next(iter(_tables(manifest)), "") if is_whole else manifest
            files = self._write((), folder, stem, output, source, added, is_whole)
        return files

    def _write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        source: str,
        added: Added | None,
        is_whole: bool,
    ) -> list[Path]:
        place = folder / stem if is_whole else folder
        name = posixpath.basename(source).partition(".")[0] if is_whole else stem
        return self._csv.write(
            _placed(rows, place, output),
            place,
            name or stem,
            output.model_copy(update={"write_media": False}),
            manifest=source or _WHOLE,
            added=added,
            keep_paths=output.write_media,
        )


def _placed(rows: Iterable[OutputRow], place: Path, output: OutputConfig) -> Iterator[OutputRow]:
    """Yield ``rows``; with ``write_media`` their clips are put where the table's names count from."""
    for out in rows:
        name = out.sample.row.get("path")
        if output.write_media and out.sample.audio is not None and isinstance(name, str):
            place_media(out.sample.audio.uri, place, f"{_CLIPS}/{name.removeprefix(_CLIPS + '/')}", output)
        yield out


def _tables(folder: str) -> list[str]:
    names = top_names(folder)
    found = [name for name in _SPLITS if name in names] or ([_WHOLE] if _WHOLE in names else [])
    return [join_under(folder, name) for name in found]


def _base(table: str) -> str:
    """Return the folder that the paths of a table count from."""
    folder = folder_of(table)
    clips = join_under(folder, _CLIPS)
    return clips if is_url(folder) or os.path.isdir(clips) else folder


def _has_header(table: str) -> bool:
    return set(header_of(table, "\t")) >= _NEEDED
