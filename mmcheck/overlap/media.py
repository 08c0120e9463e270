"""Which different images and recordings of one set are near those of another.

The smaller set is indexed, the larger one is streamed past it shard by shard, so that memory follows the smaller one.
Who is near is decided by the very limits that group near-duplicates within a run, so that the two never disagree on a
pair. Groups are not made here: a leak is a pair, and a chain of small steps must not take rows out of a training set.

An item amid very many near ones gives only the nearest of them (a few hundred); this is said where it happens. Images
that are known by their looks alone are compared once a look, however many files have it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcheck.config import DuplicatesConfig
from mmcheck.core.arrays import Floats, Mask, Rows, Vectors
from mmcheck.core.pair_kinds import KIND_OF
from mmcheck.corpus.duplicates.near_images import NUM_COLOURS, ImageItems, NearImages, has_shapes, near_hashes
from mmcheck.corpus.duplicates.near_recordings import NearRecordings
from mmcheck.corpus.embeddings import read_embeddings
from mmcheck.corpus.media_items import read_index
from mmcheck.corpus.neighbour_index import EXACT_ROWS, NeighbourIndex
from mmcheck.overlap.pairs import Members, SharedItems, Side, Step, collect, cross, find_equal
from mmcheck.overlap.searched import IndexFacts, Searched

_FIRST_PARTNERS, _MAX_PARTNERS = 16, 256
"""Partners of a file that are asked for, at first and at most. Our own choice: few files have more copies."""
_EXACT_PAIRS = 4 * 10**9  # pairs up to which all are compared; measured: about a minute at 512 dimensions on two cores
_MAX_SAME_LOOK = 256
"""Files of equal look on either side; of more, not every pair is made. Our own choice: bounds memory."""


def find_media(
    small: Side,
    large: Side,
    modality: str,
    options: DuplicatesConfig,
    *,
    seed: int,
    use_embeddings: bool,
    step: Step,
) -> SharedItems:
    """Return equal and near media of the two sets, those of ``small`` on the left.

    Args:
        small: The set that is indexed.
        large: The set that is streamed.
        modality: Name of the kind of pair whose media are compared.
        options: Limits.
        seed: For an approximate index.
        use_embeddings: Whether the two sets' embeddings may be compared.
        step: Called once a streamed shard.
    """
    search = _MediaSearch(small, large, modality, options)
    place = np.full(len(search.keys[0]), -1, dtype=np.int64)
    embedded = np.zeros(len(search.keys[1]), dtype=bool)
    searched = Searched(items=(len(search.keys[0]), len(search.keys[1])))
    if use_embeddings and all(len(keys) for keys in search.keys):
        # A leak that is missed costs more than a minute: every pair is compared as long as that is all it takes.
        is_short = len(search.keys[0]) * len(search.keys[1]) <= _EXACT_PAIRS
        exact_rows = max(EXACT_ROWS, len(search.keys[0]) if is_short else 0)
        index, place = read_index(small.shards, modality, small.items[modality], seed, exact_rows)
        if len(index):
            search.stream(index, place, embedded, step)
            index.measure_recall(floor=getattr(options, f"{modality}_similarity"))
            searched = searched.model_copy(update={"index": IndexFacts.model_validate(index.describe())})
    if KIND_OF[modality].is_seen:
        search.by_hash(place >= 0, embedded)
    equal = find_equal(*search.keys)
    pairs = collect(
        [equal.left, *search.left],
        [equal.right, *search.right],
        [equal.exact, *(np.zeros(len(block), dtype=bool) for block in search.left)],
        [equal.similarity, *search.similarity],
    )
    return SharedItems(pairs, searched, search.is_cut)


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
            present, found = read_embeddings(shard, KIND_OF[self._modality].embedded_by, [self._modality])
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
        """Hold images against each other by hash and colours alone, where one of the two has no embedding.

        Different files that look alike (saved again, a metadata change) are compared once. All of them are found; of
        two looks that very many files have on both sides, each file is named with so many of the others.
        """
        small, large = (
            rows.has_hash[first] & has_shapes(rows.colours[first])
            for rows, first in zip(self._rows, self._first, strict=True)
        )
        if not ((small & ~has_vector).any() and large.any()) and not ((large & ~embedded).any() and small.any()):
            return
        members = (np.flatnonzero(small), np.flatnonzero(large))
        hashes, looks, files = [], [], []
        for rows, first, own in zip(self._rows, self._first, members, strict=True):
            bits, colours = rows.phash[first[own]], rows.colours[first[own]]
            raw = np.concatenate([bits[:, None].view(np.uint8).reshape(-1, 8), colours], axis=1)
            _, look, of_file = np.unique(_as_bytes(raw), return_index=True, return_inverse=True)
            hashes.append(bits[look])
            looks.append(own[look])
            files.append(Members(of_file.astype(np.int64), len(look)))
        values = np.unique(np.concatenate(hashes))
        ones, others = [np.arange(len(values))], [np.arange(len(values))]
        bits_alone = min(2 * self._options.image_hash_distance // 3, 7)
        for one, other in near_hashes(values, bits_alone):
            ones += [one, other]
            others += [other, one]
        groups = [Members(np.searchsorted(values, found), len(values)) for found in hashes]
        everything = np.iinfo(np.int64).max
        nothing = NeighbourIndex(1, 0)
        for _, one, other in cross(groups[0], groups[1], np.concatenate(ones), np.concatenate(others), everything):
            likeness = self._look(looks[0][one], looks[1][other], nothing, None)
            near = np.flatnonzero(~np.isnan(likeness))
            self._name_files(files, members, (one[near], other[near]), likeness[near], (has_vector, embedded))

    def _name_files(
        self,
        files: list[Members],
        members: tuple[Rows, Rows],
        looks: tuple[Rows, Rows],
        likeness: Floats,
        seen: tuple[Mask, Mask],
    ) -> None:
        """Keep the pairs of files of pairs of looks, but for those that both have an embedding."""
        counts = np.minimum(files[0].counts[looks[0]], files[1].counts[looks[1]])
        is_many = counts > _MAX_SAME_LOOK
        self.is_cut |= bool(is_many.any())
        everything = np.iinfo(np.int64).max
        # Each file of one side with some of the other, both ways round: every file that is concerned occurs.
        for chosen, limits in (
            (np.flatnonzero(~is_many), (everything, everything)),
            (np.flatnonzero(is_many), (everything, _MAX_SAME_LOOK)),
            (np.flatnonzero(is_many), (_MAX_SAME_LOOK, everything)),
        ):
            for number, one, other in cross(files[0], files[1], looks[0][chosen], looks[1][chosen], *limits):
                left, right = members[0][one], members[1][other]
                blind = ~(seen[0][left] & seen[1][right])
                self._keep(left[blind], right[blind], likeness[chosen[number[blind]]])

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
        right = items[query]
        self._keep(left, right, self._look(left, right, both, (stored, items[asked], *numbers)))

    def _keep(self, left: Rows, right: Rows, likeness: Floats) -> None:
        near = ~np.isnan(likeness)
        self.left.append(left[near])
        self.right.append(right[near])
        self.similarity.append(likeness[near])

    def _look(
        self, left: Rows, right: Rows, index: NeighbourIndex, numbered: tuple[Rows, Rows, Rows, Rows] | None
    ) -> Floats:
        """Return the likeness of pairs, NaN where they are not near."""
        if numbered is None:
            stored, their = np.unique(left), np.unique(right)
            one, other = np.searchsorted(stored, left), len(stored) + np.searchsorted(their, right)
        else:
            stored, their, one, other = numbered
        rows = (self._first[0][stored], self._first[1][their])
        small, large = self._rows
        known = np.arange(len(stored) + len(their)) if numbered else np.full(len(stored) + len(their), -1)
        near: NearImages | NearRecordings
        if KIND_OF[self._modality].is_seen:
            looks = ImageItems(
                phash=np.concatenate([small.phash[rows[0]], large.phash[rows[1]]]),
                colours=np.concatenate([small.colours[rows[0]], large.colours[rows[1]]]).reshape(-1, NUM_COLOURS),
                views=np.concatenate([small.views[rows[0]], large.views[rows[1]]]),
                has_hash=np.concatenate([small.has_hash[rows[0]], large.has_hash[rows[1]]]),
                place=known,
                index=index,
            )
            near = NearImages(looks, self._options)
        else:
            near = NearRecordings(
                index, known, np.concatenate([small.size[rows[0]], large.size[rows[1]]]), self._options
            )
        return near.compare(one, other).astype(np.float64)


def _as_bytes(rows: NDArray[np.uint8]) -> NDArray[np.void]:
    """Return each row as one value that can be sorted, shape (n,)."""
    return np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1]))).reshape(-1)
