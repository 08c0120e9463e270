"""Probabilities of edges agree with counting all matchings, and exclusivity settles ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.soft_matching import match_probabilities


def _exact(weights: np.ndarray) -> np.ndarray:
    """Return each edge's share of the total weight of all matchings, by listing them."""
    edges = list(zip(*np.nonzero(weights), strict=True))
    total, found = 0.0, np.zeros_like(weights)
    for size in range(len(edges) + 1):
        for chosen in itertools.combinations(edges, size):
            if len({r for r, _ in chosen}) == len({c for _, c in chosen}) == size:
                weight = float(np.prod([weights[edge] for edge in chosen])) if chosen else 1.0
                total += weight
                for edge in chosen:
                    found[edge] += weight
    return found / total


def _ours(weights: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(weights)
    found = np.zeros_like(weights)
    found[rows, columns] = match_probabilities(
        rows, columns, weights[rows, columns], num_rows=weights.shape[0], num_columns=weights.shape[1]
    )
    return found


@pytest.mark.parametrize("odds", [0.0, 0.01, 1.0, 50.0, 1e6])
def test_a_lone_edge_has_the_probability_of_its_odds(odds: float) -> None:
    zero = np.zeros(1, dtype=np.int64)
    found = match_probabilities(zero, zero, np.array([odds]), num_rows=1, num_columns=1)
    assert found[0] == pytest.approx(odds / (1 + odds))


def test_a_chain_is_exact() -> None:
    weights = np.array([[5.0, 2.0, 0.0], [0.0, 3.0, 7.0]])
    np.testing.assert_allclose(_ours(weights), _exact(weights), rtol=1e-3)


def test_the_column_that_others_do_not_want_is_kept() -> None:
    weights = np.array([[20.0, 20.0], [0.0, 20.0]])
    found = _ours(weights)
    assert found[0, 0] > 0.8
    assert found[1, 1] > 0.8
    assert found[0, 1] < 0.1


def test_nothing_gives_nothing() -> None:
    empty = np.zeros(0, dtype=np.int64)
    assert match_probabilities(empty, empty, np.zeros(0), num_rows=0, num_columns=0).shape == (0,)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 30), min_size=9, max_size=9))
def test_small_squares_are_near_the_truth_and_no_row_is_given_twice(values: list[float]) -> None:
    weights = np.array(values).reshape(3, 3)
    found = _ours(weights)
    assert np.isfinite(found).all()
    assert (found.sum(axis=0) <= 1.02).all()
    assert (found.sum(axis=1) <= 1.02).all()
    assert np.abs(found - _exact(weights)).max() < 0.2
