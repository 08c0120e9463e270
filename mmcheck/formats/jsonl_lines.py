"""Lines of JSON Lines manifests straight from stored rows: a million rows in seconds, without a record for each.

The same lines as ``JsonlFormat.write`` gives, which costs ten times as much for a sample, a row and an output row each.
New columns are rendered as columns; a row is parsed only to put the media's paths into it. Whatever is out of the
ordinary (broken rows, NaN, columns of an earlier run) takes the slow way, row by row, so that there is one truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.json_row import load_row, spliced
from mmcheck.core.types import Row, Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.jsonl import JsonlFormat, json_line
from mmcheck.formats.nemo import NemoFormat
from mmcheck.formats.output_rows import RowWriter, raw_bytes
from mmcheck.formats.text_source import output_name

_KNOWN = b'"mmcheck_'
_PLAIN_VALUE = re.compile(rb'\s*:\s*"([^"\\]*)"')
_ESCAPED = np.zeros(256, dtype=bool)
"""The bytes of UTF-8 that JSON writes otherwise (RFC 8259, section 7)."""
_ESCAPED[[*range(32), ord('"'), ord("\\")]] = True
_UTF8 = ("utf-8", "utf8", "utf-8-sig")


def writes_lines(form: object, options: InputConfig, output: OutputConfig) -> bool:
    """Return whether a format's manifests can be written by ``LineMaker``.

    Args:
        form: The format.
        options: Its input options.
        output: What is written; copies of media want the format's own way.
    """
    plain = options.encoding.lower().replace("_", "-") in _UTF8
    return type(form) in (JsonlFormat, NemoFormat) and plain and not output.write_media


def lines_name(manifest: str, stem: str) -> str:
    """Return the file name of a manifest written line by line."""
    return output_name(manifest, stem, ".jsonl")


class LineMaker:
    """Makes the lines of one written manifest.

    Args:
        options: Input options (column names).
        output: Output options; without ``write_media``.
        folder: Folder of the written manifest, which relative paths start from.
    """

    def __init__(self, options: InputConfig, output: OutputConfig, folder: Path) -> None:
        self._writer = RowWriter(options, output, folder)
        self._encoding = options.encoding
        self._known = (_KNOWN, *(orjson.dumps(name) for name in output.aliases))
        self._columns: dict[tuple[object, ...], str | None] = {}
        """What is known of the media and the names of the columns -> the column of the path."""

    def lines(self, table: pa.Table, extras: Sequence[str], sample_at: Callable[[int], Sample]) -> bytes:
        """Return the lines of stored rows, each with its end.

        Args:
            table: The stored columns of samples, and those of ``extras``.
            extras: Names of the new columns, in their order: strings, lists of strings or float64.
            sample_at: Row of the table -> its record, for rows that take the slow way.
        """
        if not table.num_rows:
            return b""
        tails = None if extras and _holds_nonfinite(table, extras) else _tails(table, extras)
        sound = pc.is_null(table["problem"]).to_pylist()
        plain = _have_one_medium(table)
        images, recordings = _files(table["image"]), _files(table["audio"])
        loads, columns = orjson.loads, self._columns
        lines: list[bytes] = []
        for number, text in enumerate(table["row"].cast(pa.binary()).to_pylist()):
            row = None
            # Columns of an earlier run keep their place when replaced, which is for the slow way.
            if sound[number] and not any(known in text for known in self._known):
                try:
                    row = loads(text)
                except orjson.JSONDecodeError:
                    row = None
            if not row or tails is None or not plain[number]:  # an empty row has no comma to begin with
                extra = {name: table[name][number].as_py() for name in extras}
                lines.append(self._slow(OutputRow(sample=sample_at(number), extra=extra)))
                continue
            image, audio = images[number], recordings[number]
            key = (image is None, audio is None, *row)
            if key not in columns:
                columns[key] = self._path_column(row, image, audio)
            # Nearly all rows take this way: a plain path gives way to the path of the file, the rest stays as it is.
            line = _with_path(text, row, columns[key], image or audio)
            if line is None:
                changed = dict(source := load_row(text.decode()))
                self._writer.fill(
                    changed,
                    manifest=table["manifest"][number].as_py(),
                    image=image,
                    audio=audio,
                )
                line = spliced(source, changed).encode()
            lines += (line[:-1], tails[number])
        return b"".join(lines)

    def _path_column(self, row: Row, image: str | None, audio: str | None) -> str | None:
        if (image is None) == (audio is None):
            return None
        return self._writer.path_column(row, "image" if audio is None else "audio")

    def _slow(self, out: OutputRow) -> bytes:
        raw = raw_bytes(out.sample, self._encoding)
        if raw is None:
            raw = json_line(self._writer.columns(out), self._encoding, out.sample.row)
        return raw + b"\n"


def _with_path(text: bytes, row: Row, column: str | None, path: str | None) -> bytes | None:
    """Return the text of a row with another path in its place; None if that wants a closer look."""
    value = row[column] if column is not None else None
    if type(value) is not str or not value.isprintable() or not 0 < len(value) < 4096 or b"\\u" in text:
        return None
    name = orjson.dumps(column)
    place = text.find(name)
    # A name that stands there twice may be a value, or a member of an inner object.
    if place < 0 or text.find(name, place + 1) >= 0 or (found := _PLAIN_VALUE.match(text, place + len(name))) is None:
        return None
    if found.group(1) != value.encode():
        return None
    return b"".join((text[: found.start(1) - 1], orjson.dumps(path), text[found.end() :]))


def _have_one_medium(table: pa.Table) -> list[bool]:
    if "further" not in table.column_names:
        return [True] * table.num_rows
    found: list[bool] = pc.is_null(table["further"]).to_pylist()
    return found


def _files(column: pa.ChunkedArray) -> list[str | None]:
    """Return the URIs of media that are files of their own."""
    if column.null_count == len(column):
        return [None] * len(column)
    inside = pc.is_valid(pc.struct_field(column, "member"))
    uris: list[str | None] = pc.if_else(inside, None, pc.struct_field(column, "uri")).to_pylist()
    return uris


def _holds_nonfinite(table: pa.Table, names: Sequence[str]) -> bool:
    return any(
        pa.types.is_floating(table[name].type) and pc.all(pc.is_finite(table[name]), min_count=0).as_py() is False
        for name in names
    )


def _tails(table: pa.Table, extras: Sequence[str]) -> list[bytes]:
    """Return what follows each row's own columns: the new columns, the brace and the end of the line."""
    if not extras:
        return [b"}\n"] * table.num_rows
    pieces: list[pa.Array | str] = []
    for name in extras:
        column = table[name].combine_chunks()
        key = f',"{name}":'
        if not column.null_count:
            pieces += [key, _rendered(column)]
        elif column.null_count < len(column):
            # Whoever has no value has no such key.
            rendered = pc.binary_join_element_wise(key, _rendered(column), "")
            pieces.append(pc.if_else(column.is_valid(), rendered, ""))
    joined = pc.binary_join_element_wise(*_merged(pieces), "}\n", "")
    found: list[bytes] = joined.cast(pa.binary()).to_pylist()
    return found


