"""Opening manifests: plain or compressed, local or fsspec, with BOM and encoding, line by line.

Lines are decoded one by one so that one line in the wrong encoding costs one line, and a stream that breaks off (a
truncated .gz) is told from one that ends.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import fsspec

from mmcheck.core.atomic import atomic_path
from mmcheck.core.errors import ManifestError
from mmcheck.formats.compression import HEAD, SUFFIXES, packed, unpacked
from mmcheck.formats.compression import STREAM_ERRORS as STREAM_ERRORS

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Bytes; a longer line is a broken row. Our own choice: it is not text but a lost line end."""

_BLOCK = 1 << 18  # bytes read at once; our own choice: bounds memory
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]+(://|::)")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class BrokenSource(ManifestError):
    """A manifest breaks off in the middle; what was read before it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a text manifest."""

    number: int
    """1-based, as an editor would show it."""
    text: str
    """The line without its end; undecodable bytes are written as backslash escapes."""
    raw: bytes | None = None
    """The bytes of the line where ``text`` does not stand for them exactly, else None."""
    fault: str | None = None
    """Why ``text`` is not exact, as half a sentence."""
    end: str = "\n"
    """The line end: LF or CR LF."""


def is_url(text: str) -> bool:
    """Return whether ``text`` is an fsspec URL (``s3://...``, ``memory://...``) and not a local path."""
    return ":" in text and bool(_URL.match(text))


def open_raw(uri: str) -> BinaryIO:
    """Return the seekable bytes of a local file or fsspec URL, as they are stored.

    Raises:
        ManifestError: If it does not exist, is a folder, or may not be read.
    """
    try:
        if is_url(uri):
            return _seekable(fsspec.open(uri, "rb").open())
        return Path(uri).open("rb")
    except FileNotFoundError as error:
        raise ManifestError(f"manifest {uri} does not exist.", hint="check the path.") from error
    except IsADirectoryError as error:
        raise ManifestError(f"manifest {uri} is a folder, not a file.") from error
    except PermissionError as error:
        raise ManifestError(f"manifest {uri} cannot be read: permission denied.") from error
    except ImportError as error:
        raise ManifestError(
            f"manifest {uri} cannot be opened: {_first_line(error)}.",
            hint="pip install 'mmcheck[remote]' for http(s); s3fs, gcsfs or adlfs for object stores.",
        ) from error
    except (OSError, ValueError) as error:
        raise ManifestError(f"manifest {uri} cannot be opened: {_first_line(error)}.") from error


def _seekable(file: io.RawIOBase) -> BinaryIO:
    """Return a remote file as the standard library's own kind of file.

    Those of fsspec know no ``readline(limit)``, and where a server sends no parts of files (as Python's own) they
    cannot go back: such a file is fetched whole.
    """
    if file.seekable():
        return cast(BinaryIO, io.BufferedReader(file, _BLOCK))
    with file:
        copy = cast(BinaryIO, tempfile.TemporaryFile())
        shutil.copyfileobj(file, copy, _BLOCK)
    copy.seek(0)
    return copy


def open_bytes(uri: str) -> BinaryIO:
    """Return the bytes of ``uri``, unpacked if they are compressed (told by content, not by name).

    Raises:
        ManifestError: If it cannot be opened.
    """
    raw = open_raw(uri)
    try:
        head = raw.read(HEAD)
        raw.seek(0)
    except OSError as error:
        raw.close()
        raise ManifestError(f"manifest {uri} cannot be read: {_first_line(error)}.") from error
    return unpacked(raw, head)


def read_head(uri: str, size: int = 1 << 16) -> bytes:
    """Return up to ``size`` decompressed bytes from the beginning, fewer where the stream breaks off.

    Raises:
        ManifestError: If it cannot be opened.
    """
    found = b""
    with open_bytes(uri) as file:
        try:
            while len(found) < size and (block := file.read(min(size - len(found), 1 << 14))):
                found += block
        except STREAM_ERRORS:
            return found
    return found


def sniff_encoding(head: bytes, encoding: str) -> tuple[str, int]:
    """Return the encoding of a text that begins with ``head`` and the length of its BOM in bytes.

    Args:
        head: First bytes, at least four if there are as many.
        encoding: What holds without a BOM.

    Raises:
        ManifestError: If Python knows no such encoding.
    """
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, len(bom)
    try:
        return codecs.lookup(encoding).name, 0
    except LookupError as error:
        raise ManifestError(
            f"input.encoding: unknown encoding {encoding!r}.", hint="utf-8, utf-16, latin-1, cp1252, gb18030, ..."
        ) from error


def looks_binary(head: bytes) -> bool:
    """Return whether ``head`` is not text: more than one byte in fifty is a control character (BOM files never are)."""
    if not head or any(head.startswith(bom) for bom, _ in _BOMS):
        return False
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"PK\x03\x04", b"PAR1", b"RIFF", b"fLaC", b"OggS", b"%PDF")):
        return True
    controls = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    return controls > len(head) / 50 and controls > 2


