"""Groups of rows with a null of their own: a language, a source, a crawl.

A wrong pair of one language usually stays inside that language, and models give another range of scores to each. A
slice too small to be judged on its own is judged with all other small ones.

Banks are gathered for all slices in one pass over the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Keys, Mask, Vectors
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import EmbeddingBank, half_keys, pair_keys, read_embeddings
from mmcheck.corpus.slice_labels import REST, choose_slices, read_labels

Codes = NDArray[np.int16]


@dataclass(slots=True)
class Pool:
    """The rows of one slice with the smallest keys so far."""

    size: int
    keys: Keys = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    vectors: dict[str, Vectors] = field(default_factory=dict)

    def add(self, keys: Keys, rows: NDArray[np.int64], vectors: dict[str, Vectors]) -> None:
        """Take rows in, each pair once."""
        if len(self.keys) >= self.size:
            low = keys < self.keys[-1]
            keys, rows = keys[low], rows[low]
            vectors = {name: block[low] for name, block in vectors.items()}
        if not len(keys):
            return
        joined = np.concatenate([self.keys, keys])
        rows = np.concatenate([self.rows, rows])
        # `unique` gives the first of equal keys; earlier rows stand first.
        self.keys, first = np.unique(joined, return_index=True)
        self.keys, first = self.keys[: self.size], first[: self.size]
        self.rows = rows[first]
        self.vectors = {
            name: (np.concatenate([self.vectors[name], block]) if name in self.vectors else block)[first]
            for name, block in vectors.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicedRows:
    """The rows of a run that have embeddings, in slices."""

    names: list[str]
    """Names of the groups; the first is the rest."""
    codes: Codes
    """Group of each row of the run, shape (n,); -1 where it cannot be judged."""
    keys: Keys
    """Content key of each row, shape (n,); 0 where it cannot be judged."""
    banks: list[EmbeddingBank]
    """One a group."""

    def distinct(self, group: int) -> NDArray[np.int64]:
        """Return the first row of each distinct pair of a group, in the order of their keys."""
        rows = np.flatnonzero(self.codes == group)
        return np.asarray(rows[np.unique(self.keys[rows], return_index=True)[1]])


def gather_slices(
    shards: Sequence[ShardTables],
    probe: str,
    names: Sequence[str],
    *,
    size: int,
    seed: int,
    slice_by: Sequence[str],
    min_slice: int,
    min_rest: int,
    usable: Callable[[ShardTables], Mask],
) -> SlicedRows:
    """Return the rows in slices, each with its bank (see ``gather_bank``).

    Args:
        shards: The run's shards.
        probe: The probe that stored the embeddings.
        names: Embeddings that a row must have.
        size: Largest number of rows of a bank.
        seed: For the keys.
        slice_by: Which rows belong together (see ``read_labels``).
        min_slice: A slice with fewer distinct rows goes to the rest.
        min_rest: A rest with fewer distinct rows goes to the largest slice.
        usable: Says which rows of a shard may be judged.
    """

    def labels() -> Iterator[list[str]]:
        for shard in shards:
            known = zip(read_labels(shard, slice_by), usable(shard).tolist(), strict=True)
            yield [label for label, good in known if good]

    groups, places = choose_slices(labels, min_slice) if slice_by else ([REST], {})
    pools = [Pool(size) for _ in groups]
    codes, keys = [np.zeros(0, dtype=np.int16)], [np.zeros(0, dtype=np.uint64)]
    start = 0
    for shard in shards:
        present, found = read_embeddings(shard, probe, names)
        good = present & usable(shard)
        chosen = good[present]
        code = np.full(len(present), -1, dtype=np.int16)
        key = np.zeros(len(present), dtype=np.uint64)
        if good.any():
            found = {name: block[chosen] for name, block in found.items()}
            here = pair_keys(half_keys(shard, probe, good, found, seed), names)
            key[good] = here
            code[good] = 0
            if places:
                named = read_labels(shard, slice_by)
                code[good] = [places.get(named[row], 0) for row in np.flatnonzero(good).tolist()]
            rows = np.flatnonzero(good) + start
            for group in np.unique(code[good]).tolist():
                own = code[good] == group
                pools[group].add(here[own], rows[own], {name: block[own] for name, block in found.items()})
        codes.append(code)
        keys.append(key)
        start += len(present)
    return _settle(groups, np.concatenate(codes), np.concatenate(keys), pools, names, (min_slice, min_rest))


def _settle(
    groups: list[str], codes: Codes, keys: Keys, pools: list[Pool], names: Sequence[str], least: tuple[int, int]
) -> SlicedRows:
    """Return the slices, those with too few distinct rows joined to the rest, and a small rest to the largest slice."""
    min_slice, min_rest = least
    kept = [0]
    for group in range(1, len(groups)):
        if len(np.unique(keys[codes == group])) >= min_slice:
            kept.append(group)
            continue
        codes[codes == group] = 0
        pools[0].add(pools[group].keys, pools[group].rows, pools[group].vectors)
    if len(kept) > 1 and 0 < len(np.unique(keys[codes == 0])) < min_rest:
        # A handful of rows without a language is no set of its own, and must not go unjudged for that.
        largest = max(kept[1:], key=lambda group: (int((codes == group).sum()), -group))
        codes[codes == 0] = largest
        pools[largest].add(pools[0].keys, pools[0].rows, pools[0].vectors)
        pools[0] = Pool(pools[0].size)
    renamed = np.zeros(len(groups) + 1, dtype=np.int16)
    renamed[-1] = -1
    renamed[kept] = np.arange(len(kept), dtype=np.int16)
    codes = renamed[codes]
    banks = []
    for number, group in enumerate(kept):
        pool = pools[group]
        vectors = pool.vectors or {name: np.zeros((0, 0), dtype=np.float32) for name in names}
        rows = int((codes == number).sum())
        banks.append(EmbeddingBank(keys=pool.keys, rows=pool.rows, vectors=vectors, num_rows=rows))
    return SlicedRows(names=[groups[group] for group in kept], codes=codes, keys=keys, banks=banks)
