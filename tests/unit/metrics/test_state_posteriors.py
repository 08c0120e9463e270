"""The posteriors of hidden states are those of summing over all paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmcheck.metrics.state_posteriors import state_posteriors

STAY = np.array([[0.95, 0.05], [0.1, 0.9]])
BEGIN = np.array([0.7, 0.3])


def _exact(log_evidence: np.ndarray) -> tuple[np.ndarray, float]:
    count, states = log_evidence.shape
    found, total = np.zeros((count, states)), 0.0
    for path in itertools.product(range(states), repeat=count):
        weight = BEGIN[path[0]] * np.exp(sum(log_evidence[place, state] for place, state in enumerate(path)))
        for first, second in itertools.pairwise(path):
            weight *= STAY[first, second]
        total += weight
        for place, state in enumerate(path):
            found[place, state] += weight
    return found / total, float(np.log(total))


def test_they_agree_with_the_sum_over_all_paths() -> None:
    log_evidence = np.random.default_rng(3).normal(0, 2, (7, 2))
    posterior, likelihood = state_posteriors(log_evidence, STAY, BEGIN)
    exact, exact_likelihood = _exact(log_evidence)
    np.testing.assert_allclose(posterior, exact, atol=1e-5)
    assert likelihood == pytest.approx(exact_likelihood)


def test_long_sequences_and_wild_evidence_stay_finite() -> None:
    log_evidence = np.random.default_rng(0).normal(0, 300, (5000, 2))
    posterior, likelihood = state_posteriors(log_evidence, STAY, BEGIN)
    assert np.isfinite(posterior).all()
    assert np.isfinite(likelihood)
    np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=1e-5)


def test_no_place_has_no_state() -> None:
    posterior, likelihood = state_posteriors(np.zeros((0, 2)), STAY, BEGIN)
    assert posterior.shape == (0, 2)
    assert likelihood == 0.0
