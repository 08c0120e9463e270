"""Single cells of Parquet files (embedded media), read a row group at a time.

A row group of ordinary size is decoded whole and kept, so access inside it is free in any order. One that is too
big for memory (a file written as a single group) is walked through in small batches instead: cheap in the file's
order, one pass for each step back.
"""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from mmcheck.core.errors import MediaError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_MAX_FILES = 4  # files that are kept open; our own choice: bounds memory
_WHOLE_GROUP_BYTES = 256 << 20
"""Bytes up to which the column of a row group is read whole. Our own choice: bounds memory."""
_BATCH_ROWS = 32  # rows read at once of larger ones; our own choice: bounds memory
_KEPT_BYTES = 256 << 20  # bytes of read columns that are kept; our own choice: bounds memory
_KEPT_PIECES = 64  # read columns that are kept; our own choice: bounds memory


class ParquetCells:
    """Cells by file, column and row, for the files used last. Thread-safe.

    Args:
        open_file: Returns a Parquet file as an open, seekable binary file; raises MediaError.
    """

    def __init__(self, open_file: Callable[[str], IO[bytes]]) -> None:
        self._open_file = open_file
        self._readers: OrderedDict[str, _Reader] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, uri: str, column: str, row: int) -> object:
        """Return the cell as a Python value (bytes, str, dict or None).

        Args:
            uri: The Parquet file.
            column: Name of a top-level column.
            row: 0-based row in the file.

        Raises:
            MediaError: With cause ``missing``, ``undecodable`` or what opening the file raised.
        """
        dropped: list[_Reader] = []
        with self._lock:
            reader = self._readers.pop(uri, None) or _Reader(uri, self._open_file)
            self._readers[uri] = reader
            while len(self._readers) > _MAX_FILES:
                dropped.append(self._readers.popitem(last=False)[1])
        for old in dropped:
            old.close()
        return reader.get(column, row)

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            readers = list(self._readers.values())
            self._readers.clear()
        for reader in readers:
            reader.close()


class _Reader:
    def __init__(self, uri: str, open_file: Callable[[str], IO[bytes]]) -> None:
        self._uri = uri
        self._open_file = open_file
        self._lock = threading.Lock()
        self._raw: IO[bytes] | None = None
        self._file: pq.ParquetFile | None = None
        self._starts: list[int] = []
        # (column, first row) -> rows as an Arrow column
        self._pieces: OrderedDict[tuple[str, int], pa.Array] = OrderedDict()
        self._walks: dict[str, tuple[int, int, Iterator[pa.RecordBatch]]] = {}

    def get(self, column: str, row: int) -> object:
        import pyarrow as pa

        with self._lock:
            try:
                return self._get(column, row)
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                said = " ".join(str(error).split())[:300]
                message = f"{column}[{row}] of {self._uri} cannot be read: {said}"
                raise MediaError(message, cause="undecodable") from error

    def close(self) -> None:
        with self._lock:
            self._pieces.clear()
            self._walks.clear()
            if self._file is not None:
                self._file.close()
            if self._raw is not None:
                self._raw.close()
            self._file = self._raw = None

    def _open(self) -> pq.ParquetFile:
        import pyarrow.parquet as pq

        if self._file is None:
            self._raw = self._open_file(self._uri)
            # Without pre-buffering a big row group is streamed page by page instead of being loaded whole.
            self._file = pq.ParquetFile(self._raw, pre_buffer=False, buffer_size=1 << 20)
            metadata = self._file.metadata
            self._starts = [0]
            for index in range(metadata.num_row_groups):
                self._starts.append(self._starts[-1] + metadata.row_group(index).num_rows)
        return self._file

    def _get(self, column: str, row: int) -> object:
        file = self._open()
        if column not in file.schema_arrow.names:
            raise MediaError(f"there is no column {column!r} in {self._uri}", cause="missing")
        if row >= self._starts[-1]:
            message = f"there is no row {row} in {self._uri}, which has {self._starts[-1]} rows"
            raise MediaError(message, cause="missing")
        for (name, first), piece in self._pieces.items():
            if name == column and first <= row < first + len(piece):
                self._pieces.move_to_end((name, first))
                return piece[row - first].as_py()
        group = bisect.bisect_right(self._starts, row) - 1
        first, piece = (
            self._whole_group(column, group) if self._is_small(column, group) else self._walk(column, group, row)
        )
        return piece[row - first].as_py()

    def _is_small(self, column: str, group: int) -> bool:
        metadata = self._open().metadata.row_group(group)
        size = 0
        for index in range(metadata.num_columns):
            chunk = metadata.column(index)
            if chunk.path_in_schema == column or chunk.path_in_schema.startswith(f"{column}."):
                size += chunk.total_uncompressed_size
        return size <= _WHOLE_GROUP_BYTES

    def _whole_group(self, column: str, group: int) -> tuple[int, pa.Array]:
        piece = self._open().read_row_group(group, columns=[column], use_threads=False).column(column)
        return self._keep(column, self._starts[group], piece)

    def _walk(self, column: str, group: int, row: int) -> tuple[int, pa.Array]:
        at, next_row, batches = self._walks.get(column, (-1, 0, iter(())))
        if at != group or row < next_row:
            next_row = self._starts[group]
            batches = self._open().iter_batches(
                batch_size=_BATCH_ROWS, row_groups=[group], columns=[column], use_threads=False
            )
        for batch in batches:
            first, piece = next_row, batch.column(batch.schema.get_field_index(column))
            next_row += len(piece)
            self._walks[column] = (group, next_row, batches)
            self._keep(column, first, piece)
            if row < next_row:
                return first, piece
        raise ValueError(f"row group {group} ends before row {row}")

    def _keep(self, column: str, first: int, piece: pa.Array) -> tuple[int, pa.Array]:
        self._pieces[(column, first)] = piece
        # Two at least: threads straddle the border between a row group and the next.
        while len(self._pieces) > 2 and (
            len(self._pieces) > _KEPT_PIECES or sum(kept.nbytes for kept in self._pieces.values()) > _KEPT_BYTES
        ):
            self._pieces.popitem(last=False)
        return first, piece
