from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.hubness import (
    TEMPERATURE,
    cross_centred_asymmetry,
    csls,
    find_neighbourhoods,
    near_limit,
    neighbourhood,
    s_clip_loss,
)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_pairs(count, seed=0, dim=32, noise=0.4):
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(count, dim))
    return (unit(meaning + noise * rng.normal(size=(count, dim))) for _ in range(2))


def find(images, texts, bank_images=None, bank_texts=None, neighbours=5, limits=(0.95, 0.95)):
    bank_images = images if bank_images is None else bank_images
    bank_texts = texts if bank_texts is None else bank_texts
    return find_neighbourhoods(
        images,
        texts,
        bank_images,
        bank_texts,
        neighbours=neighbours,
        image_limit=limits[0],
        text_limit=limits[1],
    )


def test_the_level_is_the_mean_of_the_nearest_strangers():
    images, texts = make_pairs(40)
    found = find(images, texts)
    cosines = images @ texts.T
    for row in range(40):
        others = np.delete(cosines[row], row)
        assert found.image.level(5)[row] == pytest.approx(np.sort(others)[-5:].mean(), abs=1e-5)
        assert found.image.mean[row] == pytest.approx(others.mean(), abs=1e-5)
        assert found.image.spread[row] == pytest.approx(others.std(), abs=1e-4)
        backward = np.delete(cosines[:, row], row)
        assert found.text.level(5)[row] == pytest.approx(np.sort(backward)[-5:].mean(), abs=1e-5)
        assert found.rank[row] == pytest.approx((backward >= cosines[row, row]).mean(), abs=1e-6)
    assert (found.copies == 1).all()
    assert (found.image.num_strangers == 39).all()


def test_copies_and_near_copies_in_the_bank_change_no_score():
    images, texts = make_pairs(50, seed=2)
    plain = find(images, texts)
    twice = np.concatenate([np.arange(50), [3, 3, 3]])
    noise = 0.005 * np.random.default_rng(0).normal(size=(53, 32))
    copied = find(images, texts, unit(images[twice] + noise), unit(texts[twice] + noise))
    assert copied.copies[3] == 4
    assert copied.image.level(5)[3] == pytest.approx(plain.image.level(5)[3], abs=0.01)
    assert copied.image.num_strangers[3] == plain.image.num_strangers[3]


def test_csls_takes_off_what_hubs_reach_anyway():
    own = np.array([0.5, 0.5], dtype=np.float32)
    scores = csls(own, np.array([0.1, 0.4], dtype=np.float32), np.array([0.1, 0.4], dtype=np.float32))
    assert scores.tolist() == pytest.approx([0.8, 0.2])


def test_s_clip_loss_is_the_definition():
    images, texts = make_pairs(20, seed=3)
    found = find(images, texts)
    cosines = (images @ texts.T).astype(np.float64)
    scores = s_clip_loss(np.diag(cosines).astype(np.float32), found.image, found.text)
    for row in range(20):
        forward = np.log(np.mean(np.exp(cosines[row] / TEMPERATURE)))
        backward = np.log(np.mean(np.exp(cosines[:, row] / TEMPERATURE)))
        expected = cosines[row, row] - TEMPERATURE / 2 * (forward + backward)
        assert scores[row] == pytest.approx(expected, abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-0.5, 0.5))
def test_a_constant_added_to_all_cosines_changes_no_corrected_score(seed, shift):
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(-0.4, 0.4, size=(8, 30)).astype(np.float32)
    own = rng.uniform(-0.4, 0.4, 8).astype(np.float32)
    known = rng.random((8, 30)) < 0.1
    plain = neighbourhood(cosines.copy(), known, 4)
    moved = neighbourhood(cosines + np.float32(shift), known, 4)
    np.testing.assert_allclose(
        csls(own + np.float32(shift), moved.level(4), moved.level(4)),
        csls(own, plain.level(4), plain.level(4)),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        s_clip_loss(own + np.float32(shift), moved, moved), s_clip_loss(own, plain, plain), atol=1e-4
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_bank_changes_nothing(seed):
    images, texts = make_pairs(25, seed=seed)
    order = np.random.default_rng(seed).permutation(25)
    plain, mixed = find(images, texts), find(images, texts, images[order], texts[order])
    np.testing.assert_allclose(mixed.image.level(5), plain.image.level(5), atol=1e-6)
    np.testing.assert_allclose(mixed.text.level(5), plain.text.level(5), atol=1e-6)


def test_where_all_are_alike_there_are_no_strangers():
    images, _ = make_pairs(10, seed=4)
    same = np.repeat(images[:1], 10, axis=0)
    found = find(images, same)
    assert np.isnan(found.image.level(5)).all()
    assert np.isnan(found.rank).all()
    assert (found.image.num_strangers == 0).all()


def test_fewer_strangers_than_neighbours_are_enough():
    images, texts = make_pairs(3, seed=5)
    assert np.isfinite(find(images, texts, neighbours=10).image.level(10)).all()


def test_an_empty_block_is_an_empty_answer():
    images, texts = make_pairs(5)
    assert len(find(images[:0], texts[:0], images, texts).image.level(5)) == 0


def test_the_limit_of_near_copies_rises_in_a_narrow_cone():
    wide, _ = make_pairs(200, seed=6)
    assert near_limit(wide) == 0.95
    narrow = unit(wide + 5 * wide[0])
    assert 0.95 < near_limit(narrow) < 0.9999
    assert near_limit(np.repeat(wide[:1], 50, axis=0)) == 0.9999
    assert near_limit(wide[:1]) == 0.95


def test_partners_are_seen_wherever_they_stand():
    images, texts = make_pairs(300, seed=7, noise=0.5)
    assert cross_centred_asymmetry(images @ np.roll(texts, 5, axis=0).T) > 1.25
    nonsense, _ = make_pairs(300, seed=8)
    assert cross_centred_asymmetry(images @ nonsense.T) < 1.15
    assert cross_centred_asymmetry(np.zeros((5, 5), dtype=np.float32)) == 1.0
