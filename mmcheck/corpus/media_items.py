"""The different images, recordings and texts of a run, with what they are compared and ranked by.

Rows with equal bytes share one item, which is compared once. Items are in the order of their content keys, so that what
is made of them does not depend on the order of the rows. About a hundred bytes a row are kept, embeddings are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Keys, Rows
from mmcheck.core.constants import BLANK_FROM
from mmcheck.core.pair_kinds import KIND_OF, MEDIA, PAIR_KINDS, TEXTS
from mmcheck.core.types import Status
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.constants import DAMAGED_FROM
from mmcheck.corpus.content_keys import hash_texts, join_keys, medium_keys, place_keys, text_keys
from mmcheck.corpus.embeddings import gather_bank, read_embeddings
from mmcheck.corpus.groups import number_members
from mmcheck.corpus.neighbour_index import EXACT_ROWS, NeighbourIndex
from mmcheck.store.media_columns import IMAGE_COLOURS, IMAGE_HASH, IMAGE_VIEWS, MEDIA_COLUMNS
from mmcheck.store.schema import read_bytes

_VALUES = ("width", "height", "duration", "blankness", *DAMAGED_FROM)
_MEASURED = ("status", *_VALUES, *(column.name for column in MEDIA_COLUMNS))
_SCORE_DIGITS = 3
"""Decimals of a score that may choose between copies. Our own choice: a thousandth is no better fit."""
_COLUMNS = ("id", "manifest", "row_number", *MEDIA, *TEXTS, "problem")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRows:
    """One kind of medium in all rows of the run; arrays of shape (n,) unless said otherwise."""

    key: Keys
    """Content of the medium, 0 where there is none that could be read."""
    place: Keys
    """Where the medium lies (file, member, segment), 0 where there is none that could be read."""
    text: Keys
    """Content of the text that goes with it, 0 where there is none."""
    source: Keys
    """The manifest row; several texts of one row share it."""
    score: Floats
    """How well the pair fits, NaN where unknown."""
    size: Floats
    """Pixels or seconds, NaN where unknown."""
    phash: Keys
    """Perceptual hash; images only."""
    colours: NDArray[np.uint8]
    """Field colours, shape (n, 48); images only."""
    views: NDArray[np.uint8]
    """Further looks (``mmcheck.media.image_views``), shape (n, 224), zeros where there are none; images only."""
    has_hash: NDArray[np.bool_]
    """Which have both."""
    is_blank: NDArray[np.bool_]
    """Which are of one colour, or nearly; images only."""
    is_damaged: NDArray[np.bool_]
    """Which lack part of their picture; images only."""

    def repeats(self, rank: Rows) -> tuple[Rows, Rows]:
        """Return which of the equal files each row's medium is, and which of the equal pairs each row is.

        Both count from 1 among the rows with this medium and this very text: an image with several captions is one
        image, not several copies of it.
        """
        group = join_keys(self.key, self.text)
        rows = np.arange(len(self.key)).astype(np.uint64)
        return number_members(group, self.place, rank), number_members(group, rows, rank)

    def rank(self, keep: str, by_name: Rows) -> Rows:
        """Return the place of each row when the best representative stands first (see ``DuplicatesConfig.keep``).

        A damaged image stands last whatever else it has: it is never the better copy of a sound one.

        Args:
            keep: What is best.
            by_name: Place of each row by its name, which decides where nothing else does (see ``rank_by_name``).
        """
        count = len(self.key)
        rows = np.arange(count)
        place = np.empty(count, dtype=np.int64)
        if keep == "first":
            place[np.lexsort((by_name, self.is_damaged))] = rows
            return place
        score, size = (np.where(np.isnan(value), -np.inf, value) for value in (self._score_of_pair(), self.size))
        first, second = {"best_aligned": (score, size), "largest": (size, score)}[keep]
        place[np.lexsort((by_name, self.key, -second, -first, self.is_damaged))] = rows
        return place

    def _score_of_pair(self) -> Floats:
        """Return the scores by which copies are ranked: equal ones for equal pairs, and for pairs that fit alike.

        What a model computes differs in its last digits from batch to batch, and these must not choose a copy.
        """
        pairs, of_row = np.unique(join_keys(self.key, self.text), return_inverse=True)
        best = np.full(len(pairs), -np.inf)
        np.fmax.at(best, of_row, self.score)
        found: Floats = np.round(best[of_row], _SCORE_DIGITS)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Different contents of one kind."""

    of_row: Rows
    """Item of each row, -1 where it has none, shape (n,)."""
    first_row: Rows
    """First row of each item, shape (m,)."""
    rank: Rows
    """Distinct ranks of the items, by their best rows, shape (m,)."""


def to_items(key: Keys, rank: Rows) -> Items:
    """Return the different keys as items, in the order of the keys; 0 is no key."""
    of_row = np.full(len(key), -1, dtype=np.int64)
    rows = np.flatnonzero(key)
    _, first, inverse = np.unique(key[rows], return_index=True, return_inverse=True)
    of_row[rows] = inverse
    best = np.full(len(first), len(key), dtype=np.int64)
    np.minimum.at(best, inverse, rank[rows])
    return Items(of_row=of_row, first_row=rows[first], rank=best)


