from __future__ import annotations

import numpy as np
import pytest

from mmcheck.coverage.projection import Projection, find_lonely, fit_axes


def blobs(count: int, groups: int, dimensions: int = 32, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centres = np.eye(dimensions)[np.arange(count) % groups]
    return (centres + noise * generator.normal(size=(count, dimensions))).astype(np.float32)


@pytest.fixture(scope="module")
def islands() -> tuple[np.ndarray, Projection]:
    vectors = blobs(160, 4)
    return vectors, Projection(vectors, fit_axes(vectors), seed=0)


def test_groups_become_islands(islands: tuple[np.ndarray, Projection]) -> None:
    _, projection = islands
    assert projection.method == "t-SNE"
    assert projection.points.min() >= 0
    assert projection.points.max() <= 1
    gaps = np.linalg.norm(projection.points[:, None] - projection.points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert (gaps.argmin(axis=1) % 4 == np.arange(160) % 4).all()


def test_the_map_is_repeatable_and_its_own_rows_lie_on_their_points(islands: tuple[np.ndarray, Projection]) -> None:
    vectors, projection = islands
    assert np.array_equal(Projection(vectors, fit_axes(vectors), seed=0).points, projection.points)
    assert np.allclose(projection.place(vectors), projection.points)


def test_other_rows_are_placed_with_their_neighbours(islands: tuple[np.ndarray, Projection]) -> None:
    _, projection = islands
    places = projection.place(blobs(40, 4, seed=9))
    gaps = np.linalg.norm(places[:, None] - projection.points[None], axis=2)
    assert (gaps.argmin(axis=1) % 4 == np.arange(40) % 4).all()
    assert projection.place(np.zeros((0, 32), dtype=np.float32)).shape == (0, 2)


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_tiny_sets_get_a_map_by_principal_axes(count: int) -> None:
    projection = Projection(blobs(count, 3), fit_axes(blobs(count, 3)), seed=0)
    assert projection.method == "PCA"
    assert projection.points.shape == (count, 2)
    assert np.isfinite(projection.points).all()
    assert projection.place(blobs(5, 3, seed=1)).shape == (5, 2)


def test_equal_rows_lie_in_the_middle() -> None:
    same = np.full((40, 8), 0.25, dtype=np.float32)
    projection = Projection(same, fit_axes(same), seed=0)
    assert np.isfinite(projection.points).all()


def test_axes_are_orthonormal_with_a_fixed_sign() -> None:
    axes = fit_axes(blobs(300, 6))
    assert axes.directions.shape == (32, 32)
    assert np.allclose(axes.directions.T @ axes.directions, np.eye(32), atol=1e-4)
    largest = np.abs(axes.directions).argmax(axis=0)
    assert (axes.directions[largest, np.arange(32)] > 0).all()
    reduced = axes.reduce(blobs(300, 6))
    assert (np.diff(reduced.var(axis=0)) <= 1e-4).all()


def test_rows_without_neighbours_are_found_and_no_others() -> None:
    vectors = blobs(200, 4)
    vectors[7] = -np.ones(32) / 4
    vectors[99] = np.eye(32)[31]
    lonely, factors = find_lonely(vectors, fit_axes(vectors))
    assert set(lonely.tolist()) == {7, 99}
    assert (factors > 1.5).all()
    assert len(find_lonely(vectors[:15], fit_axes(vectors[:15]))[0]) == 0
    same = np.ones((100, 8), dtype=np.float32)
    assert len(find_lonely(same, fit_axes(same))[0]) == 0
