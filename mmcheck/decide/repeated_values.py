"""Which values of a column stood in the run before: found once, before the rows are judged, in bounded memory.

A value is held as 64 bits, in an array of a word a row that lies on disk where the run is large; equal words are found
a slice of all words at a time. Two different values of n share their word with a probability of n^2 / 2^65 (3e-6 at ten
million), which is accepted.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Keys, Rows
from mmcheck.core.errors import OutputError
from mmcheck.judge.column_values import is_missing, plain_text
from mmcheck.judge.columns import read_values
from mmcheck.store.run_folder import RunFolder, read_part

_SORTED_ROWS = 4_000_000
"""Rows that are compared at once, and up to which nothing goes to disk. Our own choice: some 100 MB."""
_BLOCK = 1 << 20  # rows of a stored array that are looked through at once; our own choice: 8 MB
_MANIFEST_SHIFT = 40
"""Bits for the row's number below that of its manifest. Our own choice: a trillion rows, eight million manifests."""


class RepeatedValues:
    """Where the values of some columns stood first.

    Args:
        run: The planned run.
        columns: The columns.
        sorted_rows: How many rows are compared at once.

    Raises:
        RunError: If a part is missing or damaged.
        OutputError: If the run is large and its folder cannot be written.
    """

    def __init__(self, run: RunFolder, columns: Sequence[str], *, sorted_rows: int = _SORTED_ROWS) -> None:
        self._files: list[IO[bytes]] = []
        self._manifests: dict[str, int] = {}
        self._rows = run.record.rows if columns else 0
        self._in_memory = self._rows <= sorted_rows
        self._folder = run.path
        self._places = self._array(np.int64)
        keys: dict[str, Keys] = {name: self._array(np.uint64) for name in columns}
        for shard in run.shards() if columns else []:
            self._read(run.samples_part(shard), slice(shard.start, shard.stop), keys)
        self._first = {name: self._find_first(found, sorted_rows) for name, found in keys.items()}
        self._names = [name.rstrip("/").rsplit("/", 1)[-1] for name in self._manifests]

    def earlier(self, start: int, stop: int) -> dict[str, dict[int, str]]:
        """Return, by column, the rows of a group whose value stood before, and where, in words.

        Args:
            start: The group's first row in the run.
            stop: One past its last.
        """
        return {name: self._told(first[start:stop]) for name, first in self._first.items()}

    def close(self) -> None:
        """Give the files back."""
        for file in self._files:
            file.close()

    def _told(self, first: Rows) -> dict[int, str]:
        rows = np.flatnonzero(first)
        places = self._places[first[rows] - 1]
        return {row: self._place(place) for row, place in zip(rows.tolist(), places.tolist(), strict=True)}

    def _place(self, place: int) -> str:
        number = place & ((1 << _MANIFEST_SHIFT) - 1)
        return f"row {number} of {self._names[place >> _MANIFEST_SHIFT]}"

    def _read(self, part: Path, where: slice, keys: Mapping[str, Keys]) -> None:
        table = read_part(part, ["row", "manifest", "row_number", "problem"])
        numbers = table["row_number"].to_pylist()
        self._places[where] = [
            self._manifests.setdefault(manifest, len(self._manifests)) << _MANIFEST_SHIFT | number
            for manifest, number in zip(table["manifest"].to_pylist(), numbers, strict=True)
        ]
        is_sound = table["problem"].is_null().to_pylist()
        for name, values in read_values(table["row"], list(keys)).items():
            keys[name][where] = [_hash(value) if sound else 0 for value, sound in zip(values, is_sound, strict=True)]

    def _find_first(self, keys: Keys, sorted_rows: int) -> Rows:
        """Return for each row one more than the first row with its value, 0 where this is the first, or has none."""
        first = self._array(np.int64)
        slices = max(1, -(-self._rows // sorted_rows))
        for number in range(slices):
            rows = np.concatenate([np.zeros(0, dtype=np.int64), *_rows_of(keys, number, slices)])
            found = keys[rows]
            order = np.argsort(found, kind="stable")
            ordered, rows = found[order], rows[order]
            begins = np.ones(len(ordered), dtype=bool)
            begins[1:] = ordered[1:] != ordered[:-1]
            lead = rows[np.flatnonzero(begins)[np.cumsum(begins) - 1]] if len(rows) else rows
            first[rows[~begins]] = lead[~begins] + 1
        return first

    def _array(self, kind: Any) -> NDArray[Any]:
        if self._in_memory:
            return np.zeros(self._rows, dtype=kind)
        # Without a name, so that a killed run leaves nothing; written in full, so that a full disk is told here.
        try:
            file = tempfile.TemporaryFile(dir=self._folder)
            self._files.append(file)
            for start in range(0, self._rows, _BLOCK):
                file.write(bytes(8 * min(_BLOCK, self._rows - start)))
            file.flush()
            return np.memmap(file, dtype=kind, mode="r+", shape=(self._rows,))
        except OSError as error:
            raise OutputError(
                f"cannot write to {self._folder}: {error.strerror or error}.", hint="free some space and judge again."
            ) from error


def _rows_of(keys: Keys, number: int, slices: int) -> list[Rows]:
    found = []
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK]
        found.append(start + np.flatnonzero((block != 0) & (block % np.uint64(slices) == number)))
    return found


def _hash(value: object) -> int:
    if is_missing(value):
        return 0
    digest = hashlib.blake2b(plain_text(value).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return max(1, int.from_bytes(digest, "little"))
