"""Captions that were written for other images: mismatched, not uninformative."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.corpus.alignment.test_alignment import DIM, analyse, image_shards, make_pairs, unit


def make_foreign(count, foreign, seed=0):
    """Return pairs of which the first ``foreign`` have texts about what no image shows."""
    images, texts = make_pairs(count, seed=seed)
    wide = np.zeros((2, count, DIM + 12))
    wide[0, :, :DIM], wide[1, :, :DIM] = images, texts
    rng = np.random.default_rng(seed + 1)
    wide[1, :foreign, :DIM] *= 0.15
    wide[1, :foreign, DIM:] = unit(rng.normal(size=(foreign, 12)))
    return wide[0], unit(wide[1])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_captions_of_another_domain_are_mismatched(share):
    foreign = round(share * 600)
    images, texts = make_foreign(600, foreign)
    texts[:foreign] = np.roll(texts[:foreign], 1, axis=0)
    values, summary = analyse(image_shards(images, texts))
    found = summary["image"]
    assert (values["posterior"][:foreign] > 0.5).mean() >= 0.95
    assert (values["posterior"][foreign:] > 0.5).mean() <= 0.01
    assert found["share_low"] <= share <= found["share_high"]
    assert found["num_uninformative"] == 0
    if found["num_foreign"]:
        assert any("captions of other images" in sentence for sentence in summary["sentences"])


def real_pairs(shared_data, seed, share):
    """Return real photographs with their captions, a share of these replaced by titles of shop products."""
    folder = shared_data / "real-clip-embeddings"
    if not folder.is_dir():
        pytest.skip(f"no real embeddings at {folder}")
    with np.load(folder / "photos-vitb32.npz") as photos, np.load(folder / "products-vitb32.npz") as products:
        images, texts, titles = (
            array.astype(np.float32) for array in (photos["image"], photos["text"], products["text"])
        )
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(images), round(share * len(images)), replace=False)
    texts[rows] = titles[rng.choice(len(titles), len(rows), replace=False)]
    return images, texts, np.isin(np.arange(len(images)), rows)


@pytest.mark.parametrize("seed", [0, 3, 4])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_titles_of_products_under_real_photographs_are_mismatched(shared_data, share, seed):
    images, texts, is_wrong = real_pairs(shared_data, seed, share)
    values, summary = analyse(image_shards(images, texts))
    taken = values["posterior"] > 0.5
    assert taken[is_wrong].mean() >= 0.9
    assert taken[~is_wrong].mean() <= 0.02
    assert summary["image"]["share_low"] <= share <= summary["image"]["share_high"]


def test_real_captions_near_the_mean_of_all_say_nothing(shared_data):
    images, texts, is_silent = real_pairs(shared_data, 0, 0.2)
    rng = np.random.default_rng(0)
    middle = texts[~is_silent].mean(axis=0)
    noise = 0.15 * unit(rng.normal(size=(int(is_silent.sum()), texts.shape[1])))
    texts[is_silent] = unit(middle / np.linalg.norm(middle) + noise)
    values, summary = analyse(image_shards(images, texts))
    assert summary["image"]["num_uninformative"] == pytest.approx(is_silent.sum(), abs=3)
    assert summary["image"]["num_foreign"] == 0
    assert not (values["posterior"] > 0.5).any()


def test_nothing_is_vouched_for_where_all_captions_are_of_another_domain(shared_data):
    images, texts, _ = real_pairs(shared_data, 0, 1.0)
    values, summary = analyse(image_shards(images, texts))
    assert summary["image"]["state"] == "model_cannot_tell"
    assert not np.isfinite(values["posterior"]).any()
    assert set(values["cause"]) == {"model_cannot_tell"}
