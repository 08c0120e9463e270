"""All values of every metric of a run, one metric at a time: quantiles need them all, memory does not.

A million rows hold hundreds of megabytes of values. Beyond a limit they go to unnamed files in the run folder and only
the metric that is asked for comes back.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from mmcheck.core.errors import OutputError

_HELD_BYTES = 16 << 20  # bytes of values that are held before they go to disk; our own choice: bounds memory


class MetricValues:
    """Values by metric, in the order in which they were added.

    Args:
        folder: Where values go that are too many for memory; None: all are kept in memory.
        held_bytes: How many bytes are kept in memory before.
    """

    def __init__(self, folder: Path | None = None, held_bytes: int = _HELD_BYTES) -> None:
        self._folder = folder
        self._limit = held_bytes
        self._held: dict[str, list[np.ndarray[Any, Any]]] = {}
        self._bytes = 0
        self._files: dict[str, IO[bytes]] = {}

    def names(self) -> list[str]:
        """Return the metrics that have values, in the order in which they came."""
        return list(self._held)

    def add(self, name: str, values: np.ndarray[Any, Any]) -> None:
        """Add float64 values of one metric; none at all are as if never added.

        Raises:
            OutputError: If the folder cannot be written.
        """
        if not len(values):
            return
        self._held.setdefault(name, []).append(values)
        self._bytes += values.nbytes
        if self._folder is not None and self._bytes > self._limit:
            self._spill(self._folder)

    def get(self, name: str) -> np.ndarray[Any, Any]:
        """Return all values of one metric; empty if it has none."""
        parts = self._held.get(name, [])
        if name in self._files:
            file = self._files[name]
            file.seek(0)
            parts = [np.frombuffer(file.read(), dtype=np.float64), *parts]
        return np.concatenate(parts) if parts else np.zeros(0)

    def close(self) -> None:
        """Give the files back."""
        for file in self._files.values():
            file.close()

    def _spill(self, folder: Path) -> None:
        try:
            for name, parts in self._held.items():
                if name not in self._files:
                    # It has no name from the beginning, so that a killed run leaves nothing behind.
                    self._files[name] = tempfile.TemporaryFile(dir=folder)
                file = self._files[name]
                file.seek(0, 2)
                for part in parts:
                    file.write(np.ascontiguousarray(part, dtype=np.float64).data)
                parts.clear()
        except OSError as error:
            raise OutputError(
                f"cannot write to {folder}: {error.strerror or error}.", hint="free some space and judge again."
            ) from error
        self._bytes = 0
