"""Which vector belongs to which row: by keys where both sides have them, else by order, which must then be whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmcheck.core.arrays import Keys, Rows


class KeyIndex:
    """Finds rows of the vectors by their keys.

    Args:
        keys: Hashes of their keys, 0 where there is none, shape (n,).
        scratch: A folder for the sorted keys; mapped, so that memory stays flat.
    """

    def __init__(self, keys: Keys, scratch: Path) -> None:
        kind = np.dtype([("key", "<u8"), ("row", "<i8")])
        self._sorted = np.lib.format.open_memmap(scratch / "index.npy", mode="w+", dtype=kind, shape=(len(keys),))
        self._sorted["key"] = keys
        self._sorted["row"] = np.arange(len(keys))
        self._sorted.sort(order=("key", "row"))
        found = self._sorted["key"]
        self.is_unique = not bool(((found[1:] == found[:-1]) & (found[1:] != 0)).any())
        """Whether no key occurs twice."""

    def find(self, keys: Keys) -> Rows:
        """Return the row of each key, the first one of equal keys; -1 where it has none, shape (m,)."""
        known = self._sorted["key"]
        if not len(known):
            return np.full(len(keys), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        found = self._sorted["row"][place].astype(np.int64)
        return np.where((known[place] == keys) & (keys != 0), found, -1)
