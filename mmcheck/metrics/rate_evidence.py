"""How surely a part of the rows has a higher rate of faults than the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def excess_evidence(hits: Counts, length: Counts, faults: int, rows: int) -> Floats:
    """Return the log-likelihood ratio of two rates against one, in nat; 0 where the rate inside is not the higher one.

    Under one rate it exceeds t with a probability of about exp(-t) (Wilks 1938, Annals of Mathematical Statistics 9(1):
    twice the ratio is chi-squared with one degree of freedom), so of k parts one exceeds log(k) + t by chance with at
    most that probability.

    Args:
        hits: Rows with the fault in each part.
        length: Rows of each part.
        faults: Rows with the fault in all.
        rows: Rows in all.
    """
    outside_hits, outside = faults - hits, rows - length
    ratio = (
        _log_likelihood(hits, length)
        + _log_likelihood(outside_hits, outside)
        - _log_likelihood(np.array([faults]), np.array([rows]))
    )
    # hits / length > faults / rows, without dividing by nothing
    return np.where(hits * rows > faults * length, ratio, 0.0)


def _log_likelihood(hits: Counts, total: Counts) -> Floats:
    """Return the greatest log-likelihood of ``hits`` of ``total``; 0 where the total is 0."""
    hits, total = hits.astype(np.float64), total.astype(np.float64)
    misses = total - hits
    with np.errstate(divide="ignore", invalid="ignore"):
        with_hits = np.where(hits > 0, hits * np.log(hits / total), 0.0)
        with_misses = np.where(misses > 0, misses * np.log(misses / total), 0.0)
    return np.asarray(with_hits + with_misses)
