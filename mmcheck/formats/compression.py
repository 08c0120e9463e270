"""Compressed files: gzip, zstd, bzip2 and xz, told by content on the way in, by name on the way out.

Streams are read in pieces, so memory is bounded whatever they unpack to; one that breaks off is told from one that
ends; and one that unpacks to hundreds of times its size for gigabytes is refused, because no manifest does.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
"""Endings of compressed files that are written."""
STREAM_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
"""What reading a damaged or vanished stream raises (gzip.BadGzipFile is an OSError)."""
MAX_RATIO = 500
"""Times its own size that a file may unpack to once it has passed ``MAX_FREE_BYTES``. Our own choice: text that people
write packs ten to a hundredfold."""
MAX_FREE_BYTES = 4 << 30
"""Bytes that any file may unpack to. Our own choice: small files of repeated rows are no bombs."""

_BLOCK = 1 << 18  # bytes read at once; our own choice: bounds memory
_ZSTD_FEED = 2048
"""Bytes given to zstd at once, which has no limit for what comes out. Our own choice: by its format at most 64 MiB."""
_XZ_MEMORY = 1 << 30  # bytes that unpacking xz may take; our own choice: twice what its highest setting needs


class _Unpacker(Protocol):
    """What bz2 and lzma offer."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Zstd:
    """A zstd frame in the manner of ``bz2.BZ2Decompressor``."""

    needs_input = True

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self.eof = False
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        found: bytes = self._frame.decompress(data)
        self.eof = self._frame.eof
        self.unused_data = self._frame.unused_data if self.eof else b""
        return found


_KINDS: tuple[tuple[bytes, str, Callable[[], _Unpacker], int], ...] = (
    (b"\x28\xb5\x2f\xfd", "zstd", _Zstd, _ZSTD_FEED),
    (b"BZh", "bzip2", bz2.BZ2Decompressor, _BLOCK),
    (b"\xfd7zXZ\x00", "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY), _BLOCK),
)
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # what follows BZh and a digit; given by the format: a block, or the end
_GZIP = b"\x1f\x8b"
HEAD = 10
"""Bytes from the beginning of a file by which compression is told. Given by the formats: bzip2 wants the most."""


def packing_of(head: bytes) -> str | None:
    """Return how a file that begins with ``head`` (``HEAD`` bytes) is compressed; None if it is not."""
    if head.startswith(_GZIP):
        return "gzip"
    for magic, name, _, _ in _KINDS:
        if head.startswith(magic) and (name != "bzip2" or head[4:10] in _BZIP2_BLOCKS):
            return name
    return None


def without_packing(name: str) -> str:
    """Return a file name without the ending that says how it is compressed."""
    return next((name[: -len(suffix)] for suffix in (*SUFFIXES, ".zstd") if name.lower().endswith(suffix)), name)


def unpacked(raw: BinaryIO, head: bytes) -> BinaryIO:
    """Return what is in a file, unpacked if need be; closing it closes ``raw``.

    Args:
        raw: The file, at its beginning.
        head: Its first ``HEAD`` bytes.
    """
    packing = packing_of(head)
    if packing is None:
        return raw
    if packing == "gzip":
        return cast(BinaryIO, _GzipReader(raw))
    make, feed = next((make, feed) for _, name, make, feed in _KINDS if name == packing)
    return cast(BinaryIO, io.BufferedReader(_PackedReader(raw, packing, make, feed), _BLOCK))


@contextmanager
def packed(raw: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    """Yield a file whose content is written to ``raw``, compressed as the suffix says.

    The bytes depend on the content only: no time stamp, no file name in the gzip header.
    """
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as file:
            yield cast(BinaryIO, file)
    elif suffix in (".zst", ".zstd"):
        with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as file:
            yield cast(BinaryIO, file)
    elif suffix == ".bz2":
        with bz2.BZ2File(raw, "wb") as file:
            yield cast(BinaryIO, file)
    elif suffix == ".xz":
        with lzma.LZMAFile(raw, "wb", preset=6) as file:
            yield cast(BinaryIO, file)
    else:
        yield raw


class _PackedReader(io.RawIOBase):
    """Bytes of a compressed file of any number of streams."""

    def __init__(self, source: BinaryIO, name: str, make: Callable[[], _Unpacker], feed: int) -> None:
        self._source, self._name, self._make, self._feed = source, name, make, feed
        self._unpacker: _Unpacker | None = None
        self._rest = b""
        self._out = b""
        self._num_in = self._num_out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._out:
            data = b""
            if self._unpacker is None or self._unpacker.needs_input:
                data = self._next()
                if not data:
                    if self._unpacker is not None:
                        raise EOFError(f"the {self._name} stream ends before its end mark")
                    return 0
            if self._unpacker is None:
                if self._name == "xz" and not data.strip(b"\0"):
                    continue  # padding between or behind streams
                self._unpacker = self._make()
            self._out = self._unpacker.decompress(data, _BLOCK)
            self._num_out += len(self._out)
            if self._unpacker.eof:
                self._rest = self._unpacker.unused_data + self._rest
                self._unpacker = None
            if self._num_out > MAX_FREE_BYTES and self._num_out > MAX_RATIO * self._num_in:
                raise EOFError(
                    f"it unpacks to more than {self._num_out >> 30} GiB, over {MAX_RATIO} times its size, as a "
                    "decompression bomb does"
                )
        place = memoryview(buffer)
        count = min(len(place), len(self._out))
        place[:count] = self._out[:count]
        self._out = self._out[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    def _next(self) -> bytes:
        if not self._rest:
            self._rest = self._source.read(_BLOCK)
            self._num_in += len(self._rest)
        data, self._rest = self._rest[: self._feed], self._rest[self._feed :]
        return data


class _GzipReader(gzip.GzipFile):
    """A GzipFile that closes the file below it as well."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__(fileobj=source, mode="rb")
        self._below = source
        self._num_out = 0

    def read(self, size: int | None = -1) -> bytes:
        return self._counted(super().read(size))

    def readline(self, size: int | None = -1) -> bytes:
        return self._counted(super().readline(size))

    def close(self) -> None:
        super().close()
        self._below.close()

    def _counted(self, data: bytes) -> bytes:
        self._num_out += len(data)
        if self._num_out > MAX_FREE_BYTES and self._num_out > MAX_RATIO * self._below.tell():
            raise EOFError(
                f"it unpacks to more than {self._num_out >> 30} GiB, over {MAX_RATIO} times its size, as a "
                "decompression bomb does"
            )
        return data
