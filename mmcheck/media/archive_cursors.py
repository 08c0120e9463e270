"""Members of compressed tars, which can only be read from the front.

A cursor walks through an archive once and keeps the members that it passed (up to a budget), because decoding
threads ask slightly out of order. Asking in the archive's order therefore costs one pass; a member that was passed
and forgotten costs another one. A member that a whole pass did not meet is known to be missing, so asking again
costs nothing.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any

import zstandard

from mmcheck.core.errors import MediaError

_MAX_CURSORS = 4  # archives open for reading onward; our own choice: bounds memory
_KEPT_BYTES = 128 << 20
"""Bytes of passed members that are kept for those who ask out of order. Our own choice: bounds memory."""
_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, ValueError)


class ArchiveCursors:
    """Forward cursors, one an archive, for the archives used last. Thread-safe.

    Args:
        open_file: Returns an archive as an open binary file; raises MediaError.
        max_bytes: Larger members are refused.
    """

    def __init__(self, open_file: Callable[[str], IO[bytes]], *, max_bytes: int) -> None:
        self._open_file = open_file
        self._max_bytes = max_bytes
        self._cursors: OrderedDict[str, _Cursor] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, uri: str, member: str) -> bytes:
        """Return the bytes of ``member``.

        Raises:
            MediaError: With cause ``missing``, ``truncated`` (the archive is damaged before it), ``too_large``, or
                what opening the archive raised.
        """
        dropped: list[_Cursor] = []
        with self._lock:
            cursor = self._cursors.pop(uri, None) or _Cursor(uri, self._open_file, self._max_bytes)
            self._cursors[uri] = cursor
            while len(self._cursors) > _MAX_CURSORS:
                dropped.append(self._cursors.popitem(last=False)[1])
        for old in dropped:
            old.close()
        return cursor.read(member)

    def close(self) -> None:
        """Close all archives."""
        with self._lock:
            cursors = list(self._cursors.values())
            self._cursors.clear()
        for cursor in cursors:
            cursor.close()


class _Cursor:
    def __init__(self, uri: str, open_file: Callable[[str], IO[bytes]], max_bytes: int) -> None:
        self._uri = uri
        self._open_file = open_file
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._tar: tarfile.TarFile | None = None
        self._file: IO[bytes] | None = None
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._names: set[str] = set()
        self._walked = False  # one whole pass was made: ``_names`` is complete
        self._damage: str | None = None

    def read(self, member: str) -> bytes:
        with self._lock:
            if member in self._kept:
                self._kept.move_to_end(member)
                return self._kept[member]
            # Behind the cursor, as far as is known: start again. Else go on from here.
            if member in self._names:
                self._rewind()
            elif self._walked:
                raise self._not_found(member)
            found = self._advance(member)
            if found is None:
                raise self._not_found(member)
            return found

    def close(self) -> None:
        with self._lock:
            self._rewind()
            self._kept.clear()
            self._kept_bytes = 0

    def _advance(self, member: str) -> bytes | None:
        try:
            if self._tar is None:
                self._file = self._open_file(self._uri)
                self._tar = tarfile.open(fileobj=_decompressed(self._file), mode="r|")
            for info in self._tar:
                self._names.add(info.name)
                # A stream keeps a record of every member; forget them, archives may hold millions.
                self._tar.members = []  # type: ignore[attr-defined]
                if not info.isfile():
                    continue
                if info.size > min(self._max_bytes, _KEPT_BYTES) and info.name != member:
                    continue
                if info.size > self._max_bytes:
                    raise MediaError(
                        f"{member} has {info.size} bytes, more than the limit of {self._max_bytes}", cause="too_large"
                    )
                body = self._tar.extractfile(info)
                data = body.read() if body is not None else b""
                if len(data) < info.size:
                    raise EOFError(f"{info.name} ends after {len(data)} of {info.size} bytes")
                self._keep(info.name, data)
                if info.name == member:
                    return data
        except _DAMAGE as error:
            self._damage = " ".join(str(error).split()) or type(error).__name__
        self._walked = True
        self._rewind()
        return None

    def _keep(self, name: str, data: bytes) -> None:
        self._kept_bytes += len(data) - len(self._kept.pop(name, b""))
        self._kept[name] = data
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    def _rewind(self) -> None:
        for thing in (self._tar, self._file):
            if thing is not None:
                thing.close()
        self._tar = self._file = None

    def _not_found(self, member: str) -> MediaError:
        if self._damage is not None:
            return MediaError(
                f"{member} cannot be read: the archive {self._uri} is damaged before its end ({self._damage})",
                cause="truncated",
            )
        return MediaError(f"there is no member {member} in {self._uri}", cause="missing")


def _decompressed(file: Any) -> Any:
    """Return the plain stream of a gzip, zstandard, bzip2, xz or uncompressed file, told by its first bytes."""
    buffered = file if hasattr(file, "peek") else io.BufferedReader(file)
    head = buffered.peek(6)[:6]
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=buffered)
    if head.startswith(b"(\xb5/\xfd"):
        return zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(buffered)
    if head.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(buffered)
    return buffered
