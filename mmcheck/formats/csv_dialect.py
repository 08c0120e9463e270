"""What a CSV file looks like: delimiter, header, and how quotes are written.

The standard library's Sniffer guesses badly on captions (they are full of commas), so candidates are tried and judged
by what a manifest must show: the same number of fields in each record, a known header or a column of media paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from mmcheck.config import InputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.formats import columns as names
from mmcheck.formats.compression import without_packing
from mmcheck.formats.csv_records import QUOTE, Quoting, Record, raw_fields, read_records
from mmcheck.formats.paths import is_video, media_kind
from mmcheck.formats.text_source import Line, looks_binary, read_head, sniff_encoding

DELIMITERS = ("\t", ",", ";", "|")
_RECORDS = 200  # records looked at; our own choice: quick, and enough for the rarest sign

BARE_RETURNS = (
    "text whose lines end with carriage returns alone, as on old Macintoshes",
    "tr '\\r' '\\n' < IN > OUT, then scan OUT.",
)
"""What a manifest without any newline is, and what to do about it."""

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
    quoting: Quoting = "minimal"
    """How quotes are written."""
    end: str = "\n"
    """Line end of the first line."""
    places: tuple[int, ...] = ()
    """Fields that hold the name of a media file in most records."""

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
    if has_bare_returns(text):
        raise ManifestError(f"manifest {manifest} is {BARE_RETURNS[0]}.", hint=BARE_RETURNS[1])
    lines = text.replace("\r\n", "\n").split("\n")
    if len(head) >= 1 << 16 and len(lines) > 1:
        lines.pop()
    sample = [Line(number=number, text=line) for number, line in enumerate(lines, 1)]
    if not text.strip():
        return CsvDialect(delimiter=options.delimiter or _by_name(manifest), header=None, width=0, certain=False)
    candidates = (options.delimiter,) if options.delimiter else DELIMITERS
    scored = []
    for delimiter in candidates:
        quoting, found = _quoting(sample, text, delimiter, options.quoting)
        records = [record.fields for record in found if record.cause is None]
        if records:
            score = _score(records, len(found), delimiter == _by_name(manifest))
            scored.append((score, delimiter, quoting, records))
    if not scored:
        raise ManifestError(f"manifest {manifest} holds no CSV record that can be read.")
    _, delimiter, quoting, records = max(scored, key=lambda item: item[0])
    header = _header(records, options.has_header)
    width = len(header) if header else _usual_width(records)
    return CsvDialect(
        delimiter=delimiter,
        header=header,
        width=width,
        certain=_is_certain(records, header),
        quoting=quoting,
        end="\r\n" if text.partition("\n")[0].endswith("\r") else "\n",
        places=_places(records[1:] if header else records, width),
    )


def has_bare_returns(text: str) -> bool:
    """Return whether the beginning of a manifest has lines, but none that ends with a newline."""
    return "\n" not in text and text.rstrip("\r").count("\r") > 1


def _quoting(
    sample: Sequence[Line], text: str, delimiter: str, wanted: Literal["auto"] | Quoting
) -> tuple[Quoting, list[Record]]:
    """Return how quotes are written, and the first records read that way."""

    def read(quoting: Quoting) -> list[Record]:
        return list(islice(read_records(iter(sample), delimiter, quoting), _RECORDS))

    if wanted != "auto":
        return wanted, read(wanted)
    usual = read("minimal")
    if QUOTE not in text or (bad := _bad(usual)) == 0:
        return "minimal", usual
    if "\\" + QUOTE in text:
        escaped = read("backslash")
        if _bad(escaped) < bad:
            return "backslash", escaped
    # A few stray quotes do not make a table one without quoting: that wants more of them than of what only quoting
    # explains.
    stray = sum(record.cause in ("broken_csv", "unclosed_quote") for record in usual)
    if stray > sum(_needs_quotes(record, delimiter) for record in usual):
        plain = read("none")
        if _bad(plain) < bad:
            return "none", plain
    return "minimal", usual


def _bad(records: Sequence[Record]) -> int:
    fields = [record.fields for record in records if record.cause is None]
    width = _usual_width(fields) if fields else 0
    return len(records) - sum(len(field) == width for field in fields)


def _needs_quotes(record: Record, delimiter: str) -> bool:
    if record.cause is not None or QUOTE not in record.text:
        return False
    if any(delimiter in field or "\n" in field for field in record.fields):
        return True
    pieces = raw_fields(record.text, delimiter, "minimal") or []
    quoted = [written for written, _ in pieces if written.startswith(QUOTE)]
    # A field alone may be all quotation; doubled quotes inside, or quotes around each field, are a writer's.
    return any(QUOTE * 2 in written[1:-1] for written in quoted) or (len(quoted) > 1 and len(quoted) == len(pieces))


def _places(records: Sequence[tuple[str, ...]], width: int) -> tuple[int, ...]:
    whole = [record for record in records if len(record) == width]
    return tuple(
        place for place in range(width) if sum(_names_file(record[place]) for record in whole) * 2 >= len(whole) > 0
    )


def _score(records: Sequence[tuple[str, ...]], total: int, fits_name: bool) -> tuple[bool, bool, float, bool, int]:
    width = _usual_width(records)
    even = sum(len(record) == width for record in records) / total
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
    paths = sum(any(map(_names_file, record)) for record in body)
    return bool(body) and paths * 2 >= len(body)


def _names_file(cell: str) -> bool:
    return media_kind(cell) is not None or is_video(cell)


def _by_name(manifest: str) -> str:
    name = without_packing(manifest.lower())
    return "\t" if name.endswith((".tsv", ".tab")) else ","
