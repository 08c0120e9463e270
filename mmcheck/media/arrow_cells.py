"""Single cells of Arrow streams (what ``datasets`` saves to disk), read from where they lie."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from mmcheck.core.errors import MediaError

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".arrow"
"""How the files are called."""
_MAX_FILES = 64  # streams that are kept open; our own choice: they are mapped, not read, so only handles count


class ArrowCells:
    """Cells by file, column and row. Thread-safe."""

    def __init__(self) -> None:
        self._tables: OrderedDict[str, tuple[list[int], list[pa.RecordBatch]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str, column: str, row: int) -> object:
        """Return a cell as a Python value.

        Args:
            path: A local file.
            column: Name of a column.
            row: 0-based row.

        Raises:
            MediaError: With cause ``missing`` or ``undecodable``.
        """
        import pyarrow as pa

        try:
            starts, batches = self._open(path)
            number = bisect.bisect_right(starts, row) - 1
            cell = batches[number].column(column).slice(row - starts[number], 1)
            cell.validate(full=True)  # offsets that lead out of a damaged file would crash Arrow
            value: object = cell[0].as_py()
            return value
        except FileNotFoundError as error:
            raise MediaError(f"there is no file {path}", cause="missing") from error
        except (pa.ArrowException, OSError, ValueError, KeyError, IndexError) as error:
            said = " ".join(str(error).split())[:300]
            raise MediaError(f"{column}[{row}] of {path} cannot be read: {said}", cause="undecodable") from error

    def close(self) -> None:
        """Forget all files."""
        with self._lock:
            self._tables.clear()

    def _open(self, path: str) -> tuple[list[int], list[pa.RecordBatch]]:
        import pyarrow as pa

        with self._lock:
            found = self._tables.pop(path, None)
            if found is None:
                # Batches of a mapped file point into it, so nothing is read before a cell is asked for.
                with pa.ipc.open_stream(pa.memory_map(path)) as reader:
                    batches = list(reader)
                starts = [0]
                for batch in batches:
                    starts.append(starts[-1] + batch.num_rows)
                found = starts, batches
            self._tables[path] = found
            while len(self._tables) > _MAX_FILES:
                self._tables.popitem(last=False)
            return found
