"""What a CSV file looks like: delimiter, header, and where a record ends.

The standard library's Sniffer guesses badly on captions (they are full of commas), so candidates are tried and judged
by what a manifest must show: the same number of fields in each record, a known header or a column of media paths.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mmcheck.config import InputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.formats import columns as names
from mmcheck.formats.paths import media_kind
from mmcheck.formats.text_source import Line, looks_binary, read_head, sniff_encoding

DELIMITERS = ("\t", ",", ";", "|")
QUOTE = '"'
MAX_RECORD_LINES = 1000
"""A quoted field that spans more lines is taken for a stray quote."""

_KNOWN = frozenset(
    (
        *names.IDS,
        *names.IMAGES,
        *names.AUDIOS,
        *names.MEDIA,
        *names.CAPTIONS,
        *names.WEAK_CAPTIONS,
        *names.TRANSCRIPTS,
        *names.WEAK_TRANSCRIPTS,
        *names.TEXTS,
        *names.LANGUAGES,
    )
)
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvDialect:
    """How one CSV file is written."""

    delimiter: str
    """One character."""
    header: tuple[str, ...] | None
    """Cells of the first record if it is a header, as they are written."""
    width: int
    """Number of fields of a record."""
    certain: bool
    """Whether the content speaks for a manifest: a known column name or a media path."""

    def columns(self) -> list[str]:
        """Return a unique name for each field: the header's, ``column_<n>`` where it has none or is empty."""
        found: list[str] = []
        for index in range(self.width):
            cell = self.header[index].strip() if self.header and index < len(self.header) else ""
            name = cell or f"column_{index + 1}"
            count = 1
            while name in found:
                count += 1
                name = f"{cell or f'column_{index + 1}'}#{count}"
            found.append(name)
        return found


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


