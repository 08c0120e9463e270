"""What share of p-values comes from the null, without a model of the rest.

A check on the mixture: it assumes nothing about true pairs but that they seldom have large p-values.
"""

from __future__ import annotations

import numpy as np

from mmcheck.core.arrays import Floats


def storey_share(p_values: Floats, tuning: float, weights: Floats | None = None) -> float:
    """Return Storey's estimate of the share of true nulls (Storey 2002, JRSS-B 64:479, eq. 6).

    pi0(tuning) = #{p > tuning} / ((1 - tuning) n), cut at 1.

    Args:
        p_values: In [0, 1], shape (n,), n at least 1.
        tuning: Lambda, in [0, 1).
        weights: What each p-value counts, shape (n,); by default 1.
    """
    counts = np.ones(len(p_values)) if weights is None else np.asarray(weights, dtype=np.float64)
    above = float(counts[np.asarray(p_values) > tuning].sum())
    return min(1.0, above / ((1 - tuning) * float(counts.sum())))


def smoothed_storey_share(p_values: Floats, weights: Floats | None = None) -> float:
    """Return Storey's estimate with the lambda of least estimated mean squared error.

    Lambda runs over 0.05, 0.10 ... 0.90. Storey's own choice bootstraps; the error of each is worked out here in
    closed form instead, as in the qvalue package (``pi0.method="bootstrap"``): the bias as the distance to the tenth
    percentile of the estimates, the variance as that of a binomial share.

    Args:
        p_values: In [0, 1], shape (n,), n at least 1.
        weights: What each p-value counts, shape (n,); by default 1.
    """
    counts = np.ones(len(p_values)) if weights is None else np.asarray(weights, dtype=np.float64)
    total = float(counts.sum())
    tunings = np.arange(0.05, 0.91, 0.05)
    above = np.array([float(counts[np.asarray(p_values) > tuning].sum()) for tuning in tunings])
    shares = above / ((1 - tunings) * total)
    floor = float(np.quantile(shares, 0.1))
    errors = above / (total**2 * (1 - tunings) ** 2) * (1 - above / total) + (shares - floor) ** 2
    return float(min(1.0, shares[int(np.argmin(errors))]))
