"""NeMo's manifests: a line of JSON a recording or segment, as they are or with the recordings in tars."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import MediaError
from mmcheck.core.types import Row, RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.speech_rows import own_row, speaker_of
from mmcheck.export.tar_shards import TarShards
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.with_media import tell_fault, with_data, with_seconds
from mmcheck.formats.base import OutputRow
from mmcheck.formats.nemo import NemoFormat
from mmcheck.media.audio_shape import read_shape

MANIFEST = "manifest.json"
TARRED = "tarred_audio_manifest.json"
"""The name by which NeMo knows that paths are those of members."""
SHARDED = "sharded_manifests"
"""Folder of a manifest a shard, which NeMo's loaders take for large sets. Given by NeMo's script."""
_READABLE = (".wav", ".flac", ".mp3", ".ogg", ".opus")
"""What NeMo takes out of a tar; a recording of another kind would be passed over in silence."""
_KEEP = OutputConfig(paths="keep")
_TAKEN = frozenset(("audio_filepath", "audio_filename", "audio_file", "text", "text_filepath"))
"""Columns by which NeMo would find another recording or text."""


class NemoTarget:
    """NeMo manifest.

    Args:
        options: What was asked for.
    """

    name = "nemo"
    traits = TargetTraits(kinds=("audio",), paths=("relative", "absolute", "keep"), has_offsets=True, takes_urls=False)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._columns = NemoColumns(options)

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``manifest.json``, a line a row."""
        form = NemoFormat(InputConfig())
        form.write(self._lines(rows, shelf), folder, MANIFEST.partition(".")[0], _KEEP, manifest=MANIFEST)

    def how_to_load(self) -> str:
        """Return what NeMo's training scripts are given."""
        return f"model.train_ds.manifest_filepath={shlex.quote(str(self._options.final / MANIFEST))}"

    def _lines(self, rows: Rows, shelf: MediaShelf) -> Iterator[OutputRow]:
        for row, placed, seconds in with_seconds(rows, shelf):
            place: RowDict = {"duration": seconds}
            if placed.start is not None or placed.duration is not None:
                place = {"offset": placed.start or 0.0, "duration": seconds}
            yield self._columns.line(row, MANIFEST, placed.path, place)


class NemoTarredTarget:
    """NeMo's tarred set: ``audio_0.tar`` and so on, their manifest, and one manifest a shard.

    Args:
        options: What was asked for.
    """

    name = "nemo-tarred"
    traits = TargetTraits(kinds=("audio",), media=("copy",), has_shards=True)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._columns = NemoColumns(options)
        self._shards: list[str] = []

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write tars and manifests. Each shard of the range is there and has rows: NeMo wants both to match."""
        form = NemoFormat(InputConfig())
        part: list[OutputRow] = []

        def close(number: int) -> None:
            form.write(part, folder / SHARDED, f"manifest_{number}", _KEEP, manifest=TARRED)
            part.clear()

        with TarShards(folder, self._options.shard_size, close, name=_shard_name) as shards:
            lines = self._lines(rows, shelf, shards, part)
            form.write(lines, folder, TARRED.partition(".")[0], _KEEP, manifest=TARRED)
        self._shards = list(shards.sizes)

    def how_to_load(self) -> str:
        """Return what NeMo's training scripts are given; the range is spelled so that no shell touches it."""
        if not self._shards:
            return ""
        last = len(self._shards) - 1
        tars, manifests = (f"audio__OP_0..{last}_CL_.tar", f"manifest__OP_0..{last}_CL_.json")
        if not last:
            tars, manifests = (self._shards[0], "manifest_0.json")
        manifest = shlex.quote(str(self._options.final / SHARDED / manifests))
        return (
            f"model.train_ds.is_tarred=true model.train_ds.manifest_filepath={manifest} "
            f"model.train_ds.tarred_audio_filepaths={shlex.quote(str(self._options.final / tars))}"
        )

    def _lines(self, rows: Rows, shelf: MediaShelf, shards: TarShards, part: list[OutputRow]) -> Iterator[OutputRow]:
        for row, found in with_data(rows, shelf, suffixes=_READABLE):
            try:
                seconds = read_shape(found.data).duration
            except MediaError as error:
                rows.leave_out(row, tell_fault(row, error))
                continue
            shard = shards.number
            key = shards.add([(found.suffix[1:], found.data)])
            place = {"duration": seconds, "shard_id": shard}
            line = self._columns.line(row, TARRED, f"{key}{found.suffix}", place)
            part.append(line)
            yield line


class NemoColumns:
    """The columns of a row as NeMo calls them.

    Args:
        options: What was asked for.
    """

    def __init__(self, options: TargetOptions) -> None:
        self._own = OwnColumns(options)

    def line(self, row: ExportRow, manifest: str, path: str, place: Row) -> OutputRow:
        """Return a row of a NeMo manifest.

        Args:
            row: The row.
            manifest: Name of the manifest.
            path: Of its recording.
            place: Which part of it, and how long that is.
        """
        columns: RowDict = {"audio_filepath": path, **place, "text": row.text()}
        own = {name: value for name, value in self._own.beside_sound(row).items() if name not in _TAKEN}
        if row.sample.language is not None:
            columns["lang"] = row.sample.language
        speaker = speaker_of(row)
        if speaker is not None:
            columns["speaker"] = speaker
        columns |= own
        return own_row(row, manifest, columns, {**_in_nemos_names(row.added, own), **row.added})


def _in_nemos_names(added: Row, own: Row) -> RowDict:
    """Return the scores under the names that NeMo's tools look for, error rates in per cent as they write them."""
    found: RowDict = {}
    if "mmcheck_pred_text" in added:
        found["pred_text"] = added["mmcheck_pred_text"]
    for name in ("wer", "cer"):
        if f"mmcheck_{name}" in added:
            found[name] = round(100 * added[f"mmcheck_{name}"], 2)
    return {name: value for name, value in found.items() if name not in own}


def _shard_name(number: int) -> str:
    return f"audio_{number}.tar"
