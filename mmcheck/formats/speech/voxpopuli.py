"""VoxPopuli: ``asr_train.tsv`` with ``id``, ``raw_text``, ``normalized_text``; recordings by id below its folder."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.paths import folder_of, is_folder, join_under, walk_files
from mmcheck.formats.rows import until_break
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.speech.table_header import header_of
from mmcheck.formats.speech.utterances import SUFFIXES, UtteranceMaker

_NEEDED = {"raw_text", "normalized_text"}
_IDS = ("id", "id_")
_TEXTS = ("normalized_text", "raw_text")
"""Columns of texts, the one that is judged first."""
_LANGUAGE = re.compile(r"-([a-z]{2})_\d{8}-")
"""Where an id tells the language: ``20180612-0900-PLENARY-3-en_20180612-13:11:40_3``."""


class VoxPopuliFormat:
    """A table of VoxPopuli's transcribed speech, as its scripts and Hugging Face's copy have it.

    The normalised text is the transcript; ``columns.transcript: raw_text`` takes the raw one, which many rows lack.

    Args:
        options: Input options.
    """

    name = "voxpopuli"

    def __init__(self, options: InputConfig) -> None:
        changed = {"delimiter": "\t", "has_header": True}
        if options.quoting == "auto":
            changed["quoting"] = "none"
        self._options = options
        self._csv = CsvFormat(options.model_copy(update=changed))

    def recognise(self, manifest: str) -> Recognised:
        """Return whether its header has ``id``, ``raw_text`` and ``normalized_text``."""
        header = set(header_of(manifest, "\t"))
        return Recognised.SIGNATURE if header >= _NEEDED and header & set(_IDS) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples; ``row_number`` is the line.

        Raises:
            ManifestError: If it cannot be read.
        """
        yield from until_break(manifest, self._samples(manifest))

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
        """Write the table anew, new columns last, and links to the recordings where they lay beside it.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input, for the header of an output without rows.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        plain = output.model_copy(update={"write_media": False})
        placed = _placed(rows, folder, output)
        return self._csv.write(placed, folder, stem, plain, manifest=manifest or "x.tsv", added=added, keep_paths=True)

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another transcript; None if it is not there."""
        return UtteranceMaker(sample.manifest, self._options, _TEXTS).with_text(sample, text)

    def _samples(self, manifest: str) -> Iterator[Sample]:
        maker = UtteranceMaker(manifest, self._options, _TEXTS)
        places: dict[str, str] | None = None
        folder = folder_of(manifest)
        for raw in self._csv.raw_rows(manifest):
            if raw.cause is not None:
                yield maker.broken(raw)
                continue
            id = next((str(raw.row[name]) for name in _IDS if raw.row.get(name)), "")
            if places is None:
                places = _recordings(folder)
            uri = places.get(id) or join_under(folder, f"{id[:4]}/{id}.ogg")
            if not id or "/" in id:
                yield maker.problem(raw.number, raw.row, "missing_media", f"names no recording: its id is {id!r:.80}")
                continue
            found = _LANGUAGE.search(id)
            language = found.group(1) if found else None
            yield maker.sample(raw.number, raw.row, id=id, audio=MediaRef(uri=uri), language=language)


def _recordings(folder: str) -> dict[str, str]:
    """Return the recordings below a folder by the names that they have without their ending."""
    found: dict[str, str] = {}
    try:
        for name in walk_files(folder) if is_folder(folder) else ():
            stem, suffix = posixpath.splitext(posixpath.basename(name))
            if suffix in SUFFIXES:
                found.setdefault(stem, join_under(folder, name))
    except ManifestError:
        return found
    return found


def _placed(rows: Iterable[OutputRow], folder: Path, output: OutputConfig) -> Iterator[OutputRow]:
    for out in rows:
        ref = out.sample.audio
        if ref is not None:
            inner = os.path.relpath(ref.uri, folder_of(out.sample.manifest)).replace(os.sep, "/")
            place_media(ref.uri, folder, inner, output)
        yield out
