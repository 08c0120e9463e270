"""One JSON document element by element: the array that it is, or the arrays that are its members.

Streaming, and each element with its text, so that rows come back to the digit and one broken element costs one row.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

from mmcheck.core.errors import ManifestError
from mmcheck.core.json_row import load_json
from mmcheck.core.types import RowDict
from mmcheck.formats.cells import is_utf8
from mmcheck.formats.jsonl import parse_line
from mmcheck.formats.rows import RawRow
from mmcheck.formats.text_source import (
    MAX_LINE_BYTES,
    STREAM_ERRORS,
    BrokenSource,
    Line,
    looks_binary,
    open_bytes,
    read_head,
    sniff_encoding,
)

_BLOCK = 1 << 18  # bytes read at once; our own choice: bounds memory
_WHITE = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\r?\n[ \t]*")
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)
_SCALAR_END = re.compile(r"[,\]}\r\n]")
_DECODER = json.JSONDecoder()


def document_head(manifest: str, encoding: str) -> str:
    """Return the beginning of a JSON document without a BOM and white space; empty if it is none. Never raises."""
    try:
        head = read_head(manifest)
        codec, bom = sniff_encoding(head, encoding)
    except ManifestError:
        return ""
    text = "" if looks_binary(head) else head[bom:].decode(codec, "replace").lstrip()
    return text if text.startswith(("[", "{")) else ""


def read_rows(manifest: str, encoding: str, member: str | None = None) -> Iterator[RawRow]:
    """Yield the elements of an array as rows, broken ones included; numbers count from 1.

    Args:
        manifest: The document.
        encoding: Of the text; a BOM is honoured.
        member: Name of the document's member that is the array; None: the document itself is it. A document without
            such a member gives nothing.

    Raises:
        BrokenSource: If the document breaks off, after the elements that were whole.
        ManifestError: If it cannot be opened, or is no such document.
    """
    for line in _read_elements(manifest, encoding, member):
        flat = _LINE_END.sub("", line.text)  # a line end inside a string is no JSON, so none is lost
        row = parse_line(replace(line, text=flat))
        yield row if row.cause is None or flat == line.text else parse_line(line)


def first_rows(manifest: str, encoding: str, count: int, member: str | None = None) -> list[RowDict]:
    """Return the sound ones among the first ``count`` elements. Never raises."""
    found: list[RowDict] = []
    try:
        found.extend(dict(row.row) for row in islice(read_rows(manifest, encoding, member), count) if not row.cause)
    except ManifestError:
        return found
    return found


def read_members(manifest: str, encoding: str, arrays: Collection[str]) -> RowDict:
    """Return the members of a document without the ``arrays``, which are passed over; what can be read of them."""
    found: RowDict = {}
    try:
        with _open(manifest, encoding) as text:
            for name in text.members():
                if name in arrays:
                    text.skip()
                    continue
                value = text.value()
                with suppress(ValueError):
                    found[name] = load_json(value)
    except ManifestError:
        return found
    return found


def write_array(file: BinaryIO, elements: Iterable[bytes]) -> None:
    """Write elements as one JSON array, one a line."""
    mark = b"[\n"
    for element in elements:
        file.write(mark + element)
        mark = b",\n"
    file.write(b"[]" if mark == b"[\n" else b"\n]")


def _read_elements(manifest: str, encoding: str, member: str | None) -> Iterator[Line]:
    with _open(manifest, encoding) as text:
        if member is None:
            if text.peek() != "[":
                raise ManifestError(f"manifest {manifest} is not a JSON array.", hint="give another format.")
            yield from map(text.line, text.elements(), _numbers())
            text.finish()
            return
        if text.peek() != "{":
            raise ManifestError(f"manifest {manifest} is not a JSON object.", hint="give another format.")
        for name in text.members():
            if name == member and text.peek() == "[":
                yield from map(text.line, text.elements(), _numbers())
                return
            text.skip()


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


@contextmanager
def _open(manifest: str, encoding: str) -> Iterator[_Text]:
    head = read_head(manifest)
    codec, bom = sniff_encoding(head, encoding)
    if looks_binary(head):
        raise ManifestError(f"manifest {manifest} is not text: it holds binary data.", hint="give the manifest itself.")
    with open_bytes(manifest) as file:
        file.read(bom)
        yield _Text(manifest, file, codec)


class _Text:
    """The document's text around the place that was read up to."""

    def __init__(self, manifest: str, file: BinaryIO, codec: str) -> None:
        self._manifest = manifest
        self._file = file
        self._codec = codec
        # Bytes that are no text stay, so that they cost their element and not the document.
        self._decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
        self._text = ""
        self._at = 0
        self._is_whole = False

    def peek(self) -> str:
        """Return the next character that is no white space; empty at the end."""
        while True:
            match = _WHITE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def elements(self) -> Iterator[str]:
        """Yield the texts of the elements of the array that begins here."""
        self._take("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() != "]":
                self._take(",")
        self._take("]")

    def members(self) -> Iterator[str]:
        """Yield the names of the members of the object that begins here; who asks reads or skips each value."""
        self._take("{")
        while self.peek() != "}":
            text = self.value()
            try:
                name = str(load_json(text))
            except ValueError as error:
                raise self._broken(f"is not valid JSON: {text[:20]!r} stands where a name should") from error
            self._take(":")
            yield name
            if self.peek() != "}":
                self._take(",")
        self._take("}")

    def value(self) -> str:
        """Return the text of the value that begins here, also where only its brackets are sound."""
        self.peek()
        while True:
            was_whole = self._is_whole
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
                is_found = end < len(self._text) or was_whole  # a number may go on
            except (ValueError, RecursionError):
                found = _end_of(self._text, self._at)
                is_found, end = found is not None, found or 0
            if is_found:
                text = self._text[self._at : end]
                self._at = end
                return text
            if was_whole:
                raise self._broken("breaks off in the middle of a value")
            if len(self._text) - self._at > MAX_LINE_BYTES:
                raise self._broken(f"holds a value of more than {MAX_LINE_BYTES} bytes, or one that has no end")
            self._more()

    def skip(self) -> None:
        """Pass over the value that begins here."""
        if self.peek() == "[":
            for _ in self.elements():
                pass
        else:
            self.value()

    def finish(self) -> None:
        """Raise where something follows the document."""
        if self.peek():
            raise self._broken(f"goes on after its end with {self._text[self._at : self._at + 20]!r}")

    def line(self, text: str, number: int) -> Line:
        """Return an element as a line, with its bytes where they are no text."""
        if is_utf8(text):
            return Line(number=number, text=text)
        raw = text.encode(self._codec, "surrogateescape")
        fault = f"is not valid {self._codec}"
        return Line(number=number, text=raw.decode(self._codec, "backslashreplace"), raw=raw, fault=fault)

    def _take(self, mark: str) -> None:
        found = self.peek()
        if found != mark:
            seen = f"{found!r} stands where {mark!r} should" if found else f"ends before a {mark!r}"
            raise self._broken(f"is not valid JSON: {seen}" if found else seen)
        self._at += 1

    def _more(self) -> bool:
        """Read on; return whether there was more. A long value is read in ever larger pieces."""
        if self._is_whole:
            return False
        try:
            data = self._file.read(max(_BLOCK, len(self._text) - self._at))
            text = self._decoder.decode(data, final=not data)
        except (*STREAM_ERRORS, UnicodeError) as error:
            raise self._broken(f"breaks off: {str(error).splitlines()[0]}") from error
        self._text, self._at = self._text[self._at :] + text, 0
        self._is_whole = not data
        return bool(data)

    def _broken(self, what: str) -> BrokenSource:
        return BrokenSource(
            f"manifest {self._manifest} {what}.",
            hint="the file was probably cut short while it was copied; get it again.",
        )


def _end_of(text: str, start: int) -> int | None:
    """Return where the value that begins at ``start`` ends, judged by its brackets; None if that is not there yet."""
    if text[start : start + 1] not in ("{", "[", '"'):
        match = _SCALAR_END.search(text, start)
        return match.start() if match and match.start() > start else None
    depth = 0
    for match in _MARKS.finditer(text, start):
        mark = match.group()
        if mark == '"':
            return None
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        if depth <= 0:
            return match.end()
    return None
