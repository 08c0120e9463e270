from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.coverage.clusters import (
    assign,
    choose_num_clusters,
    find_excess,
    find_rare,
    measure_balance,
    measure_radii,
    train_centroids,
)
from mmcheck.coverage.constants import MAX_CLUSTERS

sizes = st.lists(st.integers(0, 1000), min_size=1, max_size=40).map(lambda values: np.array(values, dtype=np.int64))


def blobs(count: int, groups: int = 4, dimensions: int = 16, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centres = np.eye(dimensions)[np.arange(count) % groups]
    return (centres + 0.05 * generator.normal(size=(count, dimensions))).astype(np.float32)


@pytest.mark.parametrize(("rows", "clusters"), [(10, 2), (50, 5), (450, 15), (20_000, 100), (10**7, MAX_CLUSTERS)])
def test_number_of_clusters_follows_the_size(rows: int, clusters: int) -> None:
    assert choose_num_clusters(rows) == clusters


def test_centroids_find_separate_groups_and_each_row_its_own() -> None:
    vectors = blobs(200)
    labels, distances = assign(vectors, train_centroids(vectors, vectors, 4, 0))
    groups = [set(labels[start::4].tolist()) for start in range(4)]
    assert [len(group) for group in groups] == [1, 1, 1, 1]
    assert len(set.union(*groups)) == 4
    assert distances.max() < 0.5


def test_training_is_repeatable_and_never_makes_more_clusters_than_rows() -> None:
    vectors = blobs(64)
    assert np.array_equal(train_centroids(vectors, vectors, 6, 3), train_centroids(vectors, vectors, 6, 3))
    assert len(train_centroids(vectors[:3], vectors[:3, :2], 10, 0)) == 3


def test_assignment_in_chunks_is_the_nearest_centroid() -> None:
    vectors, centroids = blobs(40_000, dimensions=4), blobs(7, groups=3, dimensions=4, seed=1)
    labels, distances = assign(vectors, centroids)
    gaps = np.linalg.norm(vectors[:, None] - centroids[None], axis=2)
    assert np.allclose(distances, gaps.min(axis=1), atol=1e-3)
    assert np.allclose(gaps[np.arange(len(vectors)), labels], gaps.min(axis=1), atol=1e-3)
    assert assign(vectors[:0], centroids)[0].shape == (0,)


@given(sizes)
def test_balance_stays_within_its_bounds_whatever_the_order(values: np.ndarray) -> None:
    balance = measure_balance(values)
    held = int((values > 0).sum())
    assert balance.num_clusters == held
    assert 0 <= balance.gini < 1
    if held:
        assert 1 - 1e-9 <= balance.effective <= held + 1e-9
        ranked = np.sort(values)[::-1]
        assert ranked[: balance.half].sum() * 2 >= values.sum() - 1e-6
        assert ranked[: balance.half - 1].sum() * 2 < values.sum()
    turned = measure_balance(values[::-1])
    assert turned.gini == pytest.approx(balance.gini)
    assert (turned.half, turned.num_clusters) == (balance.half, held)


def test_balance_of_known_sets() -> None:
    equal = measure_balance(np.full(8, 5))
    assert (equal.gini, equal.half, round(equal.effective, 6)) == (0.0, 4, 8.0)
    alone = measure_balance(np.array([100, 0, 0]))
    assert (alone.num_clusters, alone.half, alone.gini, alone.effective) == (1, 1, 0.0, 1.0)
    uneven = measure_balance(np.array([1, 99]))
    assert uneven.gini == pytest.approx(0.49)
    assert uneven.effective == pytest.approx(math.exp(-(0.01 * math.log(0.01) + 0.99 * math.log(0.99))))


def test_a_lone_row_does_not_make_a_cluster_of_no_width() -> None:
    labels = np.array([0] * 20 + [1], dtype=np.int32)
    distances = np.array([*np.linspace(0.1, 0.5, 20), 0.0], dtype=np.float32)
    radii = measure_radii(labels, distances, 2)
    assert radii[0] == pytest.approx(np.quantile(distances[:20], 0.95))
    assert radii[1] == pytest.approx(radii[0] / 2)


def test_a_region_is_rare_only_where_its_share_is_low_beyond_chance() -> None:
    ratios, chances = find_rare(np.array([100, 100, 3, 0]), 1000, np.array([0, 100, 0, 50]), 1000)
    assert ratios[:3].tolist() == [0.0, 1.0, 0.0]
    assert np.isinf(ratios[3])
    assert chances[0] < 1e-20
    assert 0.5 < chances[1] < 0.55
    assert chances[2] == pytest.approx(0.125)
    assert chances[3] == 1.0


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 10_000), st.integers(1, 10_000))
def test_chances_are_probabilities_and_fall_with_fewer_rows(there: int, here: int, total: int, own: int) -> None:
    num_there, num_here = total + there, own + here
    _, chances = find_rare(np.array([there, there]), num_there, np.array([here, 0]), num_here)
    assert (chances >= 0).all()
    assert (chances <= 1).all()
    assert chances[1] <= chances[0] + 1e-9


def test_an_empty_set_tells_nothing() -> None:
    ratios, chances = find_rare(np.array([5]), 10, np.array([0]), 0)
    assert np.isinf(ratios).all()
    assert chances.tolist() == [1.0]


def test_an_excess_is_clear_only_where_chance_does_not_explain_it() -> None:
    chances = find_excess(np.array([0, 2, 40, 10]), np.array([5, 3, 50, 100]), 0.1)
    assert chances[0] == 1.0
    assert chances[1] == pytest.approx(0.028)
    assert chances[2] < 1e-20
    assert 0.5 < chances[3] < 0.6