def read_lines(uri: str, encoding: str) -> Iterator[Line]:
    """Yield the lines of a text manifest, streaming. Line ends are LF or CR LF.

    Raises:
        BrokenSource: If the stream breaks off, after the lines that were whole.
        ManifestError: If it cannot be opened or is not text.
    """
    head = read_head(uri)
    codec, bom = sniff_encoding(head, encoding)
    wide = codec.startswith(("utf-16", "utf-32"))
    if not wide and looks_binary(head):
        nulls = head.count(b"\0") > len(head) / 4
        raise ManifestError(
            f"manifest {uri} is not text: it holds binary data.",
            hint="if it is UTF-16 without a byte order mark, set input.encoding to utf-16-le or utf-16-be."
            if nulls
            else "give the manifest, not a media file or an archive.",
        )
    number = 0
    try:
        with open_bytes(uri) as file:
            file.read(bom)
            for line in _wide_lines(file, codec) if wide else _narrow_lines(file, codec):
                number = line.number
                yield line
    except STREAM_ERRORS as error:
        raise BrokenSource(
            f"manifest {uri} breaks off after line {number}: {_first_line(error)}.",
            hint="the file was probably cut short while it was copied; get it again.",
        ) from error


def _narrow_lines(file: BinaryIO, codec: str) -> Iterator[Line]:
    number = 0
    while data := file.readline(MAX_LINE_BYTES):
        number += 1
        long = len(data) == MAX_LINE_BYTES and not data.endswith(b"\n")
        while long and (more := file.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
            pass
        end = "\r\n" if data.endswith(b"\r\n") else "\n"
        data = data.removesuffix(b"\n").removesuffix(b"\r")
        if long:
            text = data[:1000].decode(codec, "backslashreplace")
            yield Line(number=number, text=text, raw=data[:1000], fault=f"is longer than {MAX_LINE_BYTES} bytes")
            continue
        try:
            yield Line(number=number, text=data.decode(codec), end=end)
        except UnicodeDecodeError as error:
            fault = f"is not valid {codec} (byte 0x{data[error.start]:02x} at byte {error.start + 1})"
            text = data.decode(codec, "backslashreplace")
            yield Line(number=number, text=text, raw=data, fault=fault, end=end)


def _wide_lines(file: BinaryIO, codec: str) -> Iterator[Line]:
    # A lone surrogate stays in the text and is found where rows are checked.
    text = io.TextIOWrapper(file, codec, errors="surrogatepass", newline="\n")
    number = 0
    try:
        while line := text.readline(MAX_LINE_BYTES):
            number += 1
            end = "\r\n" if line.endswith("\r\n") else "\n"
            yield Line(number=number, text=line.removesuffix("\n").removesuffix("\r"), end=end)
    except UnicodeDecodeError as error:
        raise EOFError(f"not valid {codec}: {error.reason}") from error


@contextmanager
def open_output(final: Path) -> Iterator[BinaryIO]:
    """Yield a binary file that appears at ``final`` whole or not at all, compressed as its suffix says.

    The bytes depend on the content only: no time stamp, no file name in the gzip header.

    Raises:
        OutputError: If it cannot be written.
    """
    with (
        atomic_path(final) as temporary,
        temporary.open("wb") as raw,
        packed(cast(BinaryIO, raw), final.suffix) as file,
    ):
        yield file


def output_name(manifest: str, stem: str, default_suffix: str) -> str:
    """Return the file name of a written manifest: ``stem`` with the suffixes of the input (``.jsonl.gz``).

    Args:
        manifest: Path or URL of the input, "" if unknown.
        stem: Name without suffix; if the input's own name begins with it, that name is kept whole.
        default_suffix: Suffix where the input has none that fits.
    """
    base = os.path.basename(manifest.rstrip("/"))
    if base == stem or base.startswith(f"{stem}."):
        return base if "." in base else base + default_suffix
    root, suffix = os.path.splitext(base)
    if suffix.lower() in SUFFIXES:
        suffix = os.path.splitext(root)[1] + suffix
    return stem + (suffix or default_suffix)


def _first_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0].rstrip(".")
