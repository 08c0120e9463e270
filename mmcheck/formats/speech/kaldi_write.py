"""A Kaldi data folder written anew with some of its utterances: each table keeps the lines that belong to them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from mmcheck.config import OutputConfig
from mmcheck.core.errors import OutputError
from mmcheck.core.types import Row, Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.output_rows import raw_bytes
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.kaldi_tables import BY_RECORDING, BY_SPEAKER, BY_UTTERANCE, copy_lines, read_table
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.text_source import is_url, open_output

_MEDIA = "wav"
"""Folder below the written one for copies of recordings."""


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
    writer = _Writer(place, output, encoding, has_segments="segments" in there)
    reasons = Reasons(place, stem)
    with ExitStack() as stack:
        writer.open(stack)
        for out in rows:
            writer.add(out.sample)
            if out.extra:
                reasons.add(out)
    files = [*writer.files, *writer.write_scp()]
    if source is not None:
        files += _filter_tables(source, place, there, writer, encoding)
    return [*files, *reasons.write()]


class _Writer:
    """The tables that are made of the rows themselves."""

    def __init__(self, place: Path, output: OutputConfig, encoding: str, *, has_segments: bool) -> None:
        self._place = place
        self._output = output
        self._encoding = encoding
        self._names = ("segments", "text") if has_segments else ("text",)
        self._tables: dict[str, BinaryIO] = {}
        self._recordings: dict[str, str] = {}
        self.utterances: set[str] = set()
        self.files = [place / name for name in self._names]

    @property
    def recordings(self) -> set[str]:
        return set(self._recordings)

    def open(self, stack: ExitStack) -> None:
        for name in self._names:
            self._tables[name] = stack.enter_context(open_output(self._place / name))

    def add(self, sample: Sample) -> None:
        row = sample.row
        raw = raw_bytes(sample, self._encoding)
        if raw is not None:
            # A line that could not be parsed stands in the table that it was read from.
            self._tables["segments" if "segments" in self._tables else "text"].write(raw + b"\n")
            return
        utterance = str(row["utt"])
        self.utterances.add(utterance)
        recording = str(row.get("recording") or utterance)
        if "start" in row and "segments" in self._tables:
            self._line("segments", f"{utterance} {recording} {row['start']} {row['end']}")
        if "text" in row:
            self._line("text", f"{utterance} {row['text']}".rstrip())
        if row.get("wav"):
            self._recordings.setdefault(recording, self._path(sample, row))

    def write_scp(self) -> list[Path]:
        final = self._place / "wav.scp"
        with open_output(final) as file:
            # Kaldi wants tables in the order of their bytes.
            for key in sorted(self._recordings, key=str.encode):
                file.write(f"{key} {self._recordings[key]}\n".encode(self._encoding, "backslashreplace"))
        return [final]

    def _line(self, name: str, text: str) -> None:
        self._tables[name].write(text.encode(self._encoding, "backslashreplace") + b"\n")

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
