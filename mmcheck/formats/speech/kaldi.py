"""Kaldi and ESPnet data folders: ``wav.scp`` and ``text``, with ``segments``, ``utt2spk``, ``utt2lang`` if there.

A line of ``wav.scp`` may be a command (``sph2pipe ... |``). No command is ever run: such a row is a broken one.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.jsonl import broken_line
from mmcheck.formats.paths import folder_of, is_folder, join_under
from mmcheck.formats.rows import until_break
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.kaldi_tables import Entry, TableLookup, find_table, read_table
from mmcheck.formats.speech.kaldi_write import write_folder
from mmcheck.formats.speech.utterances import UtteranceMaker
from mmcheck.formats.text_source import is_url, looks_binary, read_head

_SCP, _SEGMENTS, _TEXT = "wav.scp", "segments", "text"
_ARCHIVE = re.compile(r"^(?P<path>.+\.(?:ark|flac\.ark))(?::\d+)?$")
_FILE_IN_COMMAND = re.compile(r"[^\s'\"]+\.(?:sph|wav|flac|mp3|wv1|wv2|ogg|opus|m4a)\b", re.IGNORECASE)
_UP = 4
"""Folders above the data folder from which relative paths may count. Our own choice: recipes run two to three above it
(``egs/x/asr1/dump/raw/train``)."""


class KaldiFormat:
    """A data folder, or its ``wav.scp``.

    Args:
        options: Input options.
    """

    name = "kaldi"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a ``wav.scp`` of keys and places, or a folder with one."""
        folder = _data_folder(manifest)
        if folder is None:
            return Recognised.NO
        try:
            head = read_head(join_under(folder, _SCP))
        except ManifestError:
            return Recognised.NO
        lines = [line for line in head.decode("utf-8", "replace").split("\n")[:20] if line.strip()]
        fits = not looks_binary(head) and (not lines or sum(len(line.split()) > 1 for line in lines) * 2 >= len(lines))
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the utterances in the order of ``segments``, else of ``wav.scp``; ``row_number`` is the line there.

        Lines of ``text`` of which there is no recording come last, as broken rows.

        Raises:
            ManifestError: If there is no ``wav.scp``, or a table cannot be read.
        """
        folder = _data_folder(manifest)
        if folder is None:
            raise ManifestError(
                f"{manifest} is no Kaldi data folder: it holds no {_SCP}.",
                hint="give the folder with wav.scp and text.",
            )
        there = top_names(folder)
        own = _SEGMENTS if _SEGMENTS in there else _SCP
        yield from until_break(join_under(folder, own), _Reader(folder, there, self._options).samples())

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
        """Write a data folder ``folder/stem`` with the lines of ``rows`` in each table that the source has.

        The tables have no place for columns: what they would hold goes into ``<stem>.reasons.jsonl``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name of the written folder.
            output: Output options.
            manifest: The input.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        return write_folder(rows, folder / stem, stem, output, _data_folder(manifest), self._options.encoding)

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another transcript; None if it is not there."""
        return UtteranceMaker(sample.manifest, self._options).with_text(sample, text)


class _Reader:
    """One pass over the tables of a data folder."""

    def __init__(self, folder: str, there: set[str], options: InputConfig) -> None:
        self._folder = folder
        self._encoding = options.encoding
        self._has_segments = _SEGMENTS in there
        self._own = join_under(folder, _SEGMENTS if self._has_segments else _SCP)
        self._maker = UtteranceMaker(self._own, options)
        self._options = options
        self._texts = self._table(_TEXT, there)
        self._speakers = self._table("utt2spk", there)
        self._languages = self._table("utt2lang", there)
        self._base: str | None = None

    def samples(self) -> Iterator[Sample]:
        if self._has_segments:
            recordings = {entry.key: entry.value for entry in read_table(self._folder, _SCP, self._encoding)}
            for entry in read_table(self._folder, _SEGMENTS, self._encoding):
                yield self._fault(entry) or self._segment(entry, recordings)
        else:
            for entry in read_table(self._folder, _SCP, self._encoding):
                row: RowDict = {"utt": entry.key, "wav": entry.value}
                yield self._fault(entry) or self._sample(entry, row, entry.value, None, None)
        if self._texts is None:
            return
        maker = UtteranceMaker(join_under(self._folder, _TEXT), self._options)
        for entry in self._texts.rest():
            row = {"utt": entry.key, "text": entry.value}
            message = f"has a text but no recording: {entry.key} is not in {posixpath.basename(self._own)}"
            yield maker.problem(entry.line.number, row, "missing_media", message, id=entry.key)

    def _table(self, name: str, there: set[str]) -> TableLookup | None:
        return find_table(self._folder, name, self._encoding, there)

    def _fault(self, entry: Entry) -> Sample | None:
        fault = entry.line.fault or ("holds a NUL byte" if "\0" in entry.line.text else None)
        return self._maker.broken(broken_line(entry.line, "encoding", fault)) if fault else None

    def _segment(self, entry: Entry, recordings: dict[str, str]) -> Sample:
        fields = entry.value.split()
        row: RowDict = {"utt": entry.key, "recording": fields[0] if fields else ""}
        if len(fields) != 3:
            message = "is no segment: it wants utterance, recording, begin and end"
            return self._maker.broken(broken_line(entry.line, "ragged", message))
        row |= {"start": fields[1], "end": fields[2]}
        try:
            start, end = float(fields[1]), float(fields[2])
        except ValueError:
            start, end = -1.0, 0.0
        row["wav"] = recordings.get(fields[0], "")
        # An end of -1 is Kaldi's way to say: to the end of the recording.
        if not 0 <= start < float("inf") or not (end == -1 or start < end < float("inf")):
            message = f"has no usable segment: from {fields[1]:.20} to {fields[2]:.20} s"
            return self._problem(entry, row, "bad_segment", message)
        if fields[0] not in recordings:
            return self._problem(entry, row, "missing_media", f"names the recording {fields[0]!r}, not in {_SCP}")
        return self._sample(entry, row, row["wav"], start, None if end == -1 else end - start)

    def _sample(self, entry: Entry, row: RowDict, wav: str, start: float | None, duration: float | None) -> Sample:
        text = self._texts.take(entry.key) if self._texts is not None else None
        speaker = self._speakers.take(entry.key) if self._speakers is not None else None
        language = self._languages.take(entry.key) if self._languages is not None else None
        if text is not None:
            row["text"] = text.value
        if speaker is not None:
            row["speaker"] = speaker.value
        if language is not None:
            row["language"] = language.value
        fault = _unreadable(wav)
        if fault is not None:
            return self._problem(entry, row, *fault)
        if text is None:
            where = f"{entry.key} is not in {_TEXT}" if self._texts is not None else f"there is no file {_TEXT}"
            return self._problem(entry, row, "missing_text", f"has no text: {where}")
        if text.line.fault is not None:
            return self._problem(entry, row, "encoding", f"has a text that {text.line.fault}")
        audio = MediaRef(uri=self._resolve(wav), start=start, duration=duration)
        return self._maker.sample(
            entry.line.number, row, id=entry.key, audio=audio, language=language.value if language else None
        )

    def _problem(self, entry: Entry, row: RowDict, cause: str, message: str) -> Sample:
        if self._texts is not None and "text" not in row:
            text = self._texts.take(entry.key)
            if text is not None:
                row["text"] = text.value
        return self._maker.problem(entry.line.number, row, cause, message, id=entry.key)

    def _resolve(self, wav: str) -> str:
        if is_url(wav) or os.path.isabs(wav) or is_url(self._folder):
            return join_under(self._folder, wav)
        # Recipes write paths that count from where they run, which is above the data folder.
        if self._base is None or not os.path.exists(join_under(self._base, wav)):
            places = [self._folder, os.getcwd()]
            for _ in range(_UP):
                places.append(os.path.dirname(places[-1] if len(places) > 2 else self._folder))
            self._base = next((place for place in places if os.path.exists(join_under(place, wav))), self._base)
        return join_under(self._base or self._folder, wav)


def _data_folder(manifest: str) -> str | None:
    """Return the data folder that a folder or a ``wav.scp`` stands for; None if it is neither."""
    if posixpath.basename(manifest.rstrip("/")) == _SCP and not is_folder(manifest):
        return folder_of(manifest)
    return manifest.rstrip("/") if is_folder(manifest) and _SCP in top_names(manifest) else None


def _unreadable(wav: str) -> tuple[str, str] | None:
    """Return cause and message of a place that no file is at; None if it is a plain one."""
    if not wav:
        return "missing_media", "names no recording"
    if wav.endswith("|") or wav.startswith("|"):
        files = _FILE_IN_COMMAND.findall(wav)
        named = f" (the command reads {files[0]}: name that file instead, if it is a plain recording)" if files else ""
        return "command", f"gets its recording from a command, and commands are never run: {wav:.160}{named}"
    if _ARCHIVE.match(wav):
        return "archive", (
            f"names a place in an archive ({wav:.160}), which is not read: write the recordings as files, with "
            "kaldiio's load_scp and soundfile, and name those (docs/formats.md has the lines)"
        )
    return None
