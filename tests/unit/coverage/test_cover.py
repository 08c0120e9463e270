from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.coverage.cover import VIEWS, contrast, count_inside, cover, find_probe

IMAGE = VIEWS["image"]
DIMENSIONS = 16


@dataclass
class FakeShard:
    """One shard in memory; rows of NaN have no embedding."""

    vectors: np.ndarray
    stored: bool = True

    def samples(self, columns=None):
        return pa.table({"id": [str(number) for number in range(len(self.vectors))]})

    def measurements(self, probe, columns=None):
        if probe != "image_text":
            return None
        table = pa.table({"status": ["measured"] * len(self.vectors)})
        if self.stored:
            flat = pa.array(np.nan_to_num(self.vectors).astype(np.float16).reshape(-1))
            absent = pa.array(np.isnan(self.vectors[:, 0]))
            column = pa.FixedSizeListArray.from_arrays(flat, self.vectors.shape[1], mask=absent)
            table = table.append_column("embedding.image", column)
        return table.select([name for name in columns or table.column_names if name in table.column_names])


def rows(groups, noise=0.1, seed=0):
    generator = np.random.default_rng(seed)
    vectors = np.eye(DIMENSIONS)[list(groups)] + noise * generator.normal(size=(len(groups), DIMENSIONS))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def shards(vectors, size=25):
    return [FakeShard(vectors[start : start + size]) for start in range(0, len(vectors), size)]


def partition(labels):
    """Return the groups as sets of rows, whatever their numbers."""
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def nobody(covered):
    return np.zeros(len(covered.rows), dtype=bool)


def test_groups_are_found_and_numbered_by_size():
    groups = [0] * 40 + [1] * 20 + [2] * 30
    covered = cover(shards(rows(groups)), IMAGE, num_clusters=3, with_map=False)
    assert covered.state == "clustered"
    assert covered.sizes.tolist() == [40, 30, 20]
    assert covered.labels.tolist() == [0] * 40 + [2] * 20 + [1] * 30
    assert covered.points.shape == (0, 2)


def test_rows_without_an_embedding_are_left_out():
    vectors = rows([0, 1] * 20)
    vectors[[3, 17]] = np.nan
    covered = cover(shards(vectors), IMAGE, with_map=False)
    assert len(covered.rows) == 38
    assert not {3, 17} & set(covered.rows.tolist())


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(60)), st.integers(7, 61))
def test_the_order_of_the_rows_changes_nothing(order, size):
    vectors = rows([0, 1, 2] * 20)
    first = cover(shards(vectors), IMAGE, num_clusters=4, with_map=False)
    second = cover(shards(vectors[order], size), IMAGE, num_clusters=4, with_map=False)
    assert partition(first.labels[order]) == partition(second.labels)
    assert np.allclose(first.distances[order], second.distances, atol=1e-5)
    typical = [[order[row] for row in part] for part in second.typical(3, nobody(second))]
    assert {tuple(part) for part in typical} == {tuple(part.tolist()) for part in first.typical(3, nobody(first))}


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 59), min_size=1, max_size=80))
def test_duplicates_move_no_centroid(copies):
    vectors = rows([0, 1, 2] * 20)
    first = cover(shards(vectors), IMAGE, num_clusters=4, with_map=False)
    second = cover(shards(np.concatenate([vectors, vectors[copies]])), IMAGE, num_clusters=4, with_map=False)
    assert partition(first.labels) == partition(second.labels[:60])


def test_the_map_does_not_depend_on_order_and_equal_rows_share_a_place():
    vectors = rows([0, 1, 2] * 20)
    order = np.random.default_rng(5).permutation(60)
    first, second = cover(shards(vectors), IMAGE), cover(shards(vectors[order], 11), IMAGE)
    assert first.method == "t-SNE"
    assert np.allclose(first.points[order], second.points, atol=1e-6)
    third = cover(shards(np.concatenate([vectors, vectors[:5]])), IMAGE)
    assert np.allclose(third.points[60:], third.points[:5])
    assert len(third.mapped) == 60


