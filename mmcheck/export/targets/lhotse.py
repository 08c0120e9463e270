"""Lhotse's cuts: one a row, each with its recording and one supervision; scores and own columns in ``custom``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import MediaError
from mmcheck.core.types import Row, RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.speech_rows import own_row, recording_id, speaker_of
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.with_media import tell_fault, with_seconds
from mmcheck.export.write_back import can_write_back, write_back
from mmcheck.formats.base import OutputRow
from mmcheck.formats.speech.lhotse import LhotseFormat
from mmcheck.formats.text_source import is_url
from mmcheck.media.audio_shape import AudioShape

MANIFEST = "cuts.jsonl.gz"
_OF_CUTS = frozenset(("id", "type", "custom", "text", "language", "speaker"))
"""Columns that a cut or its supervision has a place of its own for, and what comes from a cut."""


class LhotseTarget:
    """Lhotse cuts.

    Args:
        options: What was asked for.
    """

    name = "lhotse"
    traits = TargetTraits(kinds=("audio",), has_offsets=True, has_channels=True)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)
        self._files = [MANIFEST]

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``cuts.jsonl.gz``; what was read as Lhotse's is written back with all that its records hold."""
        if can_write_back(self._options, self.name):
            self._files = [file.name for file in write_back(rows, self._options, folder, self.name)]
            return
        manifest = str(folder / MANIFEST)
        form = LhotseFormat(InputConfig())
        form.write(self._cuts(rows, shelf, manifest), folder, "cuts", OutputConfig(paths="keep"), manifest=manifest)

    def how_to_load(self) -> str:
        """Return the line of Python."""
        files = [str(self._options.final / name) for name in self._files]
        if len(files) == 1:
            return f"from lhotse import CutSet; CutSet.from_file({files[0]!r})"
        return f"from lhotse import load_manifest; [load_manifest(file) for file in {files!r}]"

    def _cuts(self, rows: Rows, shelf: MediaShelf, manifest: str) -> Iterator[OutputRow]:
        for row, placed, seconds in with_seconds(rows, shelf):
            try:
                shape = shelf.shape(placed)
            except MediaError as error:
                rows.leave_out(row, tell_fault(row, error))
                continue
            if placed.channel is not None and placed.channel >= shape.channels:
                rows.leave_out(row, "names a channel that its recording does not have")
                continue
            start = placed.start or 0.0
            is_part = placed.start is not None or placed.duration is not None
            # Decoders differ by some samples in where a lossy recording ends; Lhotse refuses what is beyond.
            length = min(seconds, shape.duration - start) if is_part else shape.duration
            source = {"type": "url" if is_url(placed.path) else "file", "source": placed.path}
            recording = _recording(recording_id(placed.path), source, shape)
            channels = [placed.channel] if placed.channel is not None else recording["channel_ids"]
            cut = {
                "id": row.sample.id,
                "start": start,
                "duration": length,
                "channel": channels[0] if len(channels) == 1 else channels,
                "supervisions": [self._supervision(row, recording["id"], length, channels)],
                "recording": recording,
                "custom": self._custom(row),
                "type": "MonoCut" if len(channels) == 1 else "MultiCut",
            }
            yield own_row(row, manifest, cut, row.added)

    def _supervision(self, row: ExportRow, recording: str, length: float, channels: list[int]) -> RowDict:
        found: RowDict = {
            "id": row.sample.id,
            "recording_id": recording,
            "start": 0.0,
            "duration": length,
            "channel": channels[0] if len(channels) == 1 else channels,
            "text": row.text(),
        }
        if row.sample.language is not None:
            found["language"] = row.sample.language
        if (speaker := speaker_of(row)) is not None:
            found["speaker"] = speaker
        if isinstance(gender := row.sample.row.get("gender"), str) and gender:
            found["gender"] = gender
        return found

    def _custom(self, row: ExportRow) -> RowDict:
        own = self._own.beside_sound(row)
        kept = {name: value for name, value in own.items() if name not in _OF_CUTS and value is not None}
        custom: object = own.get("custom")
        return {**kept, **custom} if isinstance(custom, Mapping) else kept


def _recording(id: str, source: Row, shape: AudioShape) -> RowDict:
    channels = list(range(shape.channels))
    return {
        "id": id,
        "sources": [{**source, "channels": channels}],
        "sampling_rate": shape.sampling_rate,
        "num_samples": shape.num_samples,
        "duration": shape.duration,
        "channel_ids": channels,
    }
