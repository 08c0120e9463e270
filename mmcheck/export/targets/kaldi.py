"""Kaldi's data folder, as ESPnet, icefall and others take it too: tables of a line an utterance, sorted by their bytes.

The rows wait in files while they are sorted. Kaldi wants the order of the utterances to be the order of their speakers
as well; where it is not, each id gets its speaker in front, as Kaldi's own recipes do it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmcheck.core.errors import MediaError
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import RowDict, Sample
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.speech_rows import UniqueNames, one_line, plain_name, recording_id, speaker_of
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.with_media import tell_fault, with_seconds
from mmcheck.formats.base import OutputRow
from mmcheck.formats.sorted_lines import SortedLines
from mmcheck.formats.speech.kaldi_write import write_new_folder

_STEM = "mmcheck"
_TABLES = ("text", "utt2spk", "spk2utt", "utt2dur", "reco2dur")
_WAV = ".wav"
"""What Kaldi reads without a command."""
_RESERVED = re.compile(r"(?<!\w)(?:<s>|</s>|#0)(?!\w)")
"""Words that Kaldi's language models keep for themselves; its check of the folder refuses them."""
_BEFORE_DASH = re.compile(r"[!-\-]")
"""Characters that sort before or as the dash that follows a speaker in an utterance's id."""


class KaldiTarget:
    """Kaldi data folder.

    Args:
        options: What was asked for.
    """

    name = "kaldi"
    traits = TargetTraits(kinds=("audio",), has_offsets=True, takes_urls=False)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``wav.scp``, ``text``, ``utt2spk``, ``spk2utt``, ``utt2dur``, ``reco2dur``.

        Where rows are parts of recordings there are ``segments``, where all have a language ``utt2lang``.
        """
        spool = _Spool(folder)
        names = UniqueNames(rows, folder)
        strange = several = 0
        suffixes = () if self._options.media == "reference" else (_WAV,)
        for row, placed, seconds in with_seconds(rows, shelf, suffixes=suffixes):
            text = one_line(row.text())
            if _RESERVED.search(text):
                rows.leave_out(row, "has <s>, </s> or #0 in its text, which Kaldi keeps for itself")
                continue
            if placed.path.endswith("|") or placed.path[:1] in "|~" or "\n" in placed.path:
                rows.leave_out(row, "has a path that Kaldi takes for something else")
                continue
            is_part = placed.start is not None or placed.duration is not None
            try:
                whole = shelf.shape(placed).duration if is_part else seconds
            except MediaError as error:
                rows.leave_out(row, tell_fault(row, error))
                continue
            strange += not placed.path.lower().endswith(_WAV)
            several += row.facts.get("channels", 1) > 1 and row.medium().channel is None
            start = placed.start or 0.0
            span = [start, min(start + seconds, whole)] if is_part else None
            spool.add(names.of(row), _entry(row, text, placed.path, span, seconds, whole))
        write_new_folder(spool.rows(), folder, _STEM, spool.tables)
        _tell(rows, strange, several, spool)

    def how_to_load(self) -> str:
        """Return the line of Python; Kaldi's own scripts take the folder."""
        folder = str(self._options.final)
        return f"from lhotse.kaldi import load_kaldi_data_dir; load_kaldi_data_dir({folder!r}, sampling_rate=16000)"


class _Spool:
    """Rows that wait to be sorted, and what they have in common."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = SortedLines(folder)
        self._rows = self._languages = 0
        self._has_segments = self._has_speakers = False
        self.is_renamed = False

    def add(self, utterance: str, entry: RowDict) -> None:
        self._rows += 1
        self._languages += entry["language"] is not None
        self._has_segments = self._has_segments or entry["span"] is not None
        self._has_speakers = self._has_speakers or entry["speaker"] is not None
        self._lines.add(_line(utterance, entry))

    @property
    def tables(self) -> list[str]:
        """Return the tables that all rows can fill."""
        further = {"segments": self._has_segments, "utt2lang": self._rows and self._languages == self._rows}
        return [*_TABLES, *(name for name, has in further.items() if has)]

    def rows(self) -> Iterator[OutputRow]:
        """Yield the rows in the order of their ids, which is that of their speakers too."""
        self.is_renamed = self._has_speakers and not self._is_in_order()
        if self.is_renamed:
            renamed = SortedLines(self._folder)
            for utterance, entry in map(_parsed, self._lines):
                # With no character before the dash in it, one speaker's ids cannot come between another's.
                speaker = _BEFORE_DASH.sub("_", entry["speaker"] or utterance)
                renamed.add(_line(f"{speaker}-{utterance}", {**entry, "speaker": speaker}))
            self._lines = renamed
        for utterance, entry in map(_parsed, self._lines):
            yield _output(utterance, entry, self._has_segments)

    def _is_in_order(self) -> bool:
        last = b""
        for utterance, entry in map(_parsed, self._lines):
            speaker = (entry["speaker"] or utterance).encode()
            if speaker < last:
                return False
            last = speaker
        return True


def _entry(row: ExportRow, text: str, path: str, span: list[float] | None, seconds: float, whole: float) -> RowDict:
    speaker, language = speaker_of(row), row.sample.language
    return {
        "text": text,
        "path": path,
        "span": span,
        "seconds": seconds,
        "whole": whole,
        "speaker": None if speaker is None else plain_name(speaker),
        "language": None if language is None else one_line(language) or None,
        "number": row.sample.row_number,
        "added": dict(row.added),
    }


def _line(utterance: str, entry: RowDict) -> bytes:
    return f"{utterance}\0{json.dumps(entry)}".encode()


def _parsed(line: bytes) -> tuple[str, dict[str, Any]]:
    utterance, _, entry = line.partition(b"\0")
    return utterance.decode(), json.loads(entry)


def _output(utterance: str, entry: dict[str, Any], has_segments: bool) -> OutputRow:
    columns: RowDict = {
        "utt": utterance,
        "wav": entry["path"],
        "text": entry["text"],
        "speaker": entry["speaker"] or utterance,
        "duration": _seconds(entry["seconds"]),
        "recording_duration": _seconds(entry["whole"]),
    }
    if entry["language"] is not None:
        columns["language"] = entry["language"]
    if has_segments:
        start, end = entry["span"] or (0.0, entry["whole"])
        columns |= {"recording": recording_id(entry["path"]), "start": _seconds(start), "end": _seconds(end)}
    sample = Sample(id=utterance, manifest="", row_number=entry["number"], row=columns)
    return OutputRow(sample=sample, extra=entry["added"])


def _seconds(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _tell(rows: Rows, strange: int, several: int, spool: _Spool) -> None:
    if strange:
        rows.note(
            f"{count_noun(strange, 'row names', 'rows name')} a recording that is no WAV: ESPnet, Lhotse and kaldiio "
            "read it, Kaldi itself does not; --media copy writes WAV."
        )
    if several:
        told = count_noun(several, "row names", "rows name")
        rows.note(f"{told} a recording of several channels, of which Kaldi takes the first.")
    if spool.is_renamed:
        rows.note("Ids have their speaker in front, because Kaldi wants utterances and speakers in one order.")
