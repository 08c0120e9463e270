"""Which different images and recordings of one set are near those of another.

The smaller set is indexed, the larger one is streamed past it shard by shard, so that memory follows the smaller one.
Who is near is decided by the very limits that group near-duplicates within a run, so that the two never disagree on a
pair. Groups are not made here: a leak is a pair, and a chain of small steps must not take rows out of a training set.

An item amid very many near ones gives only the nearest of them (a few hundred); this is said where it happens.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcheck.config import DuplicatesConfig
from mmcheck.corpus.embeddings import Vectors, read_embeddings
from mmcheck.corpus.groups import Rows
from mmcheck.corpus.media_items import read_index
from mmcheck.corpus.near_images import NUM_COLOURS, ImageItems, NearImages, near_hashes
from mmcheck.corpus.near_recordings import NearRecordings
from mmcheck.corpus.neighbour_index import EXACT_ROWS, NeighbourIndex
from mmcheck.corpus.overlap_pairs import Floats, Found, Mask, Members, Side, Step, collect, cross, find_equal

EMBEDDED_BY = {"image": "image_text", "audio": "media"}
"""Modality -> the probe that stores its embedding."""
_FIRST_PARTNERS, _MAX_PARTNERS = 16, 256
_EXACT_PAIRS = 4 * 10**9  # about a minute at 512 dimensions on two cores
_MAX_SAME_HASH = 1024  # images of one hash that are held against others


def find_media(
    small: Side,
    large: Side,
    modality: str,
    options: DuplicatesConfig,
    *,
    seed: int,
    use_embeddings: bool,
    step: Step,
) -> Found:
    """Return equal and near media of the two sets, those of ``small`` on the left.

    Args:
        small: The set that is indexed.
        large: The set that is streamed.
        modality: ``image`` or ``audio``.
        options: Limits.
        seed: For an approximate index.
        use_embeddings: Whether the two sets' embeddings may be compared.
        step: Called once a streamed shard.
    """
    search = _MediaSearch(small, large, modality, options)
    place = np.full(len(search.keys[0]), -1, dtype=np.int64)
    embedded = np.zeros(len(search.keys[1]), dtype=bool)
    about: dict[str, Any] = {"items": [len(keys) for keys in search.keys]}
    if use_embeddings and all(len(keys) for keys in search.keys):
        # A leak that is missed costs more than a minute: every pair is compared as long as that is all it takes.
        is_short = len(search.keys[0]) * len(search.keys[1]) <= _EXACT_PAIRS
        exact_rows = max(EXACT_ROWS, len(search.keys[0]) if is_short else 0)
        index, place = read_index(small.shards, modality, small.items[modality], seed, exact_rows)
        if len(index):
            search.stream(index, place, embedded, step)
            index.measure_recall(floor=getattr(options, f"{modality}_similarity"))
            about["index"] = index.describe()
    if modality == "image":
        search.by_hash(place >= 0, embedded)
    equal = find_equal(*search.keys)
    near = [~np.isnan(block) for block in search.similarity]
    pairs = collect(
        [equal.left, *(block[mask] for block, mask in zip(search.left, near, strict=True))],
        [equal.right, *(block[mask] for block, mask in zip(search.right, near, strict=True))],
        [equal.exact, *(np.zeros(int(mask.sum()), dtype=bool) for mask in near)],
        [equal.similarity, *(block[mask] for block, mask in zip(search.similarity, near, strict=True))],
    )
    return Found(pairs, about, search.is_cut)


class _MediaSearch:
    def __init__(self, small: Side, large: Side, modality: str, options: DuplicatesConfig) -> None:
        self._modality, self._options = modality, options
        self._sides = (small, large)
        self._first = tuple(side.items[modality].first_row for side in self._sides)
        rows = tuple(side.media[modality] for side in self._sides)
        self.keys = tuple(own.key[first] for own, first in zip(rows, self._first, strict=True))
        self._rows = rows
        self._threshold = float(getattr(options, f"{modality}_similarity"))
        self.left: list[Rows] = []
        self.right: list[Rows] = []
        self.similarity: list[Floats] = []
        self.is_cut = False

    def stream(self, index: NeighbourIndex, place: Rows, embedded: Mask, step: Step) -> None:
        """Hold the large set's embeddings against the index; set ``embedded`` where an item has one."""
        item_at = np.full(len(index), -1, dtype=np.int64)
        item_at[place[place >= 0]] = np.flatnonzero(place >= 0)
        of_row = self._sides[1].items[self._modality].of_row
        start = 0
        for shard in self._sides[1].shards:
            present, found = read_embeddings(shard, EMBEDDED_BY[self._modality], [self._modality])
            item = of_row[start : start + len(present)][present]
            start += len(present)
            vectors = found[self._modality]
            step()
            if not len(item) or vectors.shape[1] != index.dim:
                continue
            new = np.flatnonzero(item >= 0)
            new = new[~embedded[item[new]]]
            new = new[np.sort(np.unique(item[new], return_index=True)[1])]
            embedded[item[new]] = True
            query, row = self._candidates(index, vectors[new])
            if len(query):
                self._judge(index, place, item_at[row], item[new], vectors[new], query)

    def by_hash(self, has_vector: Mask, embedded: Mask) -> None:
        """Hold images against each other by hash and colours alone, where one of the two has no embedding."""
        small, large = (rows.has_hash[first] for rows, first in zip(self._rows, self._first, strict=True))
        if not ((small & ~has_vector).any() and large.any()) and not ((large & ~embedded).any() and small.any()):
            return
        own, their = np.flatnonzero(small), np.flatnonzero(large)
        hashes = [rows.phash[first] for rows, first in zip(self._rows, self._first, strict=True)]
        bits = min(2 * self._options.image_hash_distance // 3, 7)
        values = np.unique(np.concatenate([hashes[0][own], hashes[1][their]]))
        ones, others = [np.arange(len(values))], [np.arange(len(values))]
        for one, other in near_hashes(values, bits):
            ones += [one, other]
            others += [other, one]
        groups = [
            Members(np.searchsorted(values, found[rows]), len(values))
            for found, rows in zip(hashes, (own, their), strict=True)
        ]
        self.is_cut |= bool(max(group.counts.max(initial=0) for group in groups[:2]) > _MAX_SAME_HASH)
        nothing = NeighbourIndex(1, 0)
        for _, one, other in cross(groups[0], groups[1], np.concatenate(ones), np.concatenate(others), _MAX_SAME_HASH):
            left, right = own[one], their[other]
            blind = ~(has_vector[left] & embedded[right])
            if blind.any():
                self._compare(left[blind], right[blind], nothing, None)

    def _candidates(self, index: NeighbourIndex, vectors: Vectors) -> tuple[Rows, Rows]:
        """Return queries and stored rows that are as near as the threshold; more of them for those amid many."""
        queries, rows = [], []
        asked = np.arange(len(vectors))
        count = min(_FIRST_PARTNERS, len(index))
        while len(asked):
            similarity, found = index.search(vectors[asked], count)
            near = (found >= 0) & (similarity >= self._threshold)
            last = count >= min(_MAX_PARTNERS, len(index))
            full = near[:, -1] & (count < len(index))
            self.is_cut |= bool(last and full.any())
            done = ~full | last
            queries.append(np.broadcast_to(asked[:, None], found.shape)[near & done[:, None]])
            rows.append(found[near & done[:, None]])
            asked = asked[~done]
            count = min(4 * count, _MAX_PARTNERS, len(index))
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *queries]), np.concatenate([none, *rows])

    def _judge(
        self, index: NeighbourIndex, place: Rows, left: Rows, items: Rows, vectors: Vectors, query: Rows
    ) -> None:
        """Decide the candidates of one shard, with a small index that holds the vectors of both sets."""
        stored = np.unique(left)
        asked = np.unique(query)
        both = NeighbourIndex(index.dim, len(stored) + len(asked), exact_rows=len(stored) + len(asked))
        both.add(index.vectors(place[stored]))
        both.add(vectors[asked])
        numbers = (np.searchsorted(stored, left), len(stored) + np.searchsorted(asked, query))
        self._compare(left, items[query], both, (stored, items[asked], *numbers))

    def _compare(
        self, left: Rows, right: Rows, index: NeighbourIndex, numbered: tuple[Rows, Rows, Rows, Rows] | None
    ) -> None:
        if numbered is None:
            stored, their = np.unique(left), np.unique(right)
            one, other = np.searchsorted(stored, left), len(stored) + np.searchsorted(their, right)
        else:
            stored, their, one, other = numbered
        rows = (self._first[0][stored], self._first[1][their])
        small, large = self._rows
        known = np.arange(len(stored) + len(their)) if numbered else np.full(len(stored) + len(their), -1)
        near: NearImages | NearRecordings
        if self._modality == "image":
            looks = ImageItems(
                phash=np.concatenate([small.phash[rows[0]], large.phash[rows[1]]]),
                colours=np.concatenate([small.colours[rows[0]], large.colours[rows[1]]]).reshape(-1, NUM_COLOURS),
                has_hash=np.concatenate([small.has_hash[rows[0]], large.has_hash[rows[1]]]),
                place=known,
                index=index,
            )
            near = NearImages(looks, self._options)
        else:
            near = NearRecordings(
                index, known, np.concatenate([small.size[rows[0]], large.size[rows[1]]]), self._options
            )
        self.left.append(left)
        self.right.append(right)
        self.similarity.append(near.compare(one, other).astype(np.float64))