def read_media_rows(shards: Sequence[ShardTables]) -> tuple[list[int], dict[str, MediaRows]]:
    """Return the rows of each shard, and what the rows hold of each kind of pair, by its name."""
    sizes: list[int] = []
    parts: dict[str, list[MediaRows]] = {modality: [] for modality in KIND_OF}
    for shard in shards:
        for modality, found in _read_shard(shard).items():
            parts[modality].append(found)
        sizes.append(len(parts[PAIR_KINDS[0].name][-1].key))
    return sizes, {modality: _concatenate(found) for modality, found in parts.items()}


def read_index(
    shards: Sequence[ShardTables], modality: str, items: Items, seed: int, exact_rows: int = EXACT_ROWS
) -> tuple[NeighbourIndex, Rows]:
    """Return an index of the items' embeddings, and the row in it of each item (-1: it has none), shape (m,)."""
    kind = KIND_OF[modality]
    probe, name = kind.embedded_by, kind.medium
    place = np.full(len(items.first_row), -1, dtype=np.int64)
    index: NeighbourIndex | None = None
    start = 0
    for shard in shards:
        present, found = read_embeddings(shard, probe, [name])
        item = items.of_row[start : start + len(present)][present]
        start += len(present)
        if not len(item):
            continue
        vectors = found[name]
        if index is None:
            index = NeighbourIndex(vectors.shape[1], len(items.first_row), seed, exact_rows=exact_rows)
            if not index.is_exact:
                bank = gather_bank(shards, probe, [name], size=index.num_cells + 4096, seed=seed)
                index.train(bank.vectors[name])
        new = np.flatnonzero(item >= 0)
        new = new[place[item[new]] < 0]
        _, first = np.unique(item[new], return_index=True)
        new = new[np.sort(first)]
        place[item[new]] = np.arange(len(index), len(index) + len(new))
        index.add(vectors[new])
    return index if index is not None else NeighbourIndex(1, 0, seed), place


def _read_shard(shard: ShardTables) -> dict[str, MediaRows]:
    samples = shard.samples(_COLUMNS)
    count = samples.num_rows
    sound = pc.is_null(samples["problem"]).to_numpy()
    media = shard.measurements("media", _MEASURED)
    readable = sound
    if media is not None:
        readable = sound & np.asarray(media["status"].to_numpy(zero_copy_only=False) == Status.MEASURED.value)
    numbers = samples["row_number"].combine_chunks().cast(pa.string())
    place = pc.binary_join_element_wise(samples["manifest"].combine_chunks().cast(pa.string()), numbers, "\n")
    source = hash_texts(place)
    found = {}
    for kind in PAIR_KINDS:
        places = place_keys(samples[kind.medium], readable)
        size = read_metric(media, "width", count) * read_metric(media, "height", count)
        # Zeros stand where there are none, so that equal runs give equal arrays.
        hashed, phash = read_bytes(media, IMAGE_HASH, count)
        coloured, colours = read_bytes(media, IMAGE_COLOURS, count)
        has_hash = hashed & coloured & (places != 0) & kind.is_seen
        found[kind.name] = MediaRows(
            key=medium_keys(media, kind.medium, places),
            place=places,
            text=text_keys(samples[kind.text], sound),
            source=source,
            score=read_metric(shard.measurements(kind.probe, (kind.score,)), kind.score, count),
            size=size if kind.is_seen else read_metric(media, "duration", count),
            phash=np.where(has_hash, phash.view(">u8")[:, 0], 0).astype(np.uint64),
            colours=np.where(has_hash[:, None], colours, np.uint8(0)),
            views=np.where(has_hash[:, None], read_bytes(media, IMAGE_VIEWS, count)[1], np.uint8(0)),
            has_hash=has_hash,
            is_blank=(read_metric(media, "blankness", count) > BLANK_FROM) & (places != 0) & kind.is_seen,
            is_damaged=_is_damaged(media, count) & (places != 0) & kind.is_seen,
        )
    return found


def _concatenate(parts: Sequence[MediaRows]) -> MediaRows:
    none = MediaRows(
        key=np.zeros(0, dtype=np.uint64),
        place=np.zeros(0, dtype=np.uint64),
        text=np.zeros(0, dtype=np.uint64),
        source=np.zeros(0, dtype=np.uint64),
        score=np.zeros(0),
        size=np.zeros(0),
        phash=np.zeros(0, dtype=np.uint64),
        colours=np.zeros((0, IMAGE_COLOURS.size), dtype=np.uint8),
        views=np.zeros((0, IMAGE_VIEWS.size), dtype=np.uint8),
        has_hash=np.zeros(0, dtype=bool),
        is_blank=np.zeros(0, dtype=bool),
        is_damaged=np.zeros(0, dtype=bool),
    )
    found: dict[str, NDArray[Any]] = {
        field.name: np.concatenate([getattr(part, field.name) for part in (none, *parts)]) for field in fields(none)
    }
    return MediaRows(**found)


def _is_damaged(table: pa.Table | None, count: int) -> NDArray[np.bool_]:
    found = np.zeros(count, dtype=bool)
    for name, limit in DAMAGED_FROM.items():
        found |= read_metric(table, name, count) > limit
    return found
