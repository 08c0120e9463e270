"""Lines in the order of their bytes, however many: what does not fit into memory waits in files.

``LC_ALL=C sort`` gives the same order, which Kaldi wants of its tables.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 32 << 20  # bytes of lines sorted in memory at once; our own choice: bounds memory
_READ_BYTES = 1 << 18  # bytes of a waiting file read at once; our own choice: bounds memory


class SortedLines:
    """Takes lines in any order and gives them back sorted, as often as asked for.

    Args:
        folder: Where files without a name may lie meanwhile; they are gone when this is.
        chunk_bytes: Bytes of lines that are sorted in memory at once.
    """

    def __init__(self, folder: Path, chunk_bytes: int = _CHUNK_BYTES) -> None:
        self._folder = folder
        self._chunk_bytes = chunk_bytes
        self._lines: list[bytes] = []
        self._size = 0
        self._files: list[IO[bytes]] = []

    def add(self, line: bytes) -> None:
        """Take one more line.

        Args:
            line: Its bytes, without its end.

        Raises:
            ValueError: If it holds a line end.
        """
        if b"\n" in line:
            raise ValueError("a line holds no line end")
        self._lines.append(line)
        self._size += len(line)
        if self._size >= self._chunk_bytes:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines in order; equal ones follow each other."""
        self._lines.sort()
        return heapq.merge(*(_read(file) for file in self._files), self._lines)

    def _spill(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=self._folder)
        self._lines.sort()
        file.writelines(line + b"\n" for line in self._lines)
        file.flush()
        self._files.append(file)
        self._lines, self._size = [], 0


def _read(file: IO[bytes]) -> Iterator[bytes]:
    # Several may read at once, so none counts on where another one left the file.
    position = 0
    while True:
        file.seek(position)
        lines = file.readlines(_READ_BYTES)
        if not lines:
            return
        position = file.tell()
        for line in lines:
            yield line[:-1]
