"""Records of CSV and TSV: where one ends, and what its fields are, in each way in which quotes are written.

A record keeps its text, so that cells which did not change are written as they were, quotes included.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mmcheck.formats.paths import media_kind
from mmcheck.formats.text_source import Line

Quoting = Literal["minimal", "backslash", "none"]
"""``minimal``: a quote in a quoted field is doubled. ``backslash``: it has a backslash before it (Spark, MySQL).
``none``: quotes are text like any other."""
QUOTE = '"'
MAX_RECORD_LINES = 1000
"""Lines; a quoted field that spans more is treated as a stray quote. Our own choice: no caption has as many."""

_QUOTED = {
    "minimal": re.compile(r'"(?:[^"]|"")*"'),
    "backslash": re.compile(r'"(?:[^"\\]|\\.|"")*"', re.DOTALL),
}
_ESCAPED = re.compile(r'\\(["\\])|"(")')
_BEHIND_QUOTE = (
    "has text after a closing quote, so it is unclear where its fields end; quotes inside a quoted field are "
    "doubled; set input.quoting for files with other quotes (backslash, none)"
)
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One CSV record, which may span several lines."""

    lines: tuple[Line, ...]
    """Its lines."""
    fields: tuple[str, ...]
    """Its fields, unquoted; empty if it is broken."""
    cause: str | None = None
    """Why it is broken: stable word."""
    message: str = ""
    """Half a sentence."""

    @property
    def text(self) -> str:
        """The record as it is written, without its last line end."""
        return join_lines(self.lines)


def read_records(lines: Iterator[Line], delimiter: str, quoting: Quoting = "minimal") -> Iterator[Record]:
    """Yield the records made of ``lines``. A quote that is never closed costs one line, not the rest of the file."""
    queue: deque[Line] = deque()
    while True:
        line = queue.popleft() if queue else next(lines, None)
        if line is None:
            return
        if not line.text:
            continue
        if quoting == "none" or QUOTE not in line.text or line.fault is not None:
            yield _record((line,), delimiter, quoting)
            continue
        group = [line]
        is_open = _ends_open(line.text, delimiter, False, quoting)
        while is_open and len(group) <= MAX_RECORD_LINES:
            more = queue.popleft() if queue else next(lines, None)
            if more is None:
                break
            group.append(more)
            is_open = _ends_open(more.text, delimiter, True, quoting)
        if is_open:
            message = "opens a quoted field that is not closed"
            yield Record(lines=(line,), fields=(), cause="unclosed_quote", message=message)
            queue.extendleft(reversed(group[1:]))
            continue
        record = _record(tuple(group), delimiter, quoting)
        if len(group) > 1 and _has_swallowed(record, delimiter):
            message = "opens a quoted field that swallows the rows below; a quote inside a field must be doubled"
            yield Record(lines=(line,), fields=(), cause="unclosed_quote", message=message)
            queue.extendleft(reversed(group[1:]))
            continue
        yield record


def join_lines(lines: Sequence[Line]) -> str:
    """Return the text of consecutive lines with the line ends between them, without the last one."""
    return "".join(line.text + line.end for line in lines[:-1]) + lines[-1].text


def write_cells(cells: Sequence[object], delimiter: str, quoting: Quoting) -> str:
    """Return one record of cells, without its line end, quoted where it must be."""
    if quoting == "minimal":
        text = io.StringIO()
        # The writer quotes a line end inside a cell only if it is part of the line terminator.
        csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
        return text.getvalue().removesuffix("\r\n")
    return delimiter.join(_written(str(cell), delimiter, quoting) for cell in cells)


def raw_fields(text: str, delimiter: str, quoting: Quoting) -> list[tuple[str, str]] | None:
    """Return each field of a record as it is written and as it is meant; None if a quote does not close at its end."""
    if quoting == "none":
        return [(field, field) for field in text.split(delimiter)]
    found: list[tuple[str, str]] = []
    position = 0
    while True:
        if text.startswith(QUOTE, position):
            match = _QUOTED[quoting].match(text, position)
            if match is None:
                return None
            end = match.end()
            if end < len(text) and text[end] != delimiter:
                return None
            inner = match.group()[1:-1]
            found.append((match.group(), _meant(inner, quoting)))
        else:
            end = text.find(delimiter, position)
            end = len(text) if end < 0 else end
            found.append((text[position:end], text[position:end]))
        if end >= len(text):
            return found
        position = end + len(delimiter)


