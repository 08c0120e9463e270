"""A Kaldi data folder written anew: of one that was read each table keeps the lines of the utterances that are left.

A folder that nobody read has the tables that are made of the rows: text, speakers, lengths, places.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from mmcheck.config import OutputConfig
from mmcheck.core.errors import OutputError
from mmcheck.core.types import Row, Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.output_rows import raw_bytes
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.sorted_lines import SortedLines
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.kaldi_tables import BY_RECORDING, BY_SPEAKER, BY_UTTERANCE, copy_lines, read_table
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.text_source import is_url, open_output

_MEDIA = "wav"
"""Folder below the written one for copies of recordings."""
_LENGTHS = "reco2dur"
_COLUMNS = {"text": "text", "utt2spk": "speaker", "utt2dur": "duration", "utt2lang": "language"}
"""Table of a line an utterance -> the column that it holds."""


def write_folder(
    rows: Iterable[OutputRow], place: Path, stem: str, output: OutputConfig, source: str | None, encoding: str
) -> list[Path]:
    """Write the data folder; return its files.

    Args:
        rows: The rows, in order.
        place: The folder.
        stem: Name of the file of reasons.
        output: Output options.
        source: The data folder that they came from; its other tables are filtered. None: there are none.
        encoding: Of the tables.

    Raises:
        OutputError: If a file cannot be written.
    """
    there = top_names(source) if source is not None else set()
    writer = _Writer(place, output, encoding, ("segments", "text") if "segments" in there else ("text",))
    reasons = Reasons(place, stem)
    with ExitStack() as stack:
        writer.open(stack)
        for out in rows:
            writer.add(out.sample, remember=source is not None)
            if out.extra:
                reasons.add(out)
    files = [*writer.files, *writer.write_scp()]
    if source is not None:
        files += _filter_tables(source, place, there, writer, encoding)
    return [*files, *reasons.write()]


def write_new_folder(rows: Iterable[OutputRow], place: Path, stem: str, tables: Sequence[str]) -> list[Path]:
    """Write a data folder of rows that come from elsewhere; return its files.

    Args:
        rows: The rows, in the order of the bytes of their columns ``utt``, by which their ``speaker`` are in order too.
            What else they have is ``wav``, ``text``, ``duration``, ``language`` and, with segments, ``recording``,
            ``start`` and ``end``; ``recording_duration`` in any case.
        place: The folder.
        stem: Name of the file of reasons.
        tables: The tables beside ``wav.scp``: some of ``segments``, ``text``, ``utt2spk``, ``spk2utt``, ``utt2dur``,
            ``utt2lang``, ``reco2dur``.

    Raises:
        OutputError: If a file cannot be written.
    """
    writer = _Writer(place, OutputConfig(paths="keep"), "utf-8", tables)
    reasons = Reasons(place, stem)
    with ExitStack() as stack:
        writer.open(stack)
        for out in rows:
            writer.add(out.sample)
            if out.extra:
                reasons.add(out)
        writer.close_speaker()
    return [*writer.files, *writer.write_scp(), *reasons.write()]


class _Writer:
    """The tables that are made of the rows themselves."""

    def __init__(self, place: Path, output: OutputConfig, encoding: str, names: Sequence[str]) -> None:
        self._place = place
        self._output = output
        self._encoding = encoding
        self._names = [name for name in names if name != _LENGTHS]
        self._has_lengths = _LENGTHS in names
        self._tables: dict[str, BinaryIO] = {}
        self._scp = SortedLines(place)
        self._speaker: str | None = None
        self.utterances: set[str] = set()
        """Those of a folder that was read, whose other tables are gone through."""
        self.recordings: set[str] = set()
        self.files = [place / name for name in self._names]

    def open(self, stack: ExitStack) -> None:
        for name in self._names:
            self._tables[name] = stack.enter_context(open_output(self._place / name))

    def add(self, sample: Sample, *, remember: bool = False) -> None:
        row = sample.row
        raw = raw_bytes(sample, self._encoding)
        if raw is not None:
            # A line that could not be parsed stands in the table that it was read from.
            self._tables["segments" if "segments" in self._tables else "text"].write(raw + b"\n")
            return
        utterance = str(row["utt"])
        recording = str(row.get("recording") or utterance)
        if "start" in row:
            self._line("segments", f"{utterance} {recording} {row['start']} {row['end']}")
        for table, column in _COLUMNS.items():
            if column in row:
                self._line(table, f"{utterance} {row[column]}".rstrip())
        if "spk2utt" in self._tables:
            self._add_to_speaker(str(row["speaker"]), utterance)
        if row.get("wav"):
            length = f"{row['recording_duration']}\0" if self._has_lengths else ""
            self._scp.add(self._encoded(f"{recording}\0{length}{self._path(sample, row)}"))
        if remember:
            self.utterances.add(utterance)
            if row.get("wav"):
                self.recordings.add(recording)

    def close_speaker(self) -> None:
        if self._speaker is not None:
            self._tables["spk2utt"].write(b"\n")

    def write_scp(self) -> list[Path]:
        """Write ``wav.scp`` and, if wanted, ``reco2dur``; Kaldi wants tables in the order of their bytes."""
        names = (_LENGTHS, "wav.scp") if self._has_lengths else ("wav.scp",)
        last = None
        with ExitStack() as stack:
            files = [stack.enter_context(open_output(self._place / name)) for name in names]
            for line in self._scp:
                key, *values = line.split(b"\0", len(files))
                if key == last:
                    continue  # another utterance of this recording
                last = key
                for file, value in zip(files, values, strict=True):
                    file.write(key + b" " + value + b"\n")
        return [self._place / name for name in names]

    def _add_to_speaker(self, speaker: str, utterance: str) -> None:
        if speaker != self._speaker:
            self.close_speaker()
            self._tables["spk2utt"].write(self._encoded(speaker))
            self._speaker = speaker
        self._tables["spk2utt"].write(self._encoded(f" {utterance}"))

    def _line(self, name: str, text: str) -> None:
        if name in self._tables:
            self._tables[name].write(self._encoded(text) + b"\n")

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._encoding, "backslashreplace")

    def _path(self, sample: Sample, row: Row) -> str:
        written = str(row["wav"])
        if sample.audio is None or is_url(sample.audio.uri) or self._output.paths == "keep":
            return written
        uri = sample.audio.uri
        if self._output.write_media and os.path.isfile(uri):
            name = f"{_MEDIA}/{row.get('recording') or row['utt']}{os.path.splitext(uri)[1]}".replace("..", "_")
            try:
                place_media(uri, self._place, name, self._output)
            except OutputError:
                return uri
            return name
        return uri if self._output.paths == "absolute" else os.path.relpath(uri, self._place)


def _filter_tables(source: str, place: Path, there: set[str], writer: _Writer, encoding: str) -> list[Path]:
    speakers: set[str] = set()
    if "utt2spk" in there:
        speakers = {entry.value for entry in read_table(source, "utt2spk", encoding) if entry.key in writer.utterances}
    keys = dict.fromkeys(BY_UTTERANCE, writer.utterances)
    keys |= dict.fromkeys(BY_RECORDING, writer.recordings) | dict.fromkeys(BY_SPEAKER, speakers)
    files: list[Path] = []
    for name, wanted in keys.items():
        if name not in there or name == "text":
            continue
        final = place / name
        with open_output(final) as file:
            if name == "spk2utt":
                for entry in read_table(source, name, encoding):
                    kept = [word for word in entry.value.split() if word in writer.utterances]
                    if kept:
                        file.write(f"{entry.key} {' '.join(kept)}\n".encode(encoding, "backslashreplace"))
            else:
                file.writelines(copy_lines(source, name, encoding, wanted))
        files.append(final)
    return files
