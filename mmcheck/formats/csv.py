"""CSV and TSV, open_clip's ``filepath``/``title`` tables included."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.columns import EXAMPLE_ROWS, RoleFinder
from mmcheck.formats.compression import without_packing
from mmcheck.formats.csv_dialect import CsvDialect, sniff_csv
from mmcheck.formats.csv_records import QUOTE, Record, raw_fields, read_records, write_cells
from mmcheck.formats.jsonl import ascii_compatible, first_objects
from mmcheck.formats.output_rows import RowWriter, media_place, raw_bytes
from mmcheck.formats.paths import Modality, folder_of, media_kind
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.rows import RAW, RAW_BYTES, RawRow, SampleMaker, configured_missing, until_break
from mmcheck.formats.text_source import Line, open_output, output_name, read_lines

_SUFFIXES = (".csv", ".tsv", ".tab")


class CsvFormat:
    """Manifest of delimited records.

    Relative paths start from the manifest's folder; where nothing lies there, from the working directory, as
    open_clip's training script reads them.

    Args:
        options: Input options: ``delimiter`` and ``has_header`` override what is sniffed.
    """

    name = "csv"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it has records of several fields and a known column, or a column of media paths."""
        named = without_packing(manifest.lower()).endswith(_SUFFIXES)
        try:
            if first_objects(manifest, self._options.encoding):
                return Recognised.NO
            dialect = sniff_csv(manifest, self._options)
        except ManifestError:
            return Recognised.NO
        fits = named if dialect.width == 0 else dialect.certain and (dialect.width > 1 or named)
        return Recognised.SHAPE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest``; a record's number is the line where it starts, the header counted.

        Raises:
            ManifestError: If it cannot be opened, is not text, or lacks a configured column.
        """
        return self.read_as(manifest, None, try_cwd=True)

    def read_as(
        self,
        manifest: str,
        modality: Modality | None,
        *,
        try_cwd: bool = False,
        inside_only: bool = False,
        base: str | None = None,
    ) -> Iterator[Sample]:
        """Yield the samples of ``manifest`` as ``read`` does, for a format that keeps its rows in CSV.

        Args:
            manifest: The manifest.
            modality: What generic columns hold where their values do not tell.
            try_cwd: Whether the working directory is tried for relative paths.
            inside_only: Whether media must lie below the manifest's folder.
            base: Folder that relative paths start from; None: the manifest's own.
        """
        return until_break(manifest, self._samples(manifest, modality, try_cwd, inside_only, base))

    def raw_rows(self, manifest: str) -> Iterator[RawRow]:
        """Yield the rows of ``manifest`` as they are parsed, for a format that makes samples of its own of them.

        Raises:
            ManifestError: If it cannot be opened or is not text.
        """
        return self._rows(manifest, sniff_csv(manifest, self._options))

    def _samples(
        self, manifest: str, modality: Modality | None, try_cwd: bool, inside_only: bool, base: str | None
    ) -> Iterator[Sample]:
        dialect = sniff_csv(manifest, self._options)
        examples: list[Row] = []
        try:
            good = (_without_text(row.row) for row in self._rows(manifest, dialect) if row.cause is None)
            examples.extend(islice(good, EXAMPLE_ROWS))
        except ManifestError:
            pass
        finder = RoleFinder(self._options.columns, examples=examples, modality=modality, template=self._options.path)
        if dialect.width:
            configured_missing(manifest, finder, dialect.columns())
        maker = SampleMaker(
            manifest,
            self._options,
            finder,
            base=folder_of(manifest) if base is None else base,
            try_cwd=try_cwd,
            inside_only=inside_only,
        )
        yield from maker.all(self._rows(manifest, dialect))

    def _rows(self, manifest: str, dialect: CsvDialect) -> Iterator[RawRow]:
        columns = dialect.columns()
        has_header = dialect.header is not None
        last: Record | None = None
        is_rest = False
        for record in read_records(read_lines(manifest, self._options.encoding), dialect.delimiter, dialect.quoting):
            if has_header and record.cause is None and record.fields == dialect.header:
                has_header = False
                continue
            continues = is_rest_of_text(record, dialect)
            if last is not None:
                yield _row(last, dialect, columns, is_rest=is_rest, is_cut=continues)
            last, is_rest = record, continues
        if last is not None:
            yield _row(last, dialect, columns, is_rest=is_rest, is_cut=False)

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
        keep_paths: bool = False,
        media_folder: str | None = None,
    ) -> list[Path]:
        """Write ``rows`` with the delimiter and header of the input, new columns last.

        A list without a header gets no columns, which whoever reads it by position would take for something else: what
        they would hold goes into ``<stem>.reasons.jsonl`` beside it.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input manifest, for the header of an output without rows.
            added: Types of the new columns.
            keep_paths: Whether paths stay as they are whatever ``output`` says.
            media_folder: Folder for copies of media; None: ``<stem>_media``.
        """
        iterator = iter(rows)
        first = next(iterator, None)
        source = first.sample.manifest if first else manifest
        final = folder / output_name(source, stem, ".csv")
        dialect = self._dialect_of(source)
        writer = RowWriter(
            self._options, output, folder, media_folder=media_place(stem, media_folder), keep_paths=keep_paths
        )
        encoding = ascii_compatible(self._options.encoding)
        new = list(added if added is not None else first.extra if first else ())
        is_headless = dialect.width > 0 and dialect.header is None
        reasons = Reasons(folder, stem) if is_headless and new else None
        with open_output(final) as file:
            keys: list[str] | None = dialect.columns() if dialect.width else None
            written = False
            while first is not None:
                if keys is None and first.sample.problem is None:
                    keys = list(_without_text(first.sample.row))
                if not written and keys is not None:
                    keys = self._write_header(file, dialect, keys, [] if is_headless else new, encoding)
                    written = True
                raw = raw_bytes(first.sample, encoding)
                if raw is None:
                    cells = writer.columns(first)
                    raw = _text(cells, keys or list(cells), dialect).encode(encoding, "backslashreplace")
                file.write(raw + dialect.end.encode())
                if reasons is not None:
                    reasons.add(first)
                first = next(iterator, None)
            if not written and keys is not None:
                self._write_header(file, dialect, keys, [] if is_headless else new, encoding)
        return [final, *(reasons.write() if reasons is not None else ())]

    def _write_header(
        self, file: BinaryIO, dialect: CsvDialect, keys: list[str], new: Iterable[str], encoding: str
    ) -> list[str]:
        new = [key for key in new if key not in keys]
        if dialect.width == 0 or dialect.header is not None:
            cells = list(dialect.header[: len(keys)]) if dialect.header else list(keys)
            header = write_cells(cells + new, dialect.delimiter, dialect.quoting)
            file.write(header.encode(encoding, "backslashreplace") + dialect.end.encode())
        return keys + new

    def _dialect_of(self, manifest: str) -> CsvDialect:
        try:
            return sniff_csv(manifest, self._options)
        except ManifestError:
            delimiter = self._options.delimiter or ("\t" if ".tsv" in manifest.lower() else ",")
            return CsvDialect(delimiter=delimiter, header=None, width=0, certain=False)


def _without_text(row: Row) -> RowDict:
    return {name: value for name, value in row.items() if name != RAW}


def is_rest_of_text(record: Record, dialect: CsvDialect) -> bool:
    """Return whether a record is rather the rest of a text that a bare line end broke off in the record above it."""
    fields = record.fields
    if record.cause is not None or dialect.width < 2 or any(media_kind(field) for field in fields):
        return False
    if len(fields) < dialect.width:
        return len(fields) == 1 or bool(dialect.places)
    # Commas in the rest may make as many fields as a row has; where rows have a path, it has prose then.
    return len(fields) == dialect.width and any(" " in fields[place].strip() for place in dialect.places)


def _row(record: Record, dialect: CsvDialect, columns: list[str], *, is_rest: bool, is_cut: bool) -> RawRow:
    number = record.lines[0].number
    cause, message = record.cause, record.message
    if cause is None and len(record.fields) != len(columns):
        cause = "ragged"
        message = f"has {count_noun(len(record.fields), 'field')} instead of {len(columns)} ({', '.join(columns[:20])})"
        if is_rest:
            message += "; it seems to be the rest of the text above it"
    elif cause is None and is_rest:
        cause, message = "broken_line", "seems to be the rest of the text above it: there is no name of a media file"
    elif cause is None and is_cut:
        cause = "broken_line"
        message = "seems to have lost the end of its text to the line below it: a line end inside a field needs quotes"
    if cause is None:
        values = dict(zip(columns, record.fields, strict=True))
        text = record.text
        if QUOTE in text and write_cells(record.fields, dialect.delimiter, dialect.quoting) != text:
            values[RAW] = text  # quotes that another writer would not have set
        return RawRow(number=number, row=values)
    row: RowDict = {RAW: _printable(record.text)}
    if any(line.raw is not None for line in record.lines) or row[RAW] != record.text:
        row[RAW_BYTES] = base64.b64encode(_bytes(record.lines)).decode("ascii")
    return RawRow(number=number, row=row, cause=cause, message=message)


def _text(cells: Row, keys: list[str], dialect: CsvDialect) -> str:
    """Return the record of a row; cells that did not change keep the quotes that they had."""
    values = [_cell(cells.get(key)) for key in keys]
    pieces = raw_fields(str(cells[RAW]), dialect.delimiter, dialect.quoting) if RAW in cells else None
    if pieces is None or len(pieces) > len(values):
        return write_cells(values, dialect.delimiter, dialect.quoting)
    parts = [
        written if values[index] == meant else write_cells([values[index]], dialect.delimiter, dialect.quoting)
        for index, (written, meant) in enumerate(pieces)
    ]
    if len(values) > len(pieces):
        parts.append(write_cells(values[len(pieces) :], dialect.delimiter, dialect.quoting))
    return dialect.delimiter.join(parts)


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _bytes(lines: tuple[Line, ...]) -> bytes:
    parts = []
    for line in lines:
        parts += [line.raw if line.raw is not None else line.text.encode("utf-8", "surrogatepass"), line.end.encode()]
    return b"".join(parts[:-1])


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ";".join(str(item) for item in value)
    return "" if value is None else value
