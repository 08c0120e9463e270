"""Lists of recordings and texts between bars, as trainers of voices take them: LJSpeech's, Piper's and Coqui's.

The recordings lie in ``wavs/`` and are named by id; they are WAV, since most of these programs look for no other. The
lists have no place for further columns: what mmcheck found stands beside them, in ``metadata.reasons.jsonl``.
"""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.atomic import atomic_path
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Row, RowDict
from mmcheck.export.own_columns import flat
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.speech_rows import UniqueNames, one_line, own_row, speaker_of
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.with_media import with_files
from mmcheck.formats.base import OutputRow
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.speech.ljspeech import LjSpeechFormat

LIST = "metadata.csv"
WAVS = "wavs"
_STEM = "metadata"
_WAV = ".wav"
_BAR = "|"
_NOBODY = "unknown"
"""Speaker of a row that names none, among rows that do."""
_TRAITS = TargetTraits(kinds=("audio",), media=("link", "copy"), paths=("relative",))


class LjSpeechTarget:
    """LJSpeech: ``id|raw text|normalised text``.

    Args:
        options: What was asked for.
    """

    name: ClassVar[str] = "ljspeech"
    traits: ClassVar[TargetTraits] = _TRAITS

    def __init__(self, options: TargetOptions) -> None:
        self._options = options

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``metadata.csv``. Nothing can stand for a bar in it, so it is written as a blank, and counted."""
        names = UniqueNames(rows, folder)
        changed: list[int] = [0]
        LjSpeechFormat(InputConfig()).write(
            self._lines(rows, shelf, names, changed), folder, _STEM, OutputConfig(paths="keep"), manifest=LIST
        )
        if changed[0]:
            told = count_noun(changed[0], "text has", "texts have")
            rows.note(f"{told} a |, which parts the columns of this list; it is written as a blank.")

    def how_to_load(self) -> str:
        """Return the line of Python."""
        return f"from lhotse.recipes import prepare_ljspeech; prepare_ljspeech({str(self._options.final)!r})"

    def _lines(self, rows: Rows, shelf: MediaShelf, names: UniqueNames, changed: list[int]) -> Iterator[OutputRow]:
        for row, _ in _with_wavs(rows, shelf, names):
            raw, normalised = _spellings(row)
            changed[0] += _BAR in raw + normalised
            texts = [one_line(text.replace(_BAR, " ")) for text in (raw, normalised)]
            columns = {"id": names.of(row), "text": texts[0], "normalized_text": texts[1]}
            yield own_row(row, LIST, columns, row.added)


class PiperTarget:
    """Piper: ``id|text``, or ``id|speaker|text`` where rows name speakers.

    Args:
        options: What was asked for.
    """

    name: ClassVar[str] = "piper"
    traits: ClassVar[TargetTraits] = _TRAITS

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._speakers: set[str] = set()

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``metadata.csv``; texts with bars or quotes are in quotes, as Piper reads them."""
        names = UniqueNames(rows, folder)
        self._speakers = {name for row in rows if (name := speaker_of(row)) is not None}
        nameless = 0
        reasons = Reasons(folder, _STEM)
        with atomic_path(folder / LIST) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter=_BAR, lineterminator="\n")
            header = self._header()
            if header:
                table.writerow(header)
            for row, path in _with_wavs(rows, shelf, names):
                speaker = speaker_of(row)
                nameless += bool(self._speakers) and speaker is None
                table.writerow(self._record(names.of(row), path, speaker or _NOBODY, one_line(row.text())))
                if row.added:
                    reasons.add(row.out)
        reasons.write()
        if nameless:
            self._speakers.add(_NOBODY)
            rows.note(f"{count_noun(nameless, 'row names', 'rows name')} no speaker and has the speaker `{_NOBODY}`.")

    def how_to_load(self) -> str:
        """Return the beginning of Piper's command."""
        file, wavs = (shlex.quote(str(self._options.final / name)) for name in (LIST, WAVS))
        several = f" --model.num_speakers {len(self._speakers)}" if len(self._speakers) > 1 else ""
        return f"python -m piper.train fit --data.csv_path {file} --data.audio_dir {wavs}{several}"

    def _header(self) -> Sequence[str]:
        return ()

    def _record(self, name: str, path: str, speaker: str, text: str) -> Sequence[str]:
        return (name, speaker, text) if self._speakers else (name, text)


class CoquiTarget(PiperTarget):
    """Coqui: ``audio_file|text|speaker_name``."""

    name = "coqui"

    def how_to_load(self) -> str:
        """Return the dataset of Coqui's training scripts."""
        return f'BaseDatasetConfig(formatter="coqui", path={str(self._options.final)!r}, meta_file_train="{LIST}")'

    def _header(self) -> Sequence[str]:
        return ("audio_file", "text", "speaker_name") if self._speakers else ("audio_file", "text")

    def _record(self, name: str, path: str, speaker: str, text: str) -> Sequence[str]:
        return (path, text, speaker) if self._speakers else (path, text)


def _with_wavs(rows: Rows, shelf: MediaShelf, names: UniqueNames) -> Iterator[tuple[ExportRow, str]]:
    """Yield rows, each with the place of its recording below the folder."""
    for row, placed in with_files(rows, shelf, name=lambda row: f"{WAVS}/{names.of(row)}", suffixes=(_WAV,)):
        yield row, placed.path


def _spellings(row: ExportRow) -> tuple[str, str]:
    """Return a row's text as it was written and as it is read aloud: both alike, unless the row has both."""
    own: Row = flat(row.sample.row)
    text = row.text()
    normalised = own.get("normalized_text")
    if not isinstance(normalised, str) or not normalised.strip():
        return text, text
    found: RowDict = {name: own.get(name) for name in ("raw_text", "text")}
    raw = next((value for value in found.values() if isinstance(value, str) and value.strip()), text)
    return raw, normalised
