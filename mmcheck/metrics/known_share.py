"""The mixture of ``null_mixture`` where the share of random pairs is known from elsewhere: nothing is fitted.

What the random pairs leave over of the observed scores is the density of the others (Efron's local false discovery
rate), whatever its shape, so that a second heap of right pairs close to the random ones is not taken for random.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcheck.metrics.null_mixture import NullMixture, bin_counts, make_edges, rising, smooth_mass

_TINY = 1e-300  # added to divisors; our own choice: no true value is as small


def mix_known_share(
    null_scores: NDArray[np.floating], scores: NDArray[np.floating], weights: NDArray[np.floating], share: float
) -> NullMixture:
    """Return the mixture of random and other pairs with the given share of random ones.

    Args:
        null_scores: Scores of random pairings, shape (m,), finite, at least 2 distinct.
        scores: Scores of the pairs, shape (n,), finite, n at least 1.
        weights: What each pair counts, shape (n,).
        share: Of random pairings among the pairs, in [0, 1).
    """
    edges = make_edges(null_scores, scores)
    null_mass = smooth_mass(null_scores, edges)
    counts = bin_counts(scores, edges, weights)
    rest = np.maximum(smooth_mass(scores, edges, weights) - share * null_mass, 0)
    # Rising, so that a higher score never makes a pair more suspicious.
    true_mass = rising(rest / null_mass, null_mass) * null_mass + _TINY
    true_mass /= true_mass.sum()
    ratio = true_mass / null_mass
    mixed = share * null_mass + (1 - share) * true_mass
    total = float(counts.sum())
    return NullMixture(
        edges=edges,
        null_mass=null_mass,
        true_mass=true_mass,
        pair_mass=counts / total,
        num_pairs=total,
        share=share,
        posteriors=share / np.maximum(share + (1 - share) * ratio, _TINY),
        components=(),
        log_likelihood=float((counts * np.log(mixed)).sum()) / total,
    )
