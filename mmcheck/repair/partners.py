"""What right pairs score where none of them stands right: from the media and texts that choose each other.

Where a set is shuffled as a whole, neither its own pairs nor any order of its files shows a right pair. But a medium
whose text stands somewhere in the set has one clear partner: its best text scores above what second-best texts reach,
and prefers it in turn. Among strangers the best is hardly ahead of the second, so where partners are gone (texts
replaced by outsiders) nothing is shown, and nothing learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats32, Rows
from mmcheck.corpus.content_keys import mix_keys
from mmcheck.repair.constants import PARTNER_AHEAD, PARTNER_MIN_LEAD, PARTNER_MIN_SHARE
from mmcheck.repair.scores import PairScores

_MEDIA = 1536  # media that are looked at; our own choice: bounds time
_TEXTS = 100_000  # texts that they are compared with; our own choice: bounds time
_BLOCK = 4096  # texts in one go; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Partners:
    """Media and texts of other rows that choose each other."""

    media: Rows
    """Rows, shape (k,), each once."""
    texts: Rows
    """Rows of their texts, shape (k,), each once."""
    scores: Floats32
    """Shape (k,)."""


def find_partners(scores: PairScores, rows: Rows | None = None) -> Partners | None:
    """Return the media and texts of a sample that choose each other, or None where few do so clearly.

    Args:
        scores: Scores of the run; a row's own text counts like any other.
        rows: The rows to choose among, shape (k,); None: all.
    """
    media, texts = _distinct(scores.media_keys, _MEDIA, rows), _distinct(scores.text_keys, _TEXTS, rows)
    if len(media) < 3 or len(texts) < 3:
        return None
    best = np.full((len(media), 3), -np.inf, dtype=np.float32)
    chosen = np.full(len(media), -1, dtype=np.int64)
    suitor = np.zeros(len(texts), dtype=np.int64)
    for start in range(0, len(texts), _BLOCK):
        block = scores.block(media, texts[start : start + _BLOCK])
        block = np.where(np.isfinite(block), block, -np.inf)
        suitor[start : start + block.shape[1]] = block.argmax(axis=0)
        top = block.argmax(axis=1)
        ahead = block[np.arange(len(media)), top] > best[:, 0]
        chosen[ahead] = start + top[ahead]
        both = np.concatenate([best, np.partition(block, -min(3, block.shape[1]), axis=1)[:, -3:]], axis=1)
        best = np.sort(both, axis=1)[:, :-4:-1]
    known = np.isfinite(best).all(axis=1) & (chosen >= 0)
    if known.sum() < 3:
        return None
    mutual = known & (suitor[np.maximum(chosen, 0)] == np.arange(len(media)))
    clear = mutual & (best[:, 0] > np.quantile(best[known, 1], PARTNER_AHEAD))
    if not mutual.any() or clear.sum() < PARTNER_MIN_SHARE * known.sum():
        return None
    lead = float(np.median(best[mutual, 0] - best[mutual, 1]))
    if lead < PARTNER_MIN_LEAD * float(np.median(best[known, 1] - best[known, 2])):
        return None
    return Partners(media=media[mutual], texts=texts[chosen[mutual]], scores=best[mutual, 0])


def _distinct(keys: np.ndarray[tuple[int], np.dtype[np.uint64]], size: int, rows: Rows | None) -> Rows:
    """Return the first row of each of the smallest keys but 0, so that the rows' order decides nothing."""
    present = np.flatnonzero(keys) if rows is None else rows[keys[rows] != 0]
    first = np.unique(mix_keys(keys[present]), return_index=True)[1]
    return np.asarray(present[first[:size]], dtype=np.int64)