def _meant(inner: str, quoting: Quoting) -> str:
    if quoting == "minimal":
        return inner.replace(QUOTE * 2, QUOTE)
    return _ESCAPED.sub(lambda match: match.group(1) or match.group(2), inner)


def _written(cell: str, delimiter: str, quoting: Quoting) -> str:
    if quoting == "none":
        # There is no way to say that these belong to the cell.
        return re.sub(rf"[{re.escape(delimiter)}\r\n]+", " ", cell)
    if not any(mark in cell for mark in (delimiter, QUOTE, "\r", "\n")):
        return cell
    escaped = cell.replace("\\", "\\\\").replace(QUOTE, "\\" + QUOTE)
    return f"{QUOTE}{escaped}{QUOTE}"


def _record(lines: tuple[Line, ...], delimiter: str, quoting: Quoting) -> Record:
    for line in lines:
        if line.fault is not None:
            return Record(lines=lines, fields=(), cause="encoding", message=line.fault)
        if "\0" in line.text:
            return Record(lines=lines, fields=(), cause="nul_bytes", message="holds a NUL byte")
        try:
            line.text.encode("utf-8")
        except UnicodeEncodeError:
            return Record(lines=lines, fields=(), cause="encoding", message="holds half of a surrogate pair")
    text = join_lines(lines)
    if quoting == "none" or QUOTE not in text:
        return Record(lines=lines, fields=tuple(text.split(delimiter)))
    if quoting == "backslash":
        found = raw_fields(text, delimiter, quoting)
        if found is None:
            return Record(lines=lines, fields=(), cause="broken_csv", message=_BEHIND_QUOTE)
        return Record(lines=lines, fields=tuple(value for _, value in found))
    try:
        # Without ``strict`` the quotes of ``"Quiet" says the sign`` would be lost in silence.
        fields = tuple(next(csv.reader([text], delimiter=delimiter, quotechar=QUOTE, strict=True), ()))
    except csv.Error as error:
        is_stray = "expected after" in str(error)
        message = _BEHIND_QUOTE if is_stray else f"is not valid CSV: {error}"
        return Record(lines=lines, fields=(), cause="broken_csv", message=message)
    return Record(lines=lines, fields=fields)


def _has_swallowed(record: Record, delimiter: str) -> bool:
    """Return whether a record of several lines is rather a stray quote and the rows behind it.

    A table written without quoting loses rows this way without any error: a text that begins with a quote runs on to
    the next quote, however far that is.
    """
    if record.cause == "broken_csv":
        return True
    if delimiter == "\t" and any("\t" in field and "\n" in field for field in record.fields):
        return True
    # Do the lines below have a path just where this record has its own?
    places = [place for place, field in enumerate(record.fields) if media_kind(field)]
    below = [line.text.split(delimiter) for line in record.lines[1:]]
    return any(len(row) == len(record.fields) and any(media_kind(row[p]) for p in places) for row in below)


def _ends_open(text: str, delimiter: str, is_open: bool, quoting: Quoting) -> bool:
    # csv's rule: a quote opens a field only at its beginning; inside, two quotes are one.
    position, size = 0, len(text)
    start = not is_open
    while position < size:
        if is_open:
            place = text.find(QUOTE, position)
            if quoting == "backslash":
                escape = text.find("\\", position)
                if 0 <= escape and (place < 0 or escape < place):
                    position = escape + 2
                    continue
            if place < 0:
                return True
            position = place
            if text[position + 1 : position + 2] == QUOTE:
                position += 2
                continue
            is_open, start = False, False
            position += 1
        elif start and text[position] == QUOTE:
            is_open = True
            position += 1
        else:
            position = text.find(delimiter, position)
            if position < 0:
                return False
            position += 1
            start = True
    return is_open