def test_typical_rows_are_distinct_nearest_and_avoid_where_they_can():
    vectors = rows([0, 1] * 20)
    vectors = np.concatenate([vectors, vectors[:2], vectors[:2]])
    covered = cover(shards(vectors), IMAGE, num_clusters=2, with_map=False)
    for part in covered.typical(5, nobody(covered)):
        assert len(part) == 5
        assert len(set(covered.keys[part].tolist())) == 5
        assert (np.diff(covered.distances[part]) >= 0).all()
    avoid = np.zeros(44, dtype=bool)
    avoid[np.concatenate(covered.typical(3, nobody(covered)))] = True
    assert not avoid[np.concatenate(covered.typical(5, avoid))].any()
    assert not avoid[np.concatenate(covered.sample(100, avoid))].any()
    everyone = np.ones(44, dtype=bool)
    assert [len(part) for part in covered.sample(100, everyone)] == covered.sizes.tolist()


def test_near_empty_and_wide_clusters_are_told():
    groups = [number for number in range(6) for _ in range(60)] + [6] * 2
    vectors = rows(groups, noise=0.02)
    wide = rows([7] * 40, noise=0.12, seed=3)
    covered = cover(shards(np.concatenate([vectors, wide])), IMAGE, num_clusters=8, with_map=False)
    assert [covered.sizes[c] for c in covered.near_empty()] == [2]
    assert {int(covered.labels[row]) for row in range(362, 402)} >= set(covered.spread_out())
    assert len(covered.spread_out()) == 1


@pytest.mark.parametrize(
    ("vectors", "state", "count"),
    [
        (rows([0, 1, 2]), "too_few", 3),
        (np.tile(rows([0]), (50, 1)), "constant", 50),
        (rows([0] * 50, noise=1e-4), "constant", 50),
        (np.full((20, DIMENSIONS), np.nan), "too_few", 0),
    ],
)
def test_sets_that_cannot_be_clustered_say_why(vectors, state, count):
    covered = cover(shards(vectors), IMAGE)
    assert covered.state == state
    assert len(covered.rows) == count
    assert covered.sizes.tolist() == []
    assert covered.near_empty() == []
    assert covered.spread_out() == []


def test_without_stored_embeddings_there_is_nothing():
    assert cover([], IMAGE).state == "absent"
    bare = [FakeShard(rows([0] * 20), stored=False)]
    assert find_probe(bare, IMAGE) is None
    assert cover(bare, IMAGE).state == "absent"
    assert find_probe([*bare, FakeShard(rows([0] * 20))], IMAGE) == "image_text"


def test_what_one_set_lacks_is_found_both_ways():
    full, part = shards(rows([0, 1, 2, 3] * 60)), shards(rows([0, 1, 2] * 60 + [5] * 60, seed=8))
    base, own = cover(full, IMAGE, num_clusters=4), cover(part, IMAGE, num_clusters=4)
    missing, untold = contrast(full, base, part, IMAGE, missing=True)
    assert [(entry.cluster, entry.rows_here) for entry in missing] == [(int(base.labels[3]), 0)]
    assert untold == 0
    over, _ = contrast(part, own, full, IMAGE, missing=False)
    assert [entry.cluster for entry in over] == [int(own.labels[-1])]
    assert over[0].ratio == 0


def test_a_set_lacks_nothing_of_itself_and_a_tiny_one_cannot_be_told():
    full = shards(rows([0, 1, 2, 3] * 60))
    base = cover(full, IMAGE, num_clusters=4)
    assert contrast(full, base, full, IMAGE, missing=True) == ([], 0)
    counts, total = count_inside(full, IMAGE, base)
    assert total == 240
    assert counts.sum() >= 0.94 * 240
    assert contrast(full, base, shards(rows([0, 1] * 6)), IMAGE, missing=True) == ([], 4)
