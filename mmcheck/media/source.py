"""Where media bytes come from: a local file, a byte range or member of a tar, a cell of a Parquet file, a URL.

``read`` may be called from many threads. Two kinds of container cannot be read at random (compressed tars, row
groups of Parquet); they are read through cursors (``archive_cursors``, ``parquet_cells``) that go forward and keep
what they passed, so that reading in the manifest's order costs one pass. Only regular files are opened: a FIFO or a
device could block for ever or have side effects.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
import threading
from collections import OrderedDict
from pathlib import Path
from typing import IO

from mmcheck.core.errors import MediaError
from mmcheck.core.inline_media import decode_payload, payload_kind
from mmcheck.core.types import MediaRef
from mmcheck.media.archive_cursors import ArchiveCursors
from mmcheck.media.arrow_cells import SUFFIX as ARROW_SUFFIX
from mmcheck.media.arrow_cells import ArrowCells
from mmcheck.media.nearby_names import NearbyNames
from mmcheck.media.parquet_cells import ParquetCells
from mmcheck.media.remote import is_remote, open_remote, read_remote

MAX_MEDIA_BYTES = 2 << 30
"""Bytes; larger files are refused. Our own choice: they would not fit into memory beside a model."""

_CELL = re.compile(r"^(?P<column>.+?)\[(?P<row>\d+)\](?:\[(?P<item>\d+)\])?$", re.DOTALL)
_SEGMENT_CACHE_BYTES = 256 << 20  # bytes of long recordings kept for their next segment; our own choice: bounds memory
_BLOCK = 1 << 20  # bytes of a file that are read at once for its digest; our own choice: bounds memory
_BAD_PATH_ERRNOS = {errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ}


class _MissingFile(MediaError):
    """A local file that is not there."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no file {path}", cause="missing")
        self.path = path


