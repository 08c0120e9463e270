from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.errors import MmcheckError
from mmcheck.corpus import neighbour_index
from mmcheck.corpus.embeddings import normalise
from mmcheck.corpus.neighbour_index import NeighbourIndex


def crowded(rng, count, dim=32, clusters=40):
    """Return unit vectors around some centres."""
    centres = rng.standard_normal((clusters, dim))
    return normalise((centres[rng.integers(0, clusters, count)] + rng.standard_normal((count, dim))).astype(np.float32))


def filled(vectors, *, parts=3, **options):
    index = NeighbourIndex(vectors.shape[1], len(vectors), **options)
    for part in np.array_split(vectors, parts):
        index.add(part)
    return index


def pairs_of(index, threshold, **options):
    """Return the set of pairs, each once, and their cosines."""
    found = {}
    for pairs in index.pairs_above(threshold, **options):
        for left, right, cosine in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.similarity, strict=True):
            assert left < right
            found[left, right] = float(cosine)
    return found


@pytest.mark.parametrize("exact_rows", [10_000, 0])
def test_neighbours_are_those_of_all_pairs(exact_rows):
    vectors = crowded(np.random.default_rng(0), 900)
    index = filled(vectors, exact_rows=exact_rows)
    assert index.is_exact == (exact_rows > 0)
    similarity, rows = index.search(vectors[:50], 5)
    cosines = vectors[:50] @ vectors.T
    best = np.sort(cosines, axis=1)[:, ::-1][:, :5]
    assert (rows[:, 0] == np.arange(50)).all()
    assert (np.abs(similarity - best) < 2e-3).mean() > 0.97
    np.testing.assert_allclose(similarity, np.take_along_axis(cosines, rows, axis=1), atol=2e-3)
    np.testing.assert_allclose(index.vectors(np.array([3, 700])), vectors[[3, 700]], atol=1e-3)


@pytest.mark.parametrize("exact_rows", [10_000, 0])
def test_pairs_above_a_cosine(exact_rows):
    rng = np.random.default_rng(1)
    vectors = crowded(rng, 2000)
    vectors[1500:1600] = normalise(vectors[:100] + 0.03 * rng.standard_normal((100, 32)).astype(np.float32))
    cosines = vectors @ vectors.T
    wanted = {(i, j) for i, j in zip(*np.where(np.triu(cosines, 1) >= 0.96), strict=True)}
    assert {(i, i + 1500) for i in range(100)} <= wanted
    found = pairs_of(filled(vectors, exact_rows=exact_rows), 0.96)
    assert len(set(found) & wanted) >= 0.98 * len(wanted)
    assert all(cosines[pair] > 0.958 for pair in found)
    if exact_rows:
        assert set(found) == wanted


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    vectors = crowded(rng, 700, clusters=8)
    order = rng.permutation(len(vectors))
    for exact_rows in (10_000, 0):
        found = []
        for rows in (np.arange(len(vectors)), order):
            index = NeighbourIndex(vectors.shape[1], len(vectors), 5, exact_rows=exact_rows)
            # As `gather_bank` gives it: the same sample in the same order.
            index.train(vectors[:300])
            index.add(vectors[rows])
            found.append({frozenset(rows[list(pair)].tolist()) for pair in pairs_of(index, 0.8, k=60)})
        assert found[0] == found[1]


def test_recall_is_measured_and_can_be_bought():
    rng = np.random.default_rng(2)
    vectors = normalise(rng.standard_normal((6000, 48)).astype(np.float32))  # nothing is near: the worst case
    index = filled(vectors, exact_rows=0)
    assert index.describe()["recall"] is None
    queries = normalise(rng.standard_normal((64, 48)).astype(np.float32))
    before = index.measure_recall(queries, k=10)
    truth = np.sort(queries @ vectors.T, axis=1)[:, -10:]
    found = index.search(queries, 10)[0]
    assert before == pytest.approx((found >= truth[:, :1] - 1e-3).mean(), abs=0.02)
    assert before < 0.97
    assert index.tune(queries, k=10, least_recall=0.99) >= 0.99
    described = index.describe()
    assert described["kind"] == "approximate"
    assert described["recall"] >= 0.99
    assert 16 < described["probes"] <= described["cells"]


