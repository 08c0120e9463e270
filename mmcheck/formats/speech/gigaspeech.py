"""GigaSpeech: one JSON document whose ``audios`` have ``segments``, each with times and a text with tags."""

from __future__ import annotations

import json
import os
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_row import json_text
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import is_utf8
from mmcheck.formats.json_items import JsonItems
from mmcheck.formats.jsonl import json_line
from mmcheck.formats.new_text import only_mapping
from mmcheck.formats.output_rows import link_or_copy, raw_bytes, with_added
from mmcheck.formats.paths import folder_of, is_inside, join_under
from mmcheck.formats.rows import RAW, until_break
from mmcheck.formats.speech.utterances import UtteranceMaker
from mmcheck.formats.text_source import is_url, looks_binary, open_output, output_name, read_head

_AUDIOS = "audios"
_MARKS = {"<COMMA>": ",", "<PERIOD>": ".", "<QUESTIONMARK>": "?", "<EXCLAMATIONPOINT>": "!"}
"""Tags that stand for punctuation."""
_TAG = re.compile(r"\s*<(?:COMMA|PERIOD|QUESTIONMARK|EXCLAMATIONPOINT)>")
_TAG_OF = {mark: tag for tag, mark in _MARKS.items()}
_PUNCTUATION = re.compile(r"[,.?!](?=\s|$)")
_NO_SPEECH = re.compile(r"<(?:SIL|MUSIC|NOISE|OTHER)>")
"""Tags that stand for what is no speech; a segment of nothing else has an empty text."""


class GigaSpeechFormat:
    """``GigaSpeech.json``; a segment is a sample, joined to its recording's entry again on the way out.

    Args:
        options: Input options.
    """

    name = "gigaspeech"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it begins like a JSON document with ``audios`` of ``segments``."""
        try:
            head = read_head(manifest)
        except ManifestError:
            return Recognised.NO
        text = head.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
        fits = not looks_binary(head) and text.startswith("{") and re.search(r'"audios"\s*:\s*\[\s*[\]{]', text)
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield a sample for each segment; ``row_number`` counts the recordings.

        Raises:
            ManifestError: If it cannot be read, or has no ``audios``.
        """
        yield from until_break(manifest, self._samples(manifest))

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
        """Write a document of the same form; new columns stand with each recording.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options; with ``write_media`` recordings are put where their paths say.
            manifest: The input, whose other members are kept.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        iterator = iter(rows)
        first = next(iterator, None)
        source = first.sample.manifest if first is not None else manifest
        final = folder / output_name(source, stem, ".json")
        before, after = self._frame(source)
        with open_output(final) as file:
            file.write(before.encode())
            mark = b"\n"
            while first is not None:
                line = raw_bytes(first.sample)
                if line is None:
                    line = json_line(with_added(self._entry(first.sample, folder, output), first.extra))
                file.write(mark + line)
                mark = b",\n"
                first = next(iterator, None)
            file.write(b"\n" + after.encode())
        return [final]

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the recording with another text of its segment, punctuation as tags; None if it is not there."""
        segment = only_mapping(sample.row.get("segments"))
        if segment is None:
            return None
        column = "text_tn" if "text_tn" in segment else "text"
        if plain_text(str(segment.get(column, ""))) != sample.transcript:
            return None
        return {**sample.row, "segments": [{**segment, column: _tagged(text)}]}

    def _frame(self, source: str) -> tuple[str, str]:
        items = JsonItems(source, _AUDIOS, self._options.encoding)
        try:
            for _ in items:
                pass
        except ManifestError:
            pass
        return items.before or '{"audios":[', items.after

    def _entry(self, sample: Sample, folder: Path, output: OutputConfig) -> Mapping[str, Any]:
        row = sample.row
        path = row.get("path")
        ref = sample.audio
        if ref is None or is_url(ref.uri) or not isinstance(path, str):
            return row
        if output.write_media and os.path.isfile(ref.uri) and is_inside(path):
            link_or_copy(ref.uri, folder, path)
            return row
        if output.paths == "keep":
            return row
        return {**row, "path": ref.uri if output.paths == "absolute" else os.path.relpath(ref.uri, folder)}

    def _samples(self, manifest: str) -> Iterator[Sample]:
        maker = UtteranceMaker(manifest, self._options)
        base = folder_of(manifest)
        for number, entry in enumerate(JsonItems(manifest, _AUDIOS, self._options.encoding), 1):
            if not is_utf8(json_text(entry)):
                message = "holds half of a surrogate pair, which is not a character"
                yield maker.problem(number, {RAW: json.dumps(entry)}, "encoding", message)
                continue
            segments = entry.get("segments") if isinstance(entry, dict) else None
            if not isinstance(entry, dict) or not isinstance(segments, list) or not isinstance(entry.get("path"), str):
                row = entry if isinstance(entry, dict) else {RAW: json.dumps(entry)}
                yield maker.problem(number, row, "no_segments", "is no recording with a `path` and `segments`")
                continue
            uri = join_under(base, entry["path"])
            several = len(segments) > 1
            for index, segment in enumerate(segments):
                yield self._sample(maker, number, entry, segment, uri, index if several else None)

    def _sample(
        self, maker: UtteranceMaker, number: int, entry: dict[str, Any], segment: object, uri: str, item: int | None
    ) -> Sample:
        row = {**entry, "segments": [segment]}
        found: Mapping[str, Any] = segment if isinstance(segment, Mapping) else {}
        id = str(found.get("sid") or f"{entry.get('aid') or posixpath.basename(uri)}:{item or 0}")
        start, end = _time(found.get("begin_time")), _time(found.get("end_time"))
        if start is None or end is None or end <= start:
            times = f"begin_time {found.get('begin_time')!r:.20}, end_time {found.get('end_time')!r:.20}"
            message = f"has no usable segment: {times}"
            return maker.problem(number, row, "bad_segment", message, id=id)
        text = found.get("text_tn", found.get("text"))
        return maker.sample(
            number,
            row,
            id=id,
            audio=MediaRef(uri=uri, start=start, duration=round(end - start, 6)),
            text=plain_text(text if isinstance(text, str) else ""),
            item=item,
            split=("segments",) if item is not None else (),
        )


def plain_text(text: str) -> str:
    """Return a text of GigaSpeech with its tags for punctuation as punctuation, and those for noises left out."""
    marked = _TAG.sub(lambda match: _MARKS[match.group().strip()], text)
    return " ".join(_NO_SPEECH.sub(" ", marked).split())


def _tagged(text: str) -> str:
    """Return a text with its punctuation as GigaSpeech's tags."""
    return _PUNCTUATION.sub(lambda match: f" {_TAG_OF[match.group()]}", text)


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
        return None
    return float(value)
