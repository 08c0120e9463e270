"""Which vector belongs to which row of a run: found once, before any vector is stored.

Keys decide where both sides have them, and order is held against them. Without keys the order must be the same, and the
numbers of rows must be equal. Captions that lie beside the vectors must be those of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config.embeddings import EmbeddingsConfig
from mmcheck.core.arrays import Keys, Mask, Rows
from mmcheck.core.errors import UserError
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.core.types import Shard
from mmcheck.scanning.row_keys import RowKey, row_keys
from mmcheck.store.run_folder import read_part
from mmcheck.vectors.columns import hash_texts
from mmcheck.vectors.matching import KeyIndex
from mmcheck.vectors.source import VectorSource

_MOST = 0.5
"""Share of rows from which keys are taken to be the right ones, and captions to be others. Our own choice: rows without
a vector, or with a mended caption, are fewer than half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two sides as messages name them."""

    manifest: str
    vectors: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The vectors of one shard's rows."""

    row: Rows
    """Row of the vectors, -1 where there is none, shape (n,)."""
    other_caption: Mask
    """Where the vector was made of another caption than the row's, shape (n,)."""
    shared: Mask
    """Where several rows have this vector, and nothing says whose caption it was made of, shape (n,)."""


class Matching:
    """Matches the rows of a run with vectors.

    Args:
        source: The vectors.
        out: The run folder; its samples are stored.
        shards: Its shards.
        options: Section ``input.embeddings`` of the config.
        scratch: A folder for an index.
        is_limited: Whether only the first rows were asked for.
        offsets: Manifest -> its first row among the vectors, where these are columns of the manifests; else None.
        sides: Names for messages.

    Raises:
        UserError: If the two sides do not fit.
    """

    def __init__(
        self,
        source: VectorSource,
        out: Path,
        shards: Sequence[Shard],
        options: EmbeddingsConfig,
        scratch: Path,
        *,
        is_limited: bool,
        offsets: Mapping[str, int] | None,
        sides: Sides,
    ) -> None:
        self._source, self._out, self._shards, self._sides = source, out, shards, sides
        self._offsets = offsets
        self._key: RowKey | None = None
        self._index: KeyIndex | None = None
        self.num_rows = shards[-1].stop if shards else 0
        self.how = "by row"
        """How rows and vectors were matched."""
        if offsets is None:
            self._choose(options, scratch, is_limited=is_limited)
        name = source.captions if options.check_captions and offsets is None else None
        self._captions = source.hashes(name) if name is not None else None
        self._taken = self._look_over()

    def match(self, shard: Shard, table: pa.Table) -> Matched:
        """Return the vectors of a shard's rows.

        Args:
            shard: The shard.
            table: Its samples.
        """
        row = self._rows(shard, table)
        known = row >= 0
        other, shared = np.zeros(len(row), dtype=bool), np.zeros(len(row), dtype=bool)
        if self._captions is not None:
            other[known] = self._differs(table, row)[known]
        else:
            shared[known] = self._taken[row[known]] > 1
        return Matched(row=row, other_caption=other, shared=shared)

    @property
    def columns(self) -> list[str]:
        """Return the columns of the samples that ``match`` reads."""
        keys = [] if self._key is None else self._key.columns
        places = [] if self._offsets is None else ["manifest", "row_number"]
        return list(dict.fromkeys([IMAGE_CAPTION.text, *places, *keys]))

    def _rows(self, shard: Shard, table: pa.Table) -> Rows:
        if self._offsets is not None:
            starts = np.array([self._offsets[name] for name in table["manifest"].to_pylist()], dtype=np.int64)
            row = starts + table["row_number"].to_numpy() - 1
            return np.where(row < self._source.num_rows, row, -1)
        if self._index is not None and self._key is not None:
            return self._index.find(self._key.hashes(table))
        return np.arange(shard.start, shard.stop, dtype=np.int64)

    def _differs(self, table: pa.Table, row: Rows) -> Mask:
        captions = self._captions
        own = hash_texts(table[IMAGE_CAPTION.text].to_pylist())
        if captions is None:
            return np.zeros(len(own), dtype=bool)
        their = np.where(row >= 0, captions[np.maximum(row, 0)], np.uint64(0))
        found: Mask = (own != 0) & (their != 0) & (own != their)
        return found

    def _tables(self, columns: Sequence[str]) -> Iterator[tuple[Shard, pa.Table]]:
        for shard in self._shards:
            yield shard, read_part(self._out / "samples" / shard.part, columns)

    def _choose(self, options: EmbeddingsConfig, scratch: Path, *, is_limited: bool) -> None:
        """Choose keys, if both sides have some, and whether the order is the same.

        Raises:
            UserError: If keys or counts do not fit.
        """
        key, keys, index = self._choose_key(options, scratch)
        fits = self.num_rows == self._source.num_rows or (is_limited and self.num_rows < self._source.num_rows)
        if key is None or keys is None or index is None:
            if not fits:
                raise UserError(
                    f"{self._sides.manifest} has {self.num_rows:,} rows and {self._sides.vectors} "
                    f"{self._source.num_rows:,} vectors, and no key says which belong together.",
                    hint="give the manifest that the vectors were made of, or keys on both sides "
                    "(input.embeddings.key; columns named uid, key, id, url or image_path are found by themselves).",
                )
            self.how = "by order"
            return
        if fits and all(
            np.array_equal(key.hashes(table), keys[shard.start : shard.stop])
            for shard, table in self._tables(key.columns)
        ):
            self.how = f"by order, which is the same by {key}"
            return
        if not index.is_unique:
            raise UserError(
                f"the vectors of {self._sides.vectors} are in another order than {self._sides.manifest}, and several "
                f"have the same {key.name}, so that it is unclear which belong together.",
                hint="name a column that each row has alone: --set input.embeddings.key=NAME.",
            )
        self._key, self._index = key, index
        self.how = f"by {key}"

    def _choose_key(
        self, options: EmbeddingsConfig, scratch: Path
    ) -> tuple[RowKey | None, Keys | None, KeyIndex | None]:
        best: tuple[float, RowKey, Keys, KeyIndex] | None = None
        foreign: RowKey | None = None
        for number, name in enumerate(self._source.keys if self._shards else ()):
            keys = self._source.hashes(name)
            folder = scratch / f"index-{number}"
            folder.mkdir(exist_ok=True)
            index = KeyIndex(keys, folder)
            for way in row_keys([name]):
                own = way.hashes(read_part(self._out / "samples" / self._shards[0].part, way.columns))
                share = float((index.find(own)[own != 0] >= 0).mean()) if (own != 0).any() else 0.0
                if way.is_named and not share and (own != 0).any():
                    foreign = foreign or way
                if share and (best is None or share > best[0]):
                    best = (share, way, keys, index)
            if best is not None and best[0] >= _MOST:
                break
        if best is not None:
            return best[1:]
        if foreign is not None or (options.key is not None and self._source.keys):
            told = foreign or row_keys(self._source.keys)[0]
            raise UserError(
                f"none of the first rows of {self._sides.manifest} has its {told.name} among the vectors of "
                f"{self._sides.vectors}.",
                hint="are these the vectors of this manifest? If rows and vectors are in the same order, and only the "
                "keys differ: --set input.embeddings.key=none.",
            )
        return None, None, None

    def _look_over(self) -> NDArray[np.uint8]:
        """Return how many rows have each vector, up to 255.

        Raises:
            UserError: If no row has any, or most have vectors of other captions.
        """
        taken = np.zeros(self._source.num_rows, dtype=np.uint8)
        num_known = num_other = 0
        for shard, table in self._tables(self.columns):
            row = self._rows(shard, table)
            known = row[row >= 0]
            num_known += len(known)
            numbers, counts = np.unique(known, return_counts=True)
            taken[numbers] = np.minimum(taken[numbers].astype(np.int64) + counts, 255)
            num_other += int(self._differs(table, row).sum())
        if num_other > _MOST * max(1, num_known):
            raise UserError(
                f"the captions beside the vectors of {self._sides.vectors} are not those of {self._sides.manifest}: "
                f"{num_other:,} of {num_known:,} differ.",
                hint="are rows and vectors in the same order? If the captions are only written otherwise: "
                "--set input.embeddings.check_captions=false.",
            )
        return taken
