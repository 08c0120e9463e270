from __future__ import annotations

import numpy as np
import pytest

from mmcheck.metrics.domains import find_domains

DIM = 48
LIMIT = 0.98


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make(sizes, *, gap=1.0, topics=6, seed=0):
    """Return vectors in random order with the domain of each: a mean of their own for each domain, and topics in it."""
    rng = np.random.default_rng(seed)
    centres = np.eye(len(sizes) + 1, DIM)
    parts, labels = [], []
    for number, size in enumerate(sizes):
        themes = 0.35 * unit(rng.normal(size=(topics, DIM)))
        own = centres[0] + gap * centres[number + 1] + themes[rng.integers(0, topics, size)]
        parts.append(own + 0.8 * unit(rng.normal(size=(size, DIM))))
        labels += [number] * size
    order = rng.permutation(len(labels))
    return unit(np.concatenate(parts))[order], np.array(labels)[order]


@pytest.mark.parametrize("sizes", [(1000, 150), (400, 400), (1500, 200, 120), (6000, 600)])
@pytest.mark.parametrize("seed", [0, 1])
def test_domains_are_found_whatever_their_sizes(sizes, seed):
    vectors, truth = make(sizes, seed=seed)
    found = find_domains(vectors, LIMIT, 100)
    assert found is not None
    assert len(found) == len(sizes)
    labels = found.find(vectors)
    for number, size in enumerate(sizes):
        assert np.bincount(labels[truth == number]).max() >= 0.99 * size


@pytest.mark.parametrize("size", [150, 600, 3000])
@pytest.mark.parametrize("topics", [1, 2, 6, 20])
def test_topics_of_one_domain_are_no_domains(size, topics):
    for seed in range(3):
        assert find_domains(make((size,), topics=topics, seed=seed)[0], LIMIT, 100) is None


def test_a_group_that_is_too_small_is_no_domain():
    vectors, _ = make((1000, 60))
    assert find_domains(vectors, LIMIT, 100) is None
    assert find_domains(vectors, LIMIT, 50) is not None


def test_nothing_is_found_in_vectors_that_are_all_alike():
    one = np.zeros((400, DIM), dtype=np.float32)
    one[:, 0] = 1
    assert find_domains(one, LIMIT, 100) is None
    two = one.copy()
    # One image many times is no domain, however far from the others.
    two[:200] = np.eye(1, DIM, 1, dtype=np.float32)
    assert find_domains(two, LIMIT, 100) is None
    assert find_domains(one[:0], LIMIT, 100) is None


def test_equal_vectors_give_equal_domains_and_the_middle_is_of_the_domain():
    vectors, truth = make((600, 200))
    first, second = (find_domains(vectors, LIMIT, 100) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)
    for label in range(2):
        rows = first.middle(label)
        assert set(truth[rows[:5]]) == {label}
        assert len(rows) == (truth == label).sum()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_other_samples_of_a_set_give_the_same_domains(seed):
    vectors, truth = make((1200, 300), seed=9)
    rows = np.random.default_rng(seed).permutation(len(vectors))[:900]
    found = find_domains(vectors[rows], LIMIT, 100)
    assert (found.find(vectors) == truth).mean() >= 0.995


def test_real_images_of_two_kinds_are_two_domains_and_each_kind_is_one(shared_data):
    folder = shared_data / "real-clip-embeddings"
    if not folder.is_dir():
        pytest.skip(f"no real embeddings at {folder}")
    sets = []
    for name in ("products", "photos"):
        with np.load(folder / f"{name}-vitb32.npz") as stored:
            images = stored["image"].astype(np.float32)
        sets.append(unit(images[np.abs(images).sum(axis=1) > 0]))
    for images in sets:
        for seed in range(3):
            rows = np.random.default_rng(seed).permutation(len(images))
            assert find_domains(images[rows], 0.95, 100) is None
    truth = np.repeat([0, 1], [len(images) for images in sets])
    rows = np.random.default_rng(0).permutation(len(truth))
    found = find_domains(np.concatenate(sets)[rows], 0.95, 100)
    assert (found.find(np.concatenate(sets)) == truth).mean() >= 0.995