def _merged(pieces: Sequence[pa.Array | str]) -> list[pa.Array | str]:
    """Join neighbouring constant texts, so that fewer columns are joined."""
    merged: list[pa.Array | str] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def _rendered(column: pa.Array) -> pa.Array | str:
    """Return a column's values as JSON, or one text if all are equal and that is plain to see."""
    if pa.types.is_floating(column.type):
        return _numbers(column)
    if pa.types.is_list(column.type):
        return _lists(column)
    return _strings(column)


def _numbers(column: pa.Array) -> pa.Array:
    # orjson writes NaN as null, and an array of numbers in one go: what stands between two commas is one number.
    values = pc.fill_null(column, np.nan).to_numpy(zero_copy_only=False)
    data = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    text = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(text == ord(","))
    starts = np.concatenate([[1], ends + 1])
    ends = np.concatenate([ends, [len(text) - 1]])
    lengths = ends - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    keep = text[(text != ord(",")) & (text != ord("[")) & (text != ord("]"))]
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(keep))


def _strings(column: pa.Array) -> pa.Array:
    if column.null_count or _ESCAPED[_content(column)].any():
        return pa.array([orjson.dumps(text).decode() for text in column.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', column, '"', "")


def _content(column: pa.Array) -> NDArray[np.uint8]:
    """Return the bytes of a string array's values, one after the other."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return np.zeros(0, dtype=np.uint8)
    bounds = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data, dtype=np.uint8)[bounds[0] : bounds[-1]]


def _lists(column: pa.Array) -> pa.Array | str:
    flat = column.flatten()
    if not len(flat) and not column.null_count:
        return "[]"
    if column.null_count:
        return pa.array([orjson.dumps(texts).decode() for texts in column.to_pylist()], pa.string())
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, _strings(flat)), ",")
    return pc.binary_join_element_wise("[", joined, "]", "")
