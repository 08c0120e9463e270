"""Shards of a spoken corpus on disk: an array of what is heard, one of phonemes, and a row for each clip."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def save_shard(folder: Path, number: int, arrays: dict[str, NDArray[Any]], rows: Sequence[Any]) -> None:
    """Writes a shard; the row file comes last, so who lists `*.jsonl` sees whole shards only.

    Args:
        folder: Where it goes.
        number: Its number.
        arrays: Name -> array.
        rows: One dataclass a clip.
    """
    stem = f"shard-{number:03d}"
    for name, array in arrays.items():
        np.save(folder / f"{stem}.{name}.npy", array)
    partial = folder / f"{stem}.partial"
    partial.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    partial.rename(folder / f"{stem}.jsonl")


ClipT = TypeVar("ClipT")


class ShardedCorpus(Generic[ClipT]):
    """Clips of every finished shard in a folder."""

    def __init__(self, folder: Path, heard: str, make_clip: Callable[..., ClipT]) -> None:
        """Opens the folder; `refresh` looks for shards that came later.

        Args:
            folder: The folder.
            heard: Name of the array of what is heard.
            make_clip: Makes a clip of a row's values.
        """
        self._folder = folder
        self._name = heard
        self._make_clip = make_clip
        self._heard: dict[str, NDArray[Any]] = {}
        self._labels: dict[str, NDArray[np.uint8]] = {}
        self.clips: list[tuple[str, ClipT]] = []
        self.refresh()

    def refresh(self) -> int:
        """Adds shards finished since the last look and returns the number of clips."""
        for path in sorted(self._folder.glob("shard-*.jsonl")):
            if path.stem not in self._heard:
                self._heard[path.stem] = np.load(self._folder / f"{path.stem}.{self._name}.npy", mmap_mode="r")
                self._labels[path.stem] = np.load(self._folder / f"{path.stem}.phonemes.npy")
                lines = path.read_text(encoding="utf-8").splitlines()
                self.clips += [(path.stem, self._make_clip(**json.loads(line))) for line in lines]
        return len(self.clips)
