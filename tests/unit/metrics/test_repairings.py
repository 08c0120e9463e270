from __future__ import annotations

import numpy as np
import pytest

from mmcheck.metrics.hubness import csls, find_neighbourhoods, s_clip_loss
from mmcheck.metrics.repairings import find_repairings, first_copies

LIMITS = {"image_limit": 0.95, "text_limit": 0.95}


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_bank(count, kinds, seed=0, dim=24):
    """Return images of ``kinds`` kinds with captions that are near-copies within a kind, and some whole near-copies."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, kinds, count)
    scenes = rng.normal(size=(kinds, dim))
    images = scenes[kind] + 0.5 * rng.normal(size=(count, dim))
    texts = (scenes + 0.3 * rng.normal(size=scenes.shape))[kind] + 0.02 * rng.normal(size=(count, dim))
    images[-count // 8 :] = images[: -(-count // 8)] + 0.02 * rng.normal(size=images[-count // 8 :].shape)
    texts[-count // 8 :] = texts[: -(-count // 8)]
    return unit(images), unit(texts)


@pytest.mark.parametrize("kinds", [2, 5, 40])
@pytest.mark.parametrize("count", [40, 700])
def test_a_re_pairing_scores_as_a_row_that_holds_this_pair(count, kinds):
    images, texts = make_bank(count, kinds)
    first = first_copies(images, texts, 0.95, 0.95)
    found = find_repairings(images, texts, first, 7, neighbours=5, with_exponentials=True, **LIMITS)
    for offset in range(7):
        other = np.roll(first, -offset - 1)
        row = find_neighbourhoods(images[first], texts[other], images, texts, neighbours=5, **LIMITS)
        own = np.einsum("ij,ij->i", images[first], texts[other])
        np.testing.assert_allclose(found.own[:, offset], own, atol=1e-5)
        np.testing.assert_allclose(
            csls(found.own, found.image_level, found.text_level)[:, offset],
            csls(own, row.image.level(5), row.text.level(5)),
            atol=1e-5,
        )
        np.testing.assert_allclose(
            s_clip_loss(found.own, found.image, found.text)[:, offset], s_clip_loss(own, row.image, row.text), atol=1e-4
        )
        alike = np.einsum("ij,ij->i", images[first], images[other]) > 0.95
        alike |= np.einsum("ij,ij->i", texts[first], texts[other]) > 0.95
        assert (found.unlike[:, offset] == ~alike).all()


def test_rows_that_are_near_copies_in_both_halves_are_paired_once():
    images, texts = make_bank(80, 10)
    assert first_copies(images, texts, 0.95, 0.95).tolist() == list(range(70))
    assert first_copies(images, texts, 1.1, 1.1).tolist() == list(range(80))
    assert first_copies(images[:0], texts[:0], 0.95, 0.95).tolist() == []


def test_where_all_texts_are_alike_nothing_is_unlike():
    images, _ = make_bank(30, 30)
    texts = np.repeat(images[:1], 30, axis=0)
    found = find_repairings(images, texts, np.arange(30), 5, neighbours=5, with_exponentials=True, **LIMITS)
    assert not found.unlike.any()
    assert np.isnan(found.image_level).all()


def test_one_row_has_no_re_pairing():
    images, texts = make_bank(30, 30)
    found = find_repairings(images, texts, np.array([3]), 0, neighbours=5, **LIMITS)
    assert found.unlike.shape == (1, 0)
    assert find_repairings(images, texts, np.zeros(0, np.int64), 0, neighbours=5, **LIMITS).own.shape == (0, 0)
