"""Which different captions or transcripts of one set are equal or near-equal to those of another.

The smaller set's signatures are kept (some 200 bytes a text) and its bands sorted; the larger set's are made shard by
shard, looked up and let go. What counts as near-equal is what near-duplicates within a run are held to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import DuplicatesConfig
from mmcheck.core.arrays import Rows
from mmcheck.core.pair_kinds import KIND_OF
from mmcheck.corpus.content_keys import normalise_texts
from mmcheck.corpus.duplicates.near_texts import NearTexts, TextSignatures
from mmcheck.corpus.media_items import Items
from mmcheck.overlap.pairs import SharedItems, Side, Step, collect, find_equal
from mmcheck.overlap.searched import Searched

_MAX_BUCKET = 64  # texts of one band that a text is held against; our own choice: bounds time


class _Signatures(TextSignatures):
    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
        return np.concatenate(self._bytes), np.concatenate(self._bands)


def find_texts(small: Side, large: Side, modality: str, options: DuplicatesConfig, *, step: Step) -> SharedItems:
    """Return equal and near-equal captions (``image``) or transcripts (``audio``), those of ``small`` on the left."""
    one, other = small.texts[modality], large.texts[modality]
    keys = [side.media[modality].text[items.first_row] for side, items in ((small, one), (large, other))]
    equal = find_equal(keys[0], keys[1])
    left, right = [equal.left], [equal.right]
    exact, similarity = [equal.exact], [equal.similarity]
    is_cut = False
    if all(map(len, keys)):
        stored = _Signatures()
        numbers = []
        for items, texts in _first_texts(small, modality, one):
            numbers.append(items)
            stored.add(texts)
        item = np.concatenate(numbers)
        signatures, bands = stored.arrays()
        orders = [np.argsort(bands[:, band], kind="stable") for band in range(bands.shape[1])]
        for items, texts in _first_texts(large, modality, other):
            step()
            if not len(items):
                continue
            block = _Signatures()
            block.add(texts)
            own, keys_of = block.arrays()
            near, asked, cut = _meet(bands, orders, keys_of)
            is_cut |= cut
            judge = NearTexts(np.concatenate([signatures[near], own]), keys_of[:0], options.text_similarity)
            found = judge.compare(np.arange(len(near)), len(near) + asked)
            good = ~np.isnan(found)
            left.append(item[near[good]])
            right.append(items[asked[good]])
            exact.append(np.zeros(int(good.sum()), dtype=bool))
            similarity.append(found[good].astype(np.float64))
    searched = Searched(
        items=(len(one.first_row), len(other.first_row)), limits={"similarity": options.text_similarity}
    )
    return SharedItems(collect(left, right, exact, similarity), searched, is_cut)


def _first_texts(side: Side, modality: str, items: Items) -> Iterator[tuple[Rows, list[str]]]:
    """Yield, shard by shard, the items whose first row lies there, and their normalised texts."""
    order = np.argsort(items.first_row)
    wanted = items.first_row[order]
    text = KIND_OF[modality].text
    start = 0
    for shard in side.shards:
        column = shard.samples([text])[text].combine_chunks().cast(pa.string())
        here = slice(np.searchsorted(wanted, start), np.searchsorted(wanted, start + len(column)))
        yield order[here], normalise_texts(column.take(pa.array(wanted[here] - start))).to_pylist()
        start += len(column)


def _meet(bands: NDArray[np.uint64], orders: Sequence[Rows], keys: NDArray[np.uint64]) -> tuple[Rows, Rows, bool]:
    """Return stored and asked texts that share a band, each pair once, and whether a bucket was too full."""
    found = []
    is_cut = False
    for band, order in enumerate(orders):
        stored = bands[order, band]
        low, high = (np.searchsorted(stored, keys[:, band], side=side) for side in ("left", "right"))
        counts = high - low
        is_cut |= bool(counts.max(initial=0) > _MAX_BUCKET)
        counts = np.minimum(counts, _MAX_BUCKET)
        asked = np.repeat(np.arange(len(keys)), counts)
        within = np.arange(len(asked)) - np.repeat(np.cumsum(counts) - counts, counts)
        found.append(asked * len(bands) + order[np.repeat(low, counts) + within])
    both = np.unique(np.concatenate(found))
    return both % len(bands), both // len(bands), is_cut
