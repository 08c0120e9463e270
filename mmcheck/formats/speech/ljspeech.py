"""Lists of TTS corpora: ``id|raw text|normalised text`` (LJSpeech), ``id|text`` and ``id|speaker|text`` (Piper, Coqui).

The recordings lie in ``wavs/`` (or ``wav/``) and are named without their ending. Lists of paths (``wavs/x.wav|text``)
are read by ``csv``.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import MediaRef, Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.jsonl import broken_line
from mmcheck.formats.output_rows import raw_bytes
from mmcheck.formats.paths import folder_of, is_folder, join_under, media_kind
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.rows import until_break
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.speech.utterances import RecordingFinder, UtteranceMaker
from mmcheck.formats.text_source import Line, is_url, looks_binary, open_output, output_name, read_head, read_lines

_BAR = "|"
_LIST = "metadata.csv"
_FOLDERS = ("wavs", "wav", "audio", "clips")
"""Folders beside the list that hold the recordings; the first is LJSpeech's, the second is tried by Piper as well."""
_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")
_LINES = 64  # lines looked at to tell what the columns are; our own choice: quick, and beyond a few odd ones
_COLUMNS = {
    "text": ("id", "text"),
    "speaker": ("id", "speaker", "text"),
    "normalised": ("id", "text", "normalized_text"),
}
"""What the list holds beside ids -> its columns."""
_TEXTS = ("normalized_text", "text")
"""Columns of texts, the one that is judged first."""


class LjSpeechFormat:
    """A list of TTS, or the folder with ``metadata.csv`` and ``wavs/``.

    Where a row has a normalised text, that is the transcript, because it is what TTS trains on; ``columns.transcript:
    text`` takes the raw one.

    Args:
        options: Input options.
    """

    name = "ljspeech"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a list of ids with bars whose recordings are there, or a folder with such a list."""
        if is_folder(manifest):
            if _LIST not in top_names(manifest):
                return Recognised.NO
            manifest = join_under(manifest, _LIST)
        fields = _first_fields(manifest)
        if _kind(fields) is None:
            return Recognised.NO
        ids = [record[0] for record in fields]
        if any(media_kind(id) and os.path.exists(join_under(folder_of(manifest), id)) for id in ids):
            return Recognised.NO  # a list of paths
        folders = [join_under(folder_of(manifest), name) for name in _FOLDERS]
        there = {name for folder in folders for name in top_names(folder)}
        fits = any(id + suffix in there for id in ids for suffix in ("", *_SUFFIXES) if suffix or media_kind(id))
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples; ``row_number`` is the line.

        Raises:
            ManifestError: If it cannot be read, or is no list of two or three columns.
        """
        file = join_under(manifest, _LIST) if is_folder(manifest) else manifest
        yield from until_break(file, self._samples(file))

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
        """Write the list anew with its ids, and links to the recordings in ``wavs/`` beside it.

        Whoever reads the list by position would mistake new columns for its own: what they would hold goes into
        ``<stem>.reasons.jsonl``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix; of a scanned folder, the name of what is written.
            output: Output options.
            manifest: The input, for the name of what is written.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        is_whole = bool(manifest) and is_folder(manifest)
        root = folder / stem if is_whole else folder
        encoding = self._options.encoding
        final: Path | None = root / _LIST if is_whole else None
        reasons = Reasons(root, stem)
        iterator = iter(rows)
        first = next(iterator, None)
        if final is None:
            final = root / output_name(first.sample.manifest if first else manifest, stem, ".csv")
        with open_output(final) as file:
            while first is not None:
                sample = first.sample
                line = raw_bytes(sample, encoding)
                if line is None:
                    line = _BAR.join(str(value) for value in sample.row.values()).encode(encoding, "backslashreplace")
                file.write(line + b"\n")
                if first.extra:
                    reasons.add(first)
                if sample.audio is not None:
                    _place(sample.audio.uri, str(sample.row["id"]), root, output)
                first = next(iterator, None)
        return [final, *reasons.write()]

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another transcript; None if it is not there."""
        return UtteranceMaker(sample.manifest, self._options, _TEXTS).with_text(sample, text)

    def _samples(self, manifest: str) -> Iterator[Sample]:
        kind = _kind(_first_fields(manifest))
        if kind is None:
            if _is_empty(manifest):
                return
            raise ManifestError(
                f"manifest {manifest} is no list of `id|text`, `id|speaker|text` or `id|text|normalised text`.",
                hint="its lines want two or three fields with bars between them; name another --format.",
            )
        columns = _COLUMNS[kind]
        maker = UtteranceMaker(manifest, self._options, _TEXTS)
        finder = RecordingFinder(_SUFFIXES)
        folder = folder_of(manifest)
        places = _places(folder)
        for line in read_lines(manifest, self._options.encoding):
            if not line.text.strip() and line.fault is None:
                continue
            fields = line.text.split(_BAR)
            fault = _fault(line, fields, columns)
            if fault is not None:
                yield maker.broken(broken_line(line, *fault))
                continue
            row = dict(zip(columns, fields, strict=True))
            id = fields[0].strip()
            stems = [join_under(place, id) for place in places]
            # Piper takes names with their ending as well.
            uri = next(filter(os.path.exists, stems), stems[0]) if media_kind(id) else finder.find(stems)
            yield maker.sample(line.number, row, id=id, audio=MediaRef(uri=uri))


