"""SpeechBrain's CSV: ``ID``, ``duration``, ``wav``, ``wrd``, and ``start`` and ``stop`` in samples for segments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import MediaError
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Row, RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.speech_rows import own_row, speaker_of
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.typed_columns import ColumnTypes
from mmcheck.export.with_media import tell_fault, with_seconds
from mmcheck.formats.base import OutputRow
from mmcheck.formats.speech.speechbrain import SpeechBrainFormat

NAME = "train.csv"
_VARIABLE = re.compile(r"\$(?=[\w.])")
"""What SpeechBrain takes for the name of something to put in its place, wherever it stands; given by its reader."""


class SpeechBrainTarget:
    """SpeechBrain's CSV.

    Args:
        options: What was asked for.
    """

    name = "speechbrain"
    traits = TargetTraits(kinds=("audio",), has_offsets=True, takes_urls=False)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)
        self._types = ColumnTypes()
        self._has_parts = self._has_speakers = False
        self._spaced = 0

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``train.csv``. A blank is put behind a ``$``, which SpeechBrain would take for a variable."""
        for row in rows:
            self._types.add(self._further(row))
            self._has_parts = self._has_parts or shelf.names_part(row)
            self._has_speakers = self._has_speakers or speaker_of(row) is not None
        manifest = str(folder / NAME)
        SpeechBrainFormat(InputConfig()).write(
            self._lines(rows, shelf, manifest),
            folder,
            NAME.partition(".")[0],
            OutputConfig(paths="keep"),
            manifest=manifest,
            added=rows.added,
        )
        if self._spaced:
            told = count_noun(self._spaced, "text", "texts")
            rows.note(f"A blank was put behind the $ of {told}, because SpeechBrain takes $5 for the name of a folder.")

    def how_to_load(self) -> str:
        """Return the line of Python."""
        file = str(self._options.final / NAME)
        return f"from speechbrain.dataio.dataset import DynamicItemDataset; DynamicItemDataset.from_csv({file!r})"

    def _lines(self, rows: Rows, shelf: MediaShelf, manifest: str) -> Iterator[OutputRow]:
        self._spaced = 0
        for row, placed, seconds in with_seconds(rows, shelf):
            if _VARIABLE.search(placed.path):
                rows.leave_out(row, "has a $ in its path, which SpeechBrain takes for a variable")
                continue
            try:
                rate = int(row.facts.get("sampling_rate") or shelf.shape(placed).sampling_rate)
            except MediaError as error:
                rows.leave_out(row, tell_fault(row, error))
                continue
            columns: RowDict = {"ID": row.sample.id, "duration": seconds, "wav": placed.path}
            if self._has_parts:
                start = round((placed.start or 0.0) * rate)
                columns |= {"start": start, "stop": start + round(seconds * rate)}
            text = _VARIABLE.sub("$ ", row.text())
            self._spaced += text != row.text()
            columns["wrd"] = text
            if self._has_speakers:
                columns["spk_id"] = _plain(speaker_of(row))
            own = self._types.fit(self._further(row))
            columns |= {name: _plain(own.get(name)) for name in self._types.names}
            yield own_row(row, manifest, columns, {name: _plain(value) for name, value in row.added.items()})

    def _further(self, row: ExportRow) -> Row:
        taken = {"ID", "wrd", "spk_id"}
        own = self._own.beside_sound(row)
        return {f"own_{name}" if name in taken else name: value for name, value in own.items() if name != "id"}


def _plain(value: object) -> object:
    return _VARIABLE.sub("$ ", value) if isinstance(value, str) else value