class MediaSource:
    """Reads the bytes that a MediaRef points to. Thread-safe.

    Args:
        allow_remote: Whether URLs named in rows may be fetched.
        max_bytes: Larger media are refused.
    """

    def __init__(self, *, allow_remote: bool, max_bytes: int = MAX_MEDIA_BYTES) -> None:
        self._allow_remote = allow_remote
        self._max_bytes = max_bytes
        self._nearby = NearbyNames()
        self._archives = ArchiveCursors(self._open_container, max_bytes=max_bytes)
        self._cells = ParquetCells(self._open_container)
        self._streams = ArrowCells()
        self._segments: OrderedDict[MediaRef, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, ref: MediaRef, *, manifest: str | None = None) -> bytes:
        """Return all bytes of the medium (for a segment: of the recording that it is part of).

        Args:
            ref: Where they are.
            manifest: Names the medium; if it is missing, the nearest file beside the manifest is told.

        Raises:
            MediaError: With cause ``missing``, ``empty``, ``permission_denied``, ``is_directory``, ``not_a_file``,
                ``bad_path``, ``too_large``, ``truncated``, ``remote_not_allowed``, ``unreachable``,
                ``missing_dependency`` or ``unreadable``.
        """
        try:
            return self._read(ref)
        except _MissingFile as error:
            error.hint = self._nearby.hint(error.path, _folder_of(manifest))
            raise

    def digest(self, ref: MediaRef, *, manifest: str | None = None) -> tuple[bytes, int]:
        """Return the SHA-256 of all bytes of the medium (of the whole recording for a segment), and how many they are.

        A file of its own is read block by block, so that its size does not matter.

        Args:
            ref: Where they are.
            manifest: Names the medium; if it is missing, the nearest file beside the manifest is told.

        Raises:
            MediaError: As ``read`` does.
        """
        if ref.member is None and ref.offset is None and not payload_kind(ref.uri) and not is_remote(ref.uri):
            try:
                return _digest_file(_local_path(ref.uri), ref.name)
            except _MissingFile as error:
                error.hint = self._nearby.hint(error.path, _folder_of(manifest))
                raise
        data = self.read(ref, manifest=manifest)
        return hashlib.sha256(data).digest(), len(data)

    def _read(self, ref: MediaRef) -> bytes:
        if ref.start is None and ref.duration is None:
            return self._read_whole(ref)
        # Segments of one recording follow each other: read it once.
        whole = MediaRef(uri=ref.uri, member=ref.member, offset=ref.offset, size=ref.size)
        with self._lock:
            found = self._segments.get(whole)
            if found is not None:
                self._segments.move_to_end(whole)
                return found
        data = self._read_whole(whole)
        with self._lock:
            self._segments[whole] = data
            while len(self._segments) > 1 and sum(map(len, self._segments.values())) > _SEGMENT_CACHE_BYTES:
                self._segments.popitem(last=False)
        return data

    def close(self) -> None:
        """Close every open container and forget what was kept."""
        self._archives.close()
        self._cells.close()
        self._streams.close()
        with self._lock:
            self._segments.clear()

    def _read_whole(self, ref: MediaRef) -> bytes:
        if ref.offset is not None and ref.size is not None:
            data = self._read_range(ref.uri, ref.offset, ref.size, ref.name)
        elif payload_kind(ref.uri):
            data = self._read_payload(ref.uri, ref.name)
        elif ref.member is None:
            data = self._read_file(ref.uri)
        elif cell := _CELL.match(ref.member):
            data = self._read_cell(ref.uri, cell["column"], int(cell["row"]), cell["item"])
        else:
            data = self._archives.read(ref.uri, ref.member)
        if not data:
            raise MediaError(f"{ref.name} is empty (0 bytes)", cause="empty")
        return data

    def _read_file(self, uri: str) -> bytes:
        if is_remote(uri):
            self._check_remote(uri)
            return read_remote(uri, max_bytes=self._max_bytes)
        path = _local_path(uri)
        with _open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            self._check_size(size, uri)
            try:
                return file.read(self._max_bytes + 1)
            except OSError as error:
                raise _reading_failed(uri, error) from error

    def _read_range(self, uri: str, offset: int, size: int, name: str) -> bytes:
        self._check_size(size, name)
        if is_remote(uri):
            self._check_remote(uri)
            data = read_remote(uri, max_bytes=self._max_bytes, offset=offset, size=size)
        else:
            with _open_regular(_local_path(uri)) as file:
                try:
                    file.seek(offset)
                    data = file.read(size)
                except OSError as error:
                    raise _reading_failed(uri, error) from error
        if len(data) < size:
            raise MediaError(
                f"{name} should have {size} bytes from byte {offset} of {uri}, but the archive ends after {len(data)} "
                "of them",
                cause="truncated",
            )
        return data

    def _read_payload(self, text: str, name: str) -> bytes:
        self._check_size(len(text) * 3 // 4, name)
        try:
            return decode_payload(text)
        except ValueError as error:
            raise MediaError(f"{name} cannot be read: {error}", cause="undecodable") from error

    def _read_cell(self, uri: str, column: str, row: int, item: str | None) -> bytes:
        if uri.endswith(ARROW_SUFFIX) and not is_remote(uri):
            value = self._streams.get(_local_path(uri), column, row)
        else:
            value = self._cells.get(uri, column, row)
        if item is not None and isinstance(value, list) and int(item) < len(value):
            value = value[int(item)]
        if isinstance(value, dict):
            embedded, path = value.get("bytes"), value.get("path")
            value = embedded if embedded is not None else path
        if isinstance(value, str) and payload_kind(value):
            return self._read_payload(value, f"{column}[{row}]")
        if isinstance(value, str) and value:
            return self._read_file(_resolve(value, uri))
        if isinstance(value, bytes):
            self._check_size(len(value), f"{column}[{row}]")
            return value
        if value is None or value == "":
            raise MediaError(f"column {column!r} is null in row {row} of {uri}", cause="missing")
        raise MediaError(
            f"column {column!r} of {uri} holds {type(value).__name__}, not bytes, a path or a struct of both",
            cause="unreadable",
        )

    def _open_container(self, uri: str) -> IO[bytes]:
        """Return an archive or Parquet file as an open binary file."""
        if is_remote(uri):
            self._check_remote(uri)
            return open_remote(uri)
        return _open_regular(_local_path(uri))

    def _check_remote(self, uri: str) -> None:
        if not self._allow_remote:
            raise MediaError(
                f"{uri} is a remote address, and the config does not allow fetching those",
                cause="remote_not_allowed",
                hint="set input.allow_remote=true if the manifest is to be trusted.",
            )

    def _check_size(self, size: int, name: str) -> None:
        if size > self._max_bytes:
            raise MediaError(
                f"{name} has {size} bytes, more than the limit of {self._max_bytes}",
                cause="too_large",
                hint="split it, or convert it to a compressed format.",
            )


def _local_path(uri: str) -> str:
    for scheme in ("file://", "local://"):
        if uri.startswith(scheme):
            return uri[len(scheme) :]
    return uri


def _folder_of(manifest: str | None) -> str | None:
    if manifest is None or is_remote(manifest):
        return None
    path = _local_path(manifest)
    return path if os.path.isdir(path) else os.path.dirname(path)


def _resolve(path: str, container: str) -> str:
    """Return a path from inside a container relative to the folder of that container."""
    if is_remote(path) or os.path.isabs(_local_path(path)):
        return path
    if is_remote(container):
        return f"{container.rsplit('/', 1)[0]}/{path}"
    return str(Path(_local_path(container)).parent / path)


def _open_regular(path: str) -> io.BufferedReader:
    """Open a regular file for reading, never blocking on anything else."""
    try:
        # stat first: merely opening a device may do something. O_NONBLOCK and fstat guard against a swap in between.
        _refuse_special(path, os.stat(path).st_mode)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _MissingFile(path) from error
    except PermissionError as error:
        raise MediaError(
            f"{path} cannot be read (permission denied)",
            cause="permission_denied",
            hint="check the permissions of the file and of the folders above it.",
        ) from error
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _BAD_PATH_ERRNOS:
            raise _reading_failed(path, error) from error
        raise MediaError(f"{path[:300]!r} cannot be the path of a file: {error}", cause="bad_path") from error
    try:
        _refuse_special(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _digest_file(path: str, name: str) -> tuple[bytes, int]:
    state, size = hashlib.sha256(), 0
    with _open_regular(path) as file:
        try:
            while block := file.read(_BLOCK):
                state.update(block)
                size += len(block)
        except OSError as error:
            raise _reading_failed(path, error) from error
    if not size:
        raise MediaError(f"{name} is empty (0 bytes)", cause="empty")
    return state.digest(), size


def _refuse_special(path: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise MediaError(f"{path} is a directory, not a file", cause="is_directory")
    if not stat.S_ISREG(mode):
        kind = "a FIFO" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise MediaError(f"{path} is {kind}, not a regular file; it was not opened", cause="not_a_file")


def _reading_failed(name: str, error: OSError) -> MediaError:
    return MediaError(f"{name} cannot be read: {error.strerror or error}", cause="unreadable")
