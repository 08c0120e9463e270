"""Embeddings of chosen rows, handed out batch by batch, while each shard is read once.

Rows of one batch may lie anywhere in a run, so that reading the shards anew for each batch would grow with the square
of the run. Where there are several batches, the vectors are written in one pass to a temporary file (of the system's
folder for such files, TMPDIR), a block a batch and shard, and come back from there: as many bytes as the run folder
holds of those rows. A single batch needs no file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import IO

import numpy as np

from mmcheck.core.arrays import Rows, StoredVectors, Vectors
from mmcheck.core.errors import RunError
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import normalise, read_stored


@dataclass(frozen=True, slots=True)
class _Block:
    """Where the vectors of one shard's rows of one batch lie in the file."""

    offset: int
    rows: Rows


class BatchedVectors:
    """The embeddings of rows by batch; a context manager, which drops the file in the end.

    Args:
        shards: The run's shards.
        sizes: Rows of each.
        probe: The probe that stored the embeddings.
        names: Which embeddings; rows without all of them are left out.
        batch: Number of each row's batch, -1 where it is in none, shape (n,).
    """

    def __init__(
        self, shards: Sequence[ShardTables], sizes: Sequence[int], probe: str, names: Sequence[str], batch: Rows
    ) -> None:
        self._shards = shards
        self._sizes = sizes
        self._probe = probe
        self._names = list(names)
        self._batch = batch
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None
        self._blocks: dict[int, list[_Block]] = {}
        self._widths: dict[str, tuple[int, np.dtype[np.generic]]] = {}

    def __enter__(self) -> BatchedVectors:
        """Read the shards, if there are several batches.

        Raises:
            RunError: If the temporary file cannot be written.
        """
        if self._batch.max(initial=-1) > 0:
            try:
                self._file = self._stack.enter_context(tempfile.TemporaryFile(prefix="mmcheck-"))
                self._write(self._file)
            except OSError as error:
                self._stack.close()
                raise RunError(
                    f"embeddings could not be written to a temporary file in {tempfile.gettempdir()}: {error}",
                    hint="make room there, or set TMPDIR to a folder with more room, and run the same command again.",
                ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop the file."""
        self._stack.close()

    def read(self, number: int) -> Iterator[tuple[Rows, dict[str, Vectors]]]:
        """Yield a batch's rows, ascending, and their vectors of unit length by name, some rows at a time."""
        if self._file is None:
            for rows, stored in self._read_shards():
                is_wanted = self._batch[rows] == number
                if is_wanted.any():
                    yield rows[is_wanted], {name: normalise(stored[name][is_wanted]) for name in self._names}
            return
        for block in self._blocks.get(number, ()):
            self._file.seek(block.offset)
            found = {}
            for name in self._names:
                width, kind = self._widths[name]
                data = self._file.read(len(block.rows) * width * kind.itemsize)
                found[name] = normalise(np.frombuffer(data, dtype=kind).reshape(len(block.rows), width))
            yield block.rows, found

    def _write(self, file: IO[bytes]) -> None:
        offset = 0
        for rows, stored in self._read_shards():
            self._widths = {name: (stored[name].shape[1], stored[name].dtype) for name in self._names}
            numbers = self._batch[rows]
            for number in np.unique(numbers).tolist():
                here = numbers == number
                self._blocks.setdefault(number, []).append(_Block(offset, rows[here]))
                offset += sum(file.write(np.ascontiguousarray(stored[name][here]).data) for name in self._names)

    def _read_shards(self) -> Iterator[tuple[Rows, dict[str, StoredVectors]]]:
        """Yield, of each shard that holds any, the wanted rows that have vectors, and these as they are stored."""
        start = 0
        for shard, size in zip(self._shards, self._sizes, strict=True):
            if (self._batch[start : start + size] >= 0).any():
                present, stored = read_stored(shard, self._probe, self._names)
                rows = start + np.flatnonzero(present)
                is_wanted = self._batch[rows] >= 0
                if is_wanted.any():
                    yield rows[is_wanted], {name: stored[name][is_wanted] for name in self._names}
            start += size