def sniff_csv(manifest: str, options: InputConfig) -> CsvDialect:
    """Return the dialect of ``manifest``.

    Raises:
        ManifestError: If it cannot be opened, is binary, or is nothing like CSV.
    """
    head = read_head(manifest)
    codec, bom = sniff_encoding(head, options.encoding)
    if looks_binary(head):
        raise ManifestError(f"manifest {manifest} is not text: it holds binary data.", hint="give the manifest itself.")
    text = head[bom:].decode(codec, "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(head) >= 1 << 16 and len(lines) > 1:
        lines.pop()
    sample = [Line(number=number, text=line) for number, line in enumerate(lines, 1)]
    if not text.strip():
        return CsvDialect(delimiter=options.delimiter or _by_name(manifest), header=None, width=0, certain=False)
    candidates = (options.delimiter,) if options.delimiter else DELIMITERS
    scored = []
    for delimiter in candidates:
        records = [record.fields for record in read_records(iter(sample), delimiter) if record.cause is None][:200]
        if records:
            scored.append((_score(records, delimiter == _by_name(manifest)), delimiter, records))
    if not scored:
        raise ManifestError(f"manifest {manifest} holds no CSV record that can be read.")
    _, delimiter, records = max(scored, key=lambda item: item[0])
    header = _header(records, options.has_header)
    width = len(header) if header else _usual_width(records)
    return CsvDialect(delimiter=delimiter, header=header, width=width, certain=_is_certain(records, header))


def read_records(lines: Iterator[Line], delimiter: str) -> Iterator[Record]:
    """Yield the records made of ``lines``. A quote that is never closed costs one line, not the rest of the file."""
    queue: deque[Line] = deque()
    while True:
        line = queue.popleft() if queue else next(lines, None)
        if line is None:
            return
        if not line.text:
            continue
        if QUOTE not in line.text or line.fault is not None:
            yield _record((line,), delimiter)
            continue
        group = [line]
        is_open = _ends_open(line.text, delimiter, False)
        while is_open and len(group) <= MAX_RECORD_LINES:
            more = queue.popleft() if queue else next(lines, None)
            if more is None:
                break
            group.append(more)
            is_open = _ends_open(more.text, delimiter, True)
        if is_open:
            message = "opens a quoted field that is not closed"
            yield Record(lines=(line,), fields=(), cause="unclosed_quote", message=message)
            queue.extendleft(reversed(group[1:]))
            continue
        record = _record(tuple(group), delimiter)
        if len(group) > 1 and _has_swallowed(record, delimiter):
            message = "opens a quoted field that swallows the rows below; a quote inside a field must be doubled"
            yield Record(lines=(line,), fields=(), cause="unclosed_quote", message=message)
            queue.extendleft(reversed(group[1:]))
            continue
        yield record


def join_lines(lines: Sequence[Line]) -> str:
    """Return the text of consecutive lines with the line ends between them, without the last one."""
    return "".join(line.text + line.end for line in lines[:-1]) + lines[-1].text


def _record(lines: tuple[Line, ...], delimiter: str) -> Record:
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
    try:
        fields = tuple(next(csv.reader([text], delimiter=delimiter, quotechar=QUOTE), ()))
    except csv.Error as error:
        return Record(lines=lines, fields=(), cause="broken_csv", message=f"is not valid CSV: {error}")
    return Record(lines=lines, fields=fields)


def _has_swallowed(record: Record, delimiter: str) -> bool:
    """Return whether a record of several lines is rather a stray quote and the rows behind it.

    A table written without quoting loses rows this way without any error: a text that begins with a quote runs on to
    the next quote, however far that is.
    """
    try:
        list(csv.reader([record.text], delimiter=delimiter, quotechar=QUOTE, strict=True))
    except csv.Error:
        return True
    if delimiter == "\t" and any("\t" in field and "\n" in field for field in record.fields):
        return True
    # Do the lines below have a path just where this record has its own?
    places = [place for place, field in enumerate(record.fields) if media_kind(field)]
    below = [line.text.split(delimiter) for line in record.lines[1:]]
    return any(len(row) == len(record.fields) and any(media_kind(row[p]) for p in places) for row in below)


def _ends_open(text: str, delimiter: str, is_open: bool) -> bool:
    # csv's rule: a quote opens a field only at its beginning; inside, two quotes are one.
    position, size = 0, len(text)
    start = not is_open
    while position < size:
        if is_open:
            position = text.find(QUOTE, position)
            if position < 0:
                return True
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


def _score(records: Sequence[tuple[str, ...]], fits_name: bool) -> tuple[bool, bool, float, bool, int]:
    width = _usual_width(records)
    even = sum(len(record) == width for record in records) / len(records)
    return (width > 1, _is_certain(records, _header(records, None)), even, fits_name, -width)


def _usual_width(records: Sequence[tuple[str, ...]]) -> int:
    widths = [len(record) for record in records]
    return max(set(widths), key=lambda width: (widths.count(width), width == widths[0], width))


def _header(records: Sequence[tuple[str, ...]], wanted: bool | None) -> tuple[str, ...] | None:
    if not records or wanted is False:
        return None
    first = records[0]
    if wanted:
        return first
    if any(media_kind(cell) for cell in first):
        return None
    if any(cell.strip().lower() in _KNOWN for cell in first):
        return first
    below = any(media_kind(cell) for record in records[1:] for cell in record)
    return first if below and all(len(cell) < 64 for cell in first) else None


def _is_certain(records: Sequence[tuple[str, ...]], header: tuple[str, ...] | None) -> bool:
    if header and any(cell.strip().lower() in _KNOWN for cell in header):
        return True
    body = records[1:] if header else records
    paths = sum(any(media_kind(cell) for cell in record) for record in body)
    return bool(body) and paths * 2 >= len(body)


def _by_name(manifest: str) -> str:
    name = manifest.lower().removesuffix(".gz").removesuffix(".zst")
    return "\t" if name.endswith((".tsv", ".tab")) else ","