def _places(folder: str) -> list[str]:
    there = top_names(folder)
    return [join_under(folder, name) for name in _FOLDERS if name in there] or [join_under(folder, _FOLDERS[0])]


def _place(uri: str, id: str, root: Path, output: OutputConfig) -> None:
    parent = posixpath.basename(posixpath.dirname(uri))
    place = parent if parent in _FOLDERS else _FOLDERS[0]
    ending = "" if media_kind(id) else posixpath.splitext(uri)[1]
    place_media(uri, root, f"{place}/{id}{ending}", output)


def _fault(line: Line, fields: Sequence[str], columns: Sequence[str]) -> tuple[str, str] | None:
    if line.fault is not None:
        return "encoding", line.fault
    if "\0" in line.text:
        return "nul_bytes", "holds a NUL byte"
    if len(fields) != len(columns):
        return "ragged", f"has {count_noun(len(fields), 'field')} instead of {len(columns)} ({', '.join(columns)})"
    id = fields[0].strip()
    if not id or ".." in id.replace("\\", "/").split("/") or is_url(id) or id.startswith("/"):
        return "bad_path", f"names no recording: its id is {id!r:.80}"
    return None


def _first_fields(manifest: str) -> list[list[str]]:
    """Return the fields of the first lines; none if it is no text or cannot be read. Never raises."""
    try:
        head = read_head(manifest)
    except ManifestError:
        return []
    if looks_binary(head):
        return []
    lines = head.decode("utf-8", "replace").lstrip("\ufeff").split("\n")[:_LINES]
    return [line.rstrip("\r").split(_BAR) for line in lines if line.strip()]


def _is_empty(manifest: str) -> bool:
    return not read_head(manifest).strip()


def _kind(records: Sequence[Sequence[str]]) -> str | None:
    """Return what the lists of fields hold; None if they are no list of TTS."""
    widths = [len(record) for record in records]
    width = max(set(widths), key=widths.count) if widths else 0
    whole = [record for record in records if len(record) == width]
    if width not in (2, 3) or len(whole) * 2 < len(records):
        return None
    if any(not record[0].strip() or "\t" in record[0] for record in whole):
        return None
    if width == 2:
        return "text"
    # A speaker is one word beside sentences; a raw text has as many words as the normalised one, about.
    single = sum(len(record[1].split()) <= 1 for record in whole)
    longer = sum(len(record[2].split()) > 1 for record in whole)
    return "speaker" if single * 10 >= 9 * len(whole) and longer * 2 > len(whole) else "normalised"
