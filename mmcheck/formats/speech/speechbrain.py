"""SpeechBrain's CSV: ``ID,duration,wav,...,wrd``, paths below ``$data_root``, segments as numbers of samples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.new_text import put_text
from mmcheck.formats.paths import join_under
from mmcheck.formats.rows import problem_sample
from mmcheck.formats.speech.table_header import header_of

_TEXTS = ("wrd", "words", "transcript", "transcription", "text", "wrd_norm", "char", "label")
"""Columns that hold the words, as recipes call them, the usual one first."""
_NEEDED = {"ID", "duration", "wav"}
_VARIABLE = re.compile(r"^\$\{?(?P<name>\w+)\}?[/\\]+(?P<rest>.+)$")
_RATES = (8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Hz that recordings have; given by what recorders and telephones use."""


class SpeechBrainFormat:
    """A table of SpeechBrain.

    Args:
        options: Input options.
    """

    name = "speechbrain"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether its header has ``ID``, ``duration`` and ``wav``."""
        return Recognised.SIGNATURE if set(header_of(manifest, ",")) >= _NEEDED else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples; ``start`` and ``stop`` are counted in samples, as SpeechBrain does.

        Raises:
            ManifestError: If it cannot be read, or its paths want a folder that nobody named.
        """
        root: str | None = getattr(self._options, "root", None)
        for sample in self._csv(manifest).read(manifest):
            wav = sample.row.get("wav")
            variable = _VARIABLE.match(wav) if isinstance(wav, str) else None
            if variable is not None and sample.audio is not None:
                if root is None:
                    name = variable["name"]
                    raise ManifestError(
                        f"{manifest}:{sample.row_number} names its recording below ${name}, and nobody says which "
                        f"folder that is: {wav}.",
                        hint=f"write the folder in its place: sed 's#${name}#/path/to/data#' IN.csv > OUT.csv, then "
                        "scan OUT.csv.",
                    )
                sample = replace(sample, audio=replace(sample.audio, uri=join_under(root, variable["rest"])))
            yield _in_seconds(sample)

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
        """Write the table anew, new columns last; paths are absolute, or as the options say.

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
        return self._csv(manifest).write(rows, folder, stem, output, manifest=manifest, added=added)

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another transcript; None if it is not there."""
        column = self._text_column(sample.manifest)
        return None if column is None else put_text(sample.row, (column,), sample.transcript, text)

    def _text_column(self, manifest: str) -> str | None:
        if self._options.columns.transcript is not None:
            return self._options.columns.transcript
        header = header_of(manifest, ",") if manifest else []
        return next((name for name in _TEXTS if name in header), None)

    def _csv(self, manifest: str) -> CsvFormat:
        columns = self._options.columns.model_copy(update={"transcript": self._text_column(manifest)})
        return CsvFormat(self._options.model_copy(update={"columns": columns, "delimiter": ","}))


def _in_seconds(sample: Sample) -> Sample:
    """Return a sample whose segment is in seconds where the row counts samples (columns ``start`` and ``stop``)."""
    row = sample.row
    if sample.audio is None or "start" not in row or "stop" not in row:
        return sample
    try:
        start, stop, duration = (float(row[name]) for name in ("start", "stop", "duration"))
    except (KeyError, TypeError, ValueError):
        start, stop, duration = 0.0, 0.0, 0.0
    rate = (stop - start) / duration if duration > 0 and 0 <= start < stop else 0.0
    near = min(_RATES, key=lambda known: abs(known - rate))
    if abs(near - rate) > 0.01 * near:
        message = "has `start` and `stop` in samples, but its duration does not tell at which rate"
        problem = problem_sample(sample.manifest, sample.row_number, "bad_segment", message, row)
        return replace(problem, id=sample.id, own_id=sample.own_id)
    audio = replace(sample.audio, start=start / near, duration=(stop - start) / near)
    return replace(sample, audio=audio)