def test_near_neighbours_are_found_more_surely_than_far_ones():
    rng = np.random.default_rng(3)
    vectors = crowded(rng, 5000, dim=48)
    vectors[4000:] = normalise(vectors[:1000] + 0.02 * rng.standard_normal((1000, 48)).astype(np.float32))
    index = filled(vectors, exact_rows=0)
    assert index.measure_recall(floor=0.95, num_queries=500) >= 0.99
    assert index.measure_recall(k=10, num_queries=200) < index.measure_recall(floor=0.95, num_queries=200)


def test_nothing_one_row_and_equal_rows():
    empty = np.ones((2, 4), dtype=np.float32) / 2
    for exact_rows in (100, 0):
        index = NeighbourIndex(4, 50, exact_rows=exact_rows)
        assert index.search(empty, 2)[1].tolist() == [[-1, -1], [-1, -1]]
        assert pairs_of(index, 0.5) == {}
        assert (len(index), index.measure_recall()) == (0, 1.0)
        index.add(np.zeros((0, 4), dtype=np.float32))
        index.add(empty[:1])
        similarity, rows = index.search(empty[:1], 3)
        assert rows.tolist() == [[0, -1, -1]]
        assert similarity[0, 1] == -np.inf
        index.add(np.repeat(empty[:1], 5, axis=0))
        assert len(index) == 6
        assert len(pairs_of(index, 0.99)) == 15
        assert index.measure_recall() == 1.0


def test_wrong_shapes_are_refused():
    with pytest.raises(MmcheckError, match="at least one dimension"):
        NeighbourIndex(0, 10)
    index = NeighbourIndex(4, 10)
    with pytest.raises(MmcheckError, match=r"shape \(2, 3\) do not fit an index of 4"):
        index.add(np.ones((2, 3), dtype=np.float32))


def test_with_torch_in_the_same_process():
    """Both bring an OpenMP of their own; a clash ends the process or hangs it."""
    torch = pytest.importorskip("torch")
    index = filled(crowded(np.random.default_rng(4), 3000, dim=64), exact_rows=0)
    for _ in range(3):
        product = torch.ones(300, 300) @ torch.ones(300, 300)
        assert index.search(index.vectors(np.arange(100)), 3)[1][:, 0].tolist() == list(range(100))
        assert float(product.mean()) == 300


def test_a_graph_finds_the_cells_of_a_large_index(monkeypatch):
    monkeypatch.setattr(neighbour_index, "_GRAPH_CELLS", 32)
    rng = np.random.default_rng(5)
    vectors = crowded(rng, 6000, dim=24)
    vectors[5900:] = normalise(vectors[:100] + 0.02 * rng.standard_normal((100, 24)).astype(np.float32))
    found = []
    for _ in range(2):
        index = filled(vectors, exact_rows=0)
        found.append(pairs_of(index, 0.97))
        assert index.num_cells == 60
        assert index.measure_recall(floor=0.95, num_queries=300) >= 0.98
    assert found[0] == found[1], "built by one thread, so always the same"
    assert sum((row, 5900 + row) in found[0] for row in range(100)) >= 98


def test_where_nothing_is_near_made_up_copies_are_looked_for():
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(3000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = NeighbourIndex(64, 3000, exact_rows=100)
    index.add(vectors)
    # Nothing has a neighbour above .95 here: the recall of far neighbours would say nothing about copies.
    assert index.measure_recall(k=1, num_queries=200) < index.measure_recall(floor=0.95, num_queries=200)
    assert index.measure_recall(floor=0.95, num_queries=200) > 0.9
