from __future__ import annotations

import numpy as np
import pytest

from mmcheck.metrics.known_share import mix_known_share
from mmcheck.metrics.null_mixture import fit_null_mixture

NULL = np.random.default_rng(5).normal(0, 1, 20_000)


def draw_two_heaps(count, share, seed=0):
    """Return scores of random pairs, and of others of which a tenth score nearly like these; and who is random."""
    rng = np.random.default_rng(seed)
    is_random = np.arange(count) < share * count
    near = rng.random(count) < 0.1
    return np.where(is_random, rng.normal(0, 1, count), np.where(near, rng.normal(1.5, 0.5, count), 8.0)), is_random


def test_a_heap_of_right_pairs_near_the_random_ones_is_not_taken():
    scores, is_random = draw_two_heaps(5000, 0.02)
    fitted = fit_null_mixture(NULL, scores)
    known = mix_known_share(NULL, scores, np.ones(5000), 0.02)
    assert (known.posterior(scores) > 0.5)[~is_random].mean() < 0.01
    assert (known.posterior(scores) > 0.5)[~is_random].mean() < (fitted.posterior(scores) > 0.5)[~is_random].mean()
    assert (known.posterior(scores) > 0.5)[is_random].mean() > 0.5


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_it_is_a_mixture_of_that_share_that_falls_with_the_score(share):
    scores, _ = draw_two_heaps(1000, share)
    mixture = mix_known_share(NULL, scores, np.ones(1000), share)
    assert mixture.share == share
    assert mixture.true_mass.sum() == pytest.approx(1)
    assert ((mixture.posteriors >= 0) & (mixture.posteriors <= 1)).all()
    assert (np.diff(mixture.posteriors) <= 1e-12).all()


def test_weights_count_like_rows():
    scores, _ = draw_two_heaps(400, 0.2)
    weights = np.random.default_rng(2).integers(1, 4, len(scores)).astype(float)
    weighted = mix_known_share(NULL, scores, weights, 0.2)
    repeated = mix_known_share(NULL, np.repeat(scores, weights.astype(int)), np.ones(int(weights.sum())), 0.2)
    np.testing.assert_allclose(weighted.posterior(scores), repeated.posterior(scores), atol=0.03)
