"""What targets of speech want of a row beside recording and text: speakers, ids, one line of text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from mmcheck.core.digests import digest_bytes
from mmcheck.core.types import Row
from mmcheck.export.records import ExportRow
from mmcheck.formats.base import OutputRow
from mmcheck.formats.sorted_lines import SortedLines
from mmcheck.media.suffixes import known_ending

_NOT_PLAIN = re.compile(r"[^\w.+=@#%-]+")
_LONGEST = 150  # bytes of a name made of an id; our own choice: names of files may have 255 with all that is added
_SPEAKERS = ("speaker", "speaker_id", "speaker_name", "spk_id", "spk", "client_id")
"""Columns that name who speaks, as the layouts of speech corpora call them."""


def speaker_of(row: ExportRow) -> str | None:
    """Return who speaks, if a column of the row says so."""
    found: Row = row.sample.row
    supervisions = found.get("supervisions")
    if isinstance(supervisions, list) and supervisions and isinstance(supervisions[0], Mapping):
        found = supervisions[0]
    return next((name for column in _SPEAKERS if (name := _name(found.get(column)))), None)


def one_line(text: str) -> str:
    """Return a text with single blanks between its words, whatever parted them: for lists of one line a row."""
    return " ".join(text.split())


def recording_id(path: str) -> str:
    """Return an id for the recording at a path: its name, and a digest, since names repeat in other folders."""
    stem = posixpath.splitext(posixpath.basename(path.partition("?")[0]))[0]
    return f"{plain_name(stem)}-{digest_bytes(path.encode('utf-8', 'surrogateescape'))[:8]}"


def plain_name(text: str) -> str:
    """Return an id as one word that can be the name of a file as well; other ids may give the same.

    It never holds a tilde, by which ``UniqueNames`` tells such ids apart.
    """
    stem = text[: -len(ending)] if (ending := known_ending(text)) else text
    short = _NOT_PLAIN.sub("_", stem).strip("._").encode()[:_LONGEST].decode(errors="ignore")
    return short or "row"


class UniqueNames:
    """Names of rows, made of their ids: plain words, each once.

    Args:
        rows: The rows; they are gone through once.
        folder: For what does not fit into memory.
    """

    def __init__(self, rows: Iterable[ExportRow], folder: Path) -> None:
        names = SortedLines(folder)
        for row in rows:
            names.add(plain_name(row.sample.id).encode())
        self._repeated = {name for name, same in groupby(names) if sum(1 for _ in same) > 1}

    def of(self, row: ExportRow) -> str:
        """Return the name of a row; its number in the run follows where its id alone would not tell it from others."""
        name = plain_name(row.sample.id)
        return name if name.encode() not in self._repeated else f"{name}~{row.index:09d}"


def own_row(row: ExportRow, manifest: str, columns: Row, added: Row) -> OutputRow:
    """Return a row of other columns, for the format that writes this layout; it names no medium for it to look after.

    Args:
        row: The row.
        manifest: What the format takes for the input, which it names its output by.
        columns: The columns.
        added: The new columns.
    """
    sample = replace(
        row.sample, manifest=manifest, row=columns, image=None, audio=None, further=(), item=None, split=()
    )
    return OutputRow(sample=sample, extra=added)


def _name(value: Any) -> str:
    return one_line(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""
