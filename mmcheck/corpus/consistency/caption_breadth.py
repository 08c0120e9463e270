"""Captions that are much broader or narrower than those of like images: one source that labels differently."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Keys
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.consistency.caption_conflicts import NUM_OTHERS, RowFigure
from mmcheck.corpus.consistency.row_keys import RowKeys
from mmcheck.corpus.constants import BREADTH_MIN_PAIRS, BREADTH_NEIGHBOURS
from mmcheck.corpus.embeddings import EmbeddingBank, read_embeddings
from mmcheck.metrics.label_conflict import median_and_deviation, robust_z

_SMALLEST = 1e-3  # least deviation that is divided by; our own choice: smaller ones are rounding


def find_breadth(shards: Sequence[ShardTables], keys: RowKeys, probe: str, bank: EmbeddingBank) -> RowFigure:
    """Return how much broader each caption is than those of the ten most like images, in robust standard deviations.

    Breadth is ``caption.entropy``; without it, or with fewer than 50 different pairs, there is no figure. The spread of
    ten neighbours is never taken for less than is usual in the set.

    Args:
        shards: The run's shards.
        keys: Their keys.
        probe: The probe that stored embeddings.
        bank: Pairs that neighbours are taken from, with embeddings ``image`` and ``text``.
    """
    found = RowFigure.nothing(len(keys.image))
    entropies = [
        read_metric(shard.measurements("caption", ["entropy"]), "entropy", size)
        for shard, size in zip(shards, keys.sizes, strict=True)
    ]
    entropy = np.concatenate([np.zeros(0), *entropies])
    kept = np.flatnonzero(np.isfinite(entropy[bank.rows])) if len(bank) else np.zeros(0, dtype=np.int64)
    if len(kept) < BREADTH_MIN_PAIRS:
        return found
    import faiss

    images, rows = bank.vectors["image"][kept], bank.rows[kept]
    pairs, values = keys.pair[rows], entropy[rows]
    index = faiss.IndexFlatIP(images.shape[1])
    index.add(np.ascontiguousarray(images))
    lines = _neighbours(index, images, pairs, pairs)
    floor = max(float(np.nanmedian(median_and_deviation(_take(values, lines))[1])), _SMALLEST)
    start = 0
    for shard, size in zip(shards, keys.sizes, strict=True):
        present, vectors = read_embeddings(shard, probe, ["image", "text"])
        here = start + np.flatnonzero(present)
        if len(here):
            lines = _neighbours(index, vectors["image"], keys.pair[here], pairs)
            found.values[here] = robust_z(entropy[here], _take(values, lines), floor)
            shown = lines[:, :NUM_OTHERS]
            found.others[here] = np.where(shown >= 0, rows[np.maximum(shown, 0)], -1)
        start += size
    found.values[~np.isfinite(entropy)] = np.nan
    return found


def _neighbours(index: object, images: NDArray[np.float32], own: Keys, pairs: Keys) -> NDArray[np.int64]:
    """Return the places of the ten nearest images of other pairs, nearest first; -1 where there are fewer."""
    wanted = min(BREADTH_NEIGHBOURS + 1, len(pairs))
    _, places = index.search(np.ascontiguousarray(images), wanted)  # type: ignore[attr-defined]
    is_own = pairs[places] == own[:, None]
    order = np.argsort(is_own, axis=1, kind="stable")
    moved = np.take_along_axis(np.where(is_own, -1, places), order, axis=1)
    return np.asarray(moved[:, :BREADTH_NEIGHBOURS], dtype=np.int64)


def _take(values: Floats, lines: NDArray[np.int64]) -> Floats:
    return np.where(lines >= 0, values[np.maximum(lines, 0)], np.nan)
