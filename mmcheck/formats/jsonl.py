"""JSON Lines: one object a line, plain or compressed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_row import MAX_DEPTH, JsonRow, depth_of, json_text, lenient_int, spliced
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import is_utf8
from mmcheck.formats.columns import EXAMPLE_ROWS, RoleFinder
from mmcheck.formats.compression import without_packing
from mmcheck.formats.output_rows import RowWriter, media_place, raw_bytes
from mmcheck.formats.paths import Modality, folder_of
from mmcheck.formats.rows import RAW, RAW_BYTES, RawRow, SampleMaker, until_break
from mmcheck.formats.text_source import (
    Line,
    looks_binary,
    open_output,
    output_name,
    read_head,
    read_lines,
    sniff_encoding,
)

_SURROGATE = re.compile(r"\\u[dD][89abABcdefCDEF]")
_DETECT_LINES = 20  # lines looked at to say whether a file is JSON lines; our own choice: quick


class JsonlFormat:
    """Manifest of one JSON object per line.

    Args:
        options: Input options.
    """

    name = "jsonl"
    modality: Modality | None = None
    """What generic columns hold; None: by their values."""

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether one of the first lines is a JSON object, or the file is empty and called ``.jsonl``."""
        objects = first_objects(manifest, self._options.encoding)
        if objects and {"__shard__", "__key__"} <= objects[0].keys():
            return Recognised.NO  # a listing of WebDataset samples
        fits = objects is not None and (bool(objects) or _has_suffix(manifest, (".jsonl", ".ndjson")))
        return Recognised.SHAPE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest``; blank lines are skipped but counted.

        Raises:
            ManifestError: If it cannot be opened, is not text, or lacks a configured column.
        """
        return self.read_as(manifest, self.modality)

    def read_as(self, manifest: str, modality: Modality | None, *, inside_only: bool = False) -> Iterator[Sample]:
        """Yield the samples of ``manifest`` as ``read`` does, for a format that keeps its rows in JSON Lines.

        Args:
            manifest: The manifest.
            modality: What generic columns hold where their values do not tell.
            inside_only: Whether media must lie below the manifest's folder.
        """
        examples = first_objects(manifest, self._options.encoding, EXAMPLE_ROWS) or []
        finder = RoleFinder(self._options.columns, examples=examples, modality=modality, template=self._options.path)
        maker = SampleMaker(manifest, self._options, finder, base=folder_of(manifest), inside_only=inside_only)
        return until_break(manifest, maker.all(json_rows(manifest, self._options.encoding)))

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
        """Write ``rows`` one a line, keys in their order, non-ASCII as it is, broken lines byte by byte.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input manifest, for the name of an output without rows.
            added: Types of the new columns.
            keep_paths: Whether paths stay as they are whatever ``output`` says.
            media_folder: Folder for copies of media; None: ``<stem>_media``.
        """
        iterator = iter(rows)
        first = next(iterator, None)
        final = folder / output_name(first.sample.manifest if first else manifest, stem, ".jsonl")
        writer = RowWriter(
            self._options, output, folder, media_folder=media_place(stem, media_folder), keep_paths=keep_paths
        )
        encoding = self._options.encoding
        with open_output(final) as file:
            while first is not None:
                raw = raw_bytes(first.sample, encoding)
                line = raw if raw is not None else json_line(writer.columns(first), encoding, first.sample.row)
                file.write(line + b"\n")
                first = next(iterator, None)
        return [final]


def json_line(row: Row, encoding: str = "utf-8", source: Row | None = None) -> bytes:
    """Return a row as one line of JSON without its end; characters that ``encoding`` lacks are escaped.

    Args:
        row: The row.
        encoding: The encoding of the file.
        source: What the row was made from; where it still has its text, members that are the same keep theirs.
    """
    wanted = ascii_compatible(encoding)
    if isinstance(source, JsonRow):
        text = spliced(source, row)
        try:
            return text.encode(wanted)
        except UnicodeEncodeError:
            # Only strings hold other characters than ASCII, and there an escape says the same.
            return _ESCAPABLE.sub(lambda match: json.dumps(match.group())[1:-1], text).encode("ascii")
    return json_bytes(row, wanted)


def json_bytes(value: object, encoding: str = "utf-8") -> bytes:
    """Return a value as compact JSON; with escapes where ``encoding`` lacks a character or it is half of a pair."""
    try:
        return json_text(value).encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(value).encode("ascii")


@cache
def ascii_compatible(encoding: str) -> str:
    """Return the encoding to write in: ``encoding``, but UTF-8 instead of the wide ones, which need a BOM."""
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32", "utf16", "utf32"))
    return "utf-8" if wide else encoding


def json_rows(manifest: str, encoding: str) -> Iterator[RawRow]:
    """Yield the rows of a JSON Lines file, broken ones included.

    Raises:
        ManifestError: If it cannot be opened, is not text, or breaks off.
    """
    for line in read_lines(manifest, encoding):
        if line.fault is None and not line.text.strip():
            continue
        yield parse_line(line)


def parse_line(line: Line) -> RawRow:
    """Return the row of one line of JSON."""
    if line.fault is not None:
        return broken_line(line, "encoding", line.fault)
    if "\0" in line.text:
        return broken_line(line, "nul_bytes", f"holds a NUL byte at column {line.text.index(chr(0)) + 1}")
    if depth_of(line.text) > MAX_DEPTH:
        return broken_line(line, "broken_json", f"is nested more than {MAX_DEPTH} levels deep")
    try:
        value = _decoded(line.text)
    except json.JSONDecodeError as error:
        return broken_line(line, "broken_json", f"is not valid JSON: {error.msg} at column {error.colno}")
    except _DuplicateKey as error:
        return broken_line(line, "duplicate_key", f"names {error.args[0]!r} twice in one JSON object")
    except (ValueError, RecursionError) as error:
        return broken_line(line, "broken_json", f"is not usable JSON: {str(error).splitlines()[0]}")
    if not isinstance(value, dict):
        kind = {list: "an array", str: "a string", type(None): "null"}.get(type(value), "a number or truth value")
        return broken_line(line, "not_an_object", f"must be a JSON object, but is {kind}")
    if _SURROGATE.search(line.text) or not is_utf8(line.text):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return broken_line(line, "encoding", "holds half of a surrogate pair, which is not a character")
    return RawRow(number=line.number, row=JsonRow(value, line.text.strip()))


def broken_line(line: Line, cause: str, message: str) -> RawRow:
    """Return the row of a line that cannot be parsed: its text, and its bytes where the text is not exact."""
    raw = line.raw
    text = line.text
    if raw is None and not text.isascii():
        clean = text.encode("utf-8", "backslashreplace")
        if clean != text.encode("utf-8", "surrogatepass"):
            raw, text = text.encode("utf-8", "surrogatepass"), clean.decode("utf-8")
    row: RowDict = {RAW: text}
    if raw is not None:
        row[RAW_BYTES] = base64.b64encode(raw).decode("ascii")
    return RawRow(number=line.number, row=row, cause=cause, message=message)


def first_objects(manifest: str, encoding: str, count: int = _DETECT_LINES) -> list[RowDict] | None:
    """Return the JSON objects among the first ``count`` lines; None if it is not text or no line of it is one.

    An empty file gives an empty list. Never raises.
    """
    try:
        head = read_head(manifest)
        _, bom = sniff_encoding(head, encoding)
        if looks_binary(head):
            return None
        if not head[bom:].strip(b" \r\n\t\0"):
            return []
        first = head[bom:].replace(b"\0", b"").lstrip()[:1]
        rows = _take(islice(json_rows(manifest, encoding), count))
    except ManifestError:
        return None
    found = [dict(row.row) for row in rows if row.cause is None]
    # A first line that is broken does not hide the rest, but one object in a text of other kind is not enough.
    return found if found and (first == b"{" or len(found) * 2 > len(rows)) else None


def _take(rows: Iterator[RawRow]) -> list[RawRow]:
    found: list[RawRow] = []
    try:
        found.extend(rows)
    except ManifestError:
        return found
    return found


def _has_suffix(manifest: str, suffixes: tuple[str, ...]) -> bool:
    name = without_packing(manifest.lower())
    return name.endswith(suffixes)


class _DuplicateKey(Exception):
    pass


def _no_duplicates(pairs: list[tuple[str, object]]) -> RowDict:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKey(key)
            seen.add(key)
    return found


def _decoded(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses to make integers of more than 4,300 digits.
        return _LENIENT_DECODER.decode(text)


_ESCAPABLE = re.compile(r"[^\x00-\x7f]")
_DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates)
_LENIENT_DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_int=lenient_int)
