"""Faults inside one domain of a set of two."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.corpus.alignment.test_alignment import analyse, image_shards, shuffle, unit

WIDTH = 48


def make_domain(count, number, seed, noise=0.5):
    """Return images and texts of one domain: a mean of its own, and captions that fit their images."""
    rng = np.random.default_rng(seed)
    meaning = 0.8 * unit(rng.normal(size=(count, WIDTH)))
    meaning[:, 0] += 0.6
    meaning[:, 1 + number] += 1.2
    return tuple(unit(meaning + noise * unit(rng.normal(size=meaning.shape))) for _ in range(2))


def make_two(large=900, small=250, wrong=40, seed=0):
    """Return images and texts of two domains, faults in the small one, and what is wrong and small, in random order."""
    one, two = make_domain(large, 0, seed), make_domain(small, 1, seed + 1)
    texts, is_wrong = shuffle(two[1], wrong / small, seed)
    order = np.random.default_rng(seed).permutation(large + small)
    faults = np.concatenate([np.zeros(large, dtype=bool), is_wrong])
    is_small = np.arange(large + small) >= large
    images, captions = np.concatenate([one[0], two[0]]), np.concatenate([one[1], texts])
    return images[order], captions[order], faults[order], is_small[order]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_fault_inside_a_small_domain_is_seen(seed):
    images, texts, is_wrong, is_small = make_two(seed=seed)
    values, summary = analyse(image_shards(images, texts))
    taken = values["posterior"] > 0.5
    assert taken[is_wrong].mean() >= 0.85
    assert taken[~is_wrong].sum() <= 2
    domains = summary["image"]["domains"]
    assert list(domains) == list(summary["image"]["slices"]) == ["domain 1", "domain 2"]
    assert [domain["num_rows"] for domain in domains.values()] == [900, 250]
    assert domains["domain 1"]["share"] < 0.01
    assert domains["domain 2"]["share"] == pytest.approx(0.16, abs=0.03)
    small = {f"s{row}" for row in np.flatnonzero(is_small)}
    assert set(domains["domain 2"]["examples"]) <= small
    assert not set(domains["domain 1"]["examples"]) & small
    assert any("2 domains that lie far apart" in sentence for sentence in summary["sentences"])


def test_nothing_is_taken_from_two_sound_domains():
    images, texts, _, _ = make_two(wrong=0)
    values, summary = analyse(image_shards(images, texts))
    assert len(summary["image"]["domains"]) == 2
    assert not (values["posterior"] > 0.5).any()


def test_order_shards_and_copies_change_nothing():
    images, texts, _, _ = make_two(large=500, small=160)
    plain, summary = analyse(image_shards(images, texts))
    order = np.random.default_rng(5).permutation(len(images))
    rows = np.concatenate([order, order[:70]])
    mixed, told = analyse(image_shards(images[rows], texts[rows], size=213))
    np.testing.assert_allclose(mixed["posterior"], plain["posterior"][rows], atol=1e-3)
    pairs = [[domain["num_pairs"] for domain in each["image"]["domains"].values()] for each in (summary, told)]
    assert pairs[0] == pairs[1]


def test_a_domain_whose_captions_are_all_displaced_is_not_vouched_for():
    images, texts, is_wrong, is_small = make_two(wrong=250)
    values, summary = analyse(image_shards(images, texts))
    assert summary["image"]["slices"]["domain 2"]["state"] in ("misaligned_throughout", "model_cannot_tell")
    assert not (values["posterior"][is_wrong] <= 0.5).any()
    assert (values["posterior"][~is_small] <= 0.5).mean() >= 0.99
    assert "in 1 of 2 slices" in summary["sentences"][0]
    assert summary["image"]["num_pairs_in_share"] == 900


def test_a_domain_of_foreign_captions_is_mismatched():
    images, texts, _, is_small = make_two(wrong=0)
    texts[is_small] = texts[~is_small][:250]
    values, _ = analyse(image_shards(images, texts))
    assert (values["posterior"][is_small] > 0.5).mean() >= 0.9
    assert (values["posterior"][~is_small] <= 0.5).mean() >= 0.99


def test_images_that_are_all_the_same_are_judged_with_the_others():
    images, texts, _, is_small = make_two(wrong=0)
    images[is_small] = images[np.flatnonzero(is_small)[0]]
    values, summary = analyse(image_shards(images, texts))
    assert "domains" not in summary["image"]
    assert np.isfinite(values["posterior"]).all()


def test_slices_have_domains_of_their_own():
    images, texts, is_wrong, _ = make_two(large=1400, small=400, wrong=60)
    language = np.where(np.arange(1800) % 2 == 0, "de", "en")
    values, summary = analyse(image_shards(images, texts, language=language), min_slice=300)
    assert list(summary["image"]["slices"]) == [
        "language=de, domain 1",
        "language=de, domain 2",
        "language=en, domain 1",
        "language=en, domain 2",
    ]
    assert (values["posterior"] > 0.5)[is_wrong].mean() >= 0.8
    assert (values["posterior"] > 0.5)[~is_wrong].sum() <= 3


@pytest.mark.parametrize("wrong", [0, 44])
def test_a_fault_among_real_photographs_is_seen_beside_many_products(shared_data, wrong):
    folder = shared_data / "real-clip-embeddings"
    if not folder.is_dir():
        pytest.skip(f"no real embeddings at {folder}")
    images, texts = [], []
    for name in ("products", "photos"):
        with np.load(folder / f"{name}-vitb32.npz") as stored:
            sound = np.abs(stored["image"]).sum(axis=1) > 0
            images.append(stored["image"][sound].astype(np.float32))
            texts.append(stored["text"][sound].astype(np.float32))
    is_wrong = np.zeros(len(images[0]) + len(images[1]), dtype=bool)
    texts[1], is_wrong[len(images[0]) :] = shuffle(texts[1], wrong / len(texts[1]), seed=4)
    shards = image_shards(np.concatenate(images), np.concatenate(texts), size=512)
    values, _ = analyse(shards)
    taken = values["posterior"] > 0.5
    assert taken[~is_wrong].sum() <= (4 if wrong else 0)
    if wrong:
        assert taken[is_wrong].mean() >= 0.85
        together, summary = analyse(shards, domains=False)
        assert "domains" not in summary["image"]
        assert (together["posterior"] > 0.5)[is_wrong].mean() <= 0.3
