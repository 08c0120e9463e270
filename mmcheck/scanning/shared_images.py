"""One image under several captions is looked at once, wherever in the run its rows stand.

The first row of an image, in the order of the run, is measured; a later one takes over what was found there. Rows that
name the same place (file, member, byte range) are known from the plan and not even read; equal bytes at other places
show when they are read (``same_bytes``). What is taken over is what the part holds on disk (embeddings in half
precision), so a run that was stopped and continued ends in the same bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mmcheck.core.types import Measurement, Shard
from mmcheck.corpus.content_keys import place_keys
from mmcheck.scanning.same_bytes import LABEL, SameBytes
from mmcheck.store.run_folder import column_names, read_part
from mmcheck.store.schema import EMBEDDING_PREFIX, find_labels, table_to_measurements

_IN_MEMORY = 16_384
"""Measurements of first rows that are kept; others are read from their part again. Our own choice: bounds memory."""
_PARTS_IN_MEMORY = 16  # parts that are kept as records; our own choice: bounds memory
_PLACE = ("uri", "member", "offset", "size")
_OF_THE_IMAGE = "image"
"""The embedding that rows with the same image share."""


class SharedImages:
    """What is known of images that several rows have.

    Args:
        out: The run folder.
        shards: All shards of the run; none: nothing is shared.
        fingerprints: Fingerprint of each probe; parts of others do not count.
    """

    def __init__(self, out: Path, shards: Sequence[Shard], fingerprints: Mapping[str, str]) -> None:
        self._out = out
        self._shards = shards
        self._fingerprints = fingerprints
        self._first, self._is_repeated = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        self._kept: OrderedDict[tuple[str, int], Measurement] = OrderedDict()
        self._parts: OrderedDict[tuple[str, int], pa.Table | None] = OrderedDict()
        self.by_bytes = SameBytes(0)
        """The rows by the bytes of their images."""

    def open(self) -> None:
        """Find the rows that name the same places."""
        self._first, self._is_repeated = _find_repeats(self._out, self._shards)
        self.by_bytes = SameBytes(self._shards[-1].stop if self._shards else 0)

    def first_row(self, row: int) -> int | None:
        """Return the first row of the run that names the same place as ``row``; None if that is the row itself."""
        if not len(self._first):
            return None
        first = int(self._first[row])
        return first if first < row else None

    def is_same_place(self, row: int, other: int) -> bool:
        """Return whether two rows name their images at the same place, so that what fails for one fails for both."""
        return len(self._first) > 0 and bool(self._first[row] == self._first[other])

    def load_keys(self, probe: str, shard: Shard, part: Path) -> None:
        """Take up what an earlier call of the scan settled about the bytes of a shard's images.

        Args:
            probe: A probe that shares images.
            shard: The shard.
            part: Its measurements of that shard, all or the first ones.
        """
        labels = find_labels(part) or {}
        if LABEL in labels and labels.get("fingerprint") == self._fingerprints[probe]:
            self.by_bytes.load(shard.start, labels[LABEL])

    def keep(self, probe: str, start: int, measurements: Sequence[Measurement]) -> None:
        """Remember the measurements of a stored shard as far as later rows may ask for them.

        Args:
            probe: Whose.
            start: The shard's first row.
            measurements: One a row.
        """
        repeated = self._is_repeated[start : start + len(measurements)] if len(self._first) else ()
        for at, measurement in enumerate(measurements):
            if (len(repeated) and repeated[at]) or (len(self.by_bytes) and self.by_bytes.is_first(start + at)):
                self._kept[probe, start + at] = _of_the_image(measurement)
        while len(self._kept) > _IN_MEMORY:
            self._kept.popitem(last=False)

    def find(self, probe: str, row: int) -> Measurement | None:
        """Return what a probe found out about an earlier row, as stored; None if that is not known.

        Of its embeddings it has the image's alone.
        """
        if (found := self._kept.get((probe, row))) is not None:
            return found
        size = self._shards[0].stop
        number = row // size
        if (probe, number) not in self._parts:
            self._parts[probe, number] = self._read(probe, self._shards[number])
            while len(self._parts) > _PARTS_IN_MEMORY:
                self._parts.popitem(last=False)
        part = self._parts[probe, number]
        return table_to_measurements(part.slice(row - number * size, 1), probe)[0] if part is not None else None

    def _read(self, probe: str, shard: Shard) -> pa.Table | None:
        path = self._out / "measurements" / probe / shard.part
        labels = find_labels(path)
        if labels is None or labels.get("fingerprint") != self._fingerprints[probe]:
            return None
        shared = EMBEDDING_PREFIX + _OF_THE_IMAGE
        names = [name for name in column_names(path) if name == shared or not name.startswith(EMBEDDING_PREFIX)]
        return read_part(path, names)


def _of_the_image(measurement: Measurement) -> Measurement:
    halves: dict[str, Any] = {
        name: np.asarray(vector, dtype=np.float16)
        for name, vector in measurement.embeddings.items()
        if name == _OF_THE_IMAGE
    }
    return replace(measurement, embeddings=halves)


def _find_repeats(out: Path, shards: Sequence[Shard]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the first row with each row's image, and which first rows have others; nothing if no image repeats."""
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    parts = [np.zeros(0, dtype=np.uint64), *(_image_keys(out / "samples" / shard.part) for shard in shards)]
    keys = np.concatenate(parts)
    _, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    counts[keys[first] == 0] = 1
    if not (counts > 1).any():
        return nothing
    rows = np.arange(len(keys))
    of_row = np.where(keys == 0, rows, first[inverse])
    is_repeated = np.zeros(len(keys), dtype=bool)
    is_repeated[first[counts > 1]] = True
    return of_row, is_repeated


def _image_keys(part: Path) -> NDArray[np.uint64]:
    """Return 64 bits of where each row's image lies; 0 where it has none, or not that alone."""
    table = read_part(part, ["image", "audio", "problem"])
    # Beside a recording the values are not the image's alone.
    alone = pc.and_(pc.is_null(table["audio"]), pc.is_null(table["problem"])).to_numpy()
    if "further" in pq.read_schema(part).names:
        alone &= pc.is_null(read_part(part, ["further"])["further"]).to_numpy()
    return place_keys(table["image"], alone, _PLACE)
