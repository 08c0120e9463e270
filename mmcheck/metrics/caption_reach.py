"""Below which reach captions fit any image alike, so that no score can tell a true pair from a random one.

A caption's reach is how far its best strangers lie above its mean stranger: a caption that says something has images
that it fits far better than the rest; "a nice photo" has none. Where reach is so small that even a caption's own image
ranks like any other, the pair is neither confirmed nor refuted. The limit is read off the set itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]

TOP = 0.1
"""A caption whose own image is among this share of the bank's images is a hit; a random one is so this often."""
_MIN_CHUNK = 50
_MAX_CHUNKS = 20
_LEAST_HITS = 0.2
"""Hits beyond chance that captions of great reach must have; else the model, not the caption, is at fault."""
_FRACTION = 0.4
"""Captions with fewer hits beyond chance than this fraction of the others' say nothing."""


def find_reach_limit(reach: Values, ranks: Values) -> float:
    """Return the reach up to which captions say nothing; -inf if there are none, or too few pairs to see it.

    The pairs are cut into chunks of rising reach; from the lowest upwards, chunks whose hits are certainly (two
    standard errors) below _FRACTION of what the upper half has are taken.

    Args:
        reach: Of each caption, shape (n,), finite.
        ranks: Share of strange images that fit the caption at least as well as its own, shape (n,), in [0, 1].
    """
    num_chunks = min(_MAX_CHUNKS, len(reach) // _MIN_CHUNK)
    if num_chunks < 3:
        return -np.inf
    order = np.lexsort((ranks, reach))
    chunks = np.array_split(order, num_chunks)
    hits = np.array([float((ranks[chunk] < TOP).mean()) for chunk in chunks])
    usual = float(np.median(hits[num_chunks // 2 :])) - TOP
    if usual < _LEAST_HITS:
        return -np.inf
    limit = -np.inf
    for chunk, hit in zip(chunks, hits.tolist(), strict=True):
        error = np.sqrt(max(hit * (1 - hit), TOP * (1 - TOP)) / len(chunk))
        if hit + 2 * error >= TOP + _FRACTION * usual + error:
            break
        limit = float(reach[chunk].max())
    return _widest_gap(np.sort(reach), limit)


def _widest_gap(reach: Values, limit: float) -> float:
    """Return the limit moved into the widest gap near by, so that chunk borders decide nothing.

    Args:
        reach: Ascending, shape (n,).
        limit: Where the last chunk ended.
    """
    if not np.isfinite(limit):
        return limit
    place = int(np.searchsorted(reach, limit, side="right"))
    room = max(_MIN_CHUNK, len(reach) // _MAX_CHUNKS)
    low, high = max(place - room, 0), min(place + room, len(reach))
    near = reach[low:high]
    if len(near) < 2:
        return limit
    widest = int(np.argmax(np.diff(near)))
    return float((near[widest] + near[widest + 1]) / 2)
