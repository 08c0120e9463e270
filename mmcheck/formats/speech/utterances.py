"""A row of a speech corpus becomes a sample: its text is checked, and its own words for what is wrong stay."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from mmcheck.config import InputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import MediaRef, Row, Sample
from mmcheck.formats.cells import find_text, is_utf8
from mmcheck.formats.new_text import put_text
from mmcheck.formats.rows import RawRow, problem_sample
from mmcheck.formats.text_source import is_url

SUFFIXES = (".flac", ".wav", ".opus", ".mp3", ".ogg", ".m4a", ".sph", ".FLAC", ".WAV")
"""Endings tried for a recording that a corpus names without one."""


class UtteranceMaker:
    """Makes the samples of one manifest of utterances.

    Args:
        manifest: Path or URL, as it shall stand in the samples.
        options: Input options; ``columns.transcript`` names another text of the row.
        texts: Columns that may hold the text, the wanted one first; an empty one gives way to the next.
    """

    def __init__(self, manifest: str, options: InputConfig, texts: Sequence[str] = ("text",)) -> None:
        self._manifest = manifest
        self._options = options
        self._texts = texts

    def sample(
        self,
        number: int,
        row: Row,
        *,
        id: str,
        audio: MediaRef,
        language: str | None = None,
        text: str | None = None,
        own_id: bool = True,
        item: int | None = None,
        split: tuple[str, ...] = (),
    ) -> Sample:
        """Return the sample of one utterance, or the one that says what is wrong with its text.

        Args:
            number: 1-based line or row.
            row: Its columns.
            id: Its id.
            audio: Its recording.
            language: Its language; None: as the options say.
            text: Its text, where that is not simply a column.
            own_id: Whether ``id`` stands in the manifest.
            item: Which text of its row it is; None: the only one.
            split: Columns of which the row holds this text's item alone.

        Raises:
            ManifestError: If the config names a column of texts that the row does not have.
        """
        column = self.column(row)
        found, fault = find_text(row.get(column) if text is None else text, column, self._options.max_text_bytes)
        if fault is None and not (is_utf8(found or "") and is_utf8(id)):
            fault = ("encoding", "holds half of a surrogate pair, which is not a character")
        if fault is not None:
            return self.problem(number, row, *fault, id=id)
        return Sample(
            id=id,
            manifest=self._manifest,
            row_number=number,
            audio=audio,
            transcript=found.strip() if found else "",
            language=language or self._options.language,
            row=row,
            item=item,
            split=split,
            own_id=own_id and item is None,
        )

    def with_text(self, sample: Sample, text: str) -> Row | None:
        """Return the row of a sample with another text in its column; None if that does not hold the old one."""
        return put_text(sample.row, (self.column(sample.row),), sample.transcript, text)

    def problem(self, number: int, row: Row, cause: str, message: str, *, id: str | None = None) -> Sample:
        """Return the sample that stands for a row that cannot be read."""
        sample = problem_sample(self._manifest, number, cause, message, row)
        return sample if not id or not is_utf8(id) else replace(sample, id=id)

    def broken(self, raw: RawRow) -> Sample:
        """Return the sample that stands for a line that cannot be parsed."""
        return problem_sample(self._manifest, raw.number, raw.cause or "broken_line", raw.message, raw.row)

    def column(self, row: Row) -> str:
        """Return the column of a row that its text is read from.

        Raises:
            ManifestError: If the config names one that the row does not have.
        """
        wanted = self._options.columns.transcript
        if wanted is not None:
            if wanted in row:
                return wanted
            raise ManifestError(
                f"manifest {self._manifest} has no text {wanted!r} (input.columns.transcript); it has: "
                f"{', '.join(name for name in row if isinstance(row[name], str))}.",
                hint=f"the texts of this layout are {' and '.join(self._texts)}.",
            )
        there = [name for name in self._texts if name in row]
        return next((name for name in there if row[name]), there[0] if there else self._texts[0])


class RecordingFinder:
    """Finds recordings that a corpus names without their ending."""

    def __init__(self, suffixes: Sequence[str] = SUFFIXES) -> None:
        self._suffixes = list(suffixes)

    def find(self, stems: Sequence[str]) -> str:
        """Return the path of the recording; where none is there, the most likely one.

        Args:
            stems: Paths without ending, the likeliest place first.
        """
        if not is_url(stems[0]):
            for suffix in self._suffixes:
                for stem in stems:
                    if os.path.exists(stem + suffix):
                        # The next one most likely ends alike: one look a file.
                        self._suffixes.remove(suffix)
                        self._suffixes.insert(0, suffix)
                        return stem + suffix
        return stems[0] + self._suffixes[0]
