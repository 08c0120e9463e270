"""From which value on a verifier doubts a word: learned from words that were replaced in the set's own transcripts.

The limit is the one at which planted faults and the set's own transcripts differ most (Youden's J). It does not move
with the share of wrong transcripts in the set: if they look like the planted ones, they take the same part from the
difference at every limit.
"""

from __future__ import annotations

import numpy as np

from mmcheck.core.arrays import Floats
from mmcheck.corpus.constants import MIN_PLANTED

_MIN_DIFFERENCE = 0.3
"""Least J at which there is a limit. Our own choice: as the least hit rate of the planted faults in ``speech``."""
_SLACK = 0.02
"""J that may be given up for a stricter limit. Our own choice: less than J is known to in 500 clips."""


def find_limit(own: Floats, planted: Floats) -> float:
    """Return the value below which a text's worst word is doubted; NaN if the two cannot be told apart.

    Args:
        own: Worst word of the set's own transcripts, higher is better, shape (n,); NaN where there is none.
        planted: The same with one word replaced, shape (m,); NaN where there is none.
    """
    own, planted = np.sort(own[np.isfinite(own)]), np.sort(planted[np.isfinite(planted)])
    if len(planted) < MIN_PLANTED or len(own) < MIN_PLANTED:
        return float("nan")
    limits = np.unique(np.concatenate([own, planted]))
    difference = np.searchsorted(planted, limits) / len(planted) - np.searchsorted(own, limits) / len(own)
    best = float(difference.max())
    if best < _MIN_DIFFERENCE:
        return float("nan")
    # Of nearly equal limits the strictest one accuses least.
    return float(limits[np.flatnonzero(difference >= best - _SLACK)[0]])
