"""How probably a stated class is wrong, by a classifier's probability for it and by how often it is wrong in the set.

A classifier that gives the stated class 10 % is no proof against it where nearly all statements are right, and is one
where many are wrong. The share of wrong statements is not known beforehand; it follows from the set itself, by the EM
of Saerens, Latinne and Decaestecker (Neural Computation 2002) for two classes: stated rightly, stated wrongly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 500  # rounds of expectation and maximisation; our own choice: far more than it needs
_EDGE = 1e-6  # least probability, and share, of a wrong statement; our own choice: keeps logarithms finite


def wrong_posteriors(stated: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Return the probability that each statement is wrong, and the share of wrong ones, 0 to 1.

    Args:
        stated: The classifier's probability of the stated class, shape (n,), in [0, 1]; NaN gives NaN and counts for
            nothing.
    """
    known = np.isfinite(stated)
    found = np.full(len(stated), np.nan)
    if not known.any():
        return found, 0.0
    right = np.clip(stated[known].astype(np.float64), _EDGE, 1 - _EDGE)
    odds = (1 - right) / right
    share = 0.5
    for _ in range(_ITERATIONS):
        wrong = share * odds / (share * odds + 1 - share)
        # Summed in a fixed order: the order of rows must not show in the last digit.
        before, share = share, float(np.sort(wrong).mean())
        if abs(share - before) < 1e-9:
            break
    share = min(share, 1 - _EDGE)
    found[known] = share * odds / (share * odds + 1 - share)
    return found, share
