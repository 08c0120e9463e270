from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import load_config
from mmcheck.metrics.caption_vagueness import (
    combine_vagueness,
    fit_temperature,
    flatness,
    fragmentation,
    lexical_vagueness,
    measure_fit,
    measure_spread,
    pick_unlike,
    repetition_share,
    tells_pairs_apart,
    trust_model,
    unexplained_flatness,
    weigh_repetition,
)

NONE = np.full(1, -1)
VAGUE_FROM = load_config("default").rules["vague_caption"].max


def cosines(*rows):
    return np.array(rows, dtype=np.float32)


def test_a_caption_that_fits_all_alike_is_flat_and_one_that_fits_one_is_not():
    flat = measure_fit(cosines([0.2] * 10), NONE, 0.01)
    assert flat.entropy[0] == pytest.approx(1.0)
    assert flat.num_fitting[0] == pytest.approx(10.0)
    assert flat.spread[0] == pytest.approx(0.0, abs=1e-7)
    peaked = measure_fit(cosines([0.9] + [0.1] * 9), NONE, 0.01)
    assert peaked.entropy[0] == pytest.approx(0.0, abs=1e-6)
    assert peaked.num_fitting[0] == pytest.approx(1.0, abs=1e-4)


def test_a_caption_that_fits_five_of_twenty_counts_five():
    fit = measure_fit(cosines([0.5] * 5 + [-0.5] * 15), NONE, 0.02)
    assert fit.num_fitting[0] == pytest.approx(5.0, rel=1e-4)
    assert fit.entropy[0] == pytest.approx(math.log(5) / math.log(20), rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-0.5, 0.5), st.integers(0, 19))
def test_own_image_is_left_out_and_a_constant_changes_nothing(seed, shift, own):
    row = np.random.default_rng(seed).normal(0, 0.1, size=(1, 20)).astype(np.float32)
    alone = measure_fit(np.delete(row, own, axis=1), NONE, 0.05)
    within = measure_fit(row, np.array([own]), 0.05)
    shifted = measure_fit(row + np.float32(shift), np.array([own]), 0.05)
    for name in ("entropy", "spread", "num_fitting"):
        assert getattr(within, name) == pytest.approx(getattr(alone, name), rel=1e-4, abs=1e-5)
        assert getattr(shifted, name) == pytest.approx(getattr(within, name), rel=1e-3, abs=1e-4)
    assert shifted.mean == pytest.approx(within.mean + shift, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_the_images_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    row = rng.normal(0, 0.1, size=(3, 30)).astype(np.float32)
    own = np.array([-1, 4, 29])
    order = rng.permutation(30)
    moved = np.where(own >= 0, np.argsort(order)[own], -1)
    first, second = measure_fit(row, own, 0.03), measure_fit(row[:, order], moved, 0.03)
    assert second.entropy == pytest.approx(first.entropy, rel=1e-4)


def test_spread_is_the_standard_deviation():
    row = np.random.default_rng(0).normal(0.3, 0.001, size=(4, 50)).astype(np.float32)
    mean, spread = measure_spread(row, np.full(4, -1))
    assert spread == pytest.approx(row.astype(np.float64).std(axis=1), rel=1e-4)
    assert mean == pytest.approx(row.astype(np.float64).mean(axis=1), rel=1e-6)


@pytest.mark.parametrize("scale", [0.001, 0.03, 0.2])
def test_the_temperature_leaves_specific_captions_half_of_the_entropy_whatever_the_model(scale):
    rng = np.random.default_rng(1)
    specific = rng.normal(0, scale, size=(60, 2000)).astype(np.float32)
    vague = rng.normal(0, scale / 10, size=(120, 2000)).astype(np.float32)
    rows = np.concatenate([specific, vague[:60]])
    temperature, spread = fit_temperature(rows.std(axis=1).astype(np.float64), 2000)
    assert spread == pytest.approx(scale, rel=0.1)
    fit = measure_fit(rows, np.full(len(rows), -1), temperature)
    assert fit.entropy[:60].mean() == pytest.approx(0.55, abs=0.06)
    assert flatness(fit.entropy)[:60].max() < 0.4
    assert flatness(fit.entropy)[60:].min() > 0.95


def lexical(specificity, file_name=0.0, repetition=0.0):
    return float(lexical_vagueness(np.array([specificity]), np.array([file_name]), np.array([repetition]))[0])


def test_words_file_names_and_repetition_each_make_vague():
    assert lexical(0.95) == pytest.approx(0.05)
    assert lexical(0.0) == 1.0
    assert lexical(0.95, file_name=1.0) == 1.0
    assert lexical(0.95) < lexical(0.95, repetition=0.5) < lexical(0.5, repetition=0.5)


def combined(flat, words, trust=1.0):
    return float(combine_vagueness(np.array([flat]), np.array([words]), trust)[0])


def test_neither_a_flat_distribution_nor_few_words_suffice():
    assert combined(1.0, 0.1) < VAGUE_FROM
    assert combined(0.2, 1.0) < VAGUE_FROM
    assert combined(0.95, 0.9) > VAGUE_FROM
    assert combined(float("nan"), 0.7) == pytest.approx(0.7)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_vagueness_lies_between_its_witnesses(flat, words, trust):
    found = combined(flat, words, trust)
    assert min(flat, words) - 1e-9 <= found <= max(flat, words) + 1e-9


def test_a_weak_model_leaves_the_words_alone():
    assert trust_model(0.3) == 0.0
    assert trust_model(4.0) == 1.0
    assert 0.0 < trust_model(1.0) < trust_model(1.5) < 1.0
    assert combined(0.1, 0.9, trust=0.0) == pytest.approx(0.9)


def test_repetition_is_relative_to_the_set_and_needs_flatness():
    counts = np.array([1.0, 10.0, 100.0, 5000.0, np.nan])
    assert repetition_share(counts, 100) == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.0])
    assert repetition_share(np.array([1.0]), 1) == pytest.approx([0.0])
    weighed = weigh_repetition(np.array([0.25, 0.25, 0.25]), np.array([1.0, 0.3, np.nan]))
    assert weighed == pytest.approx([0.5, 0.045, 0.0])


def test_what_says_much_and_tells_nothing_apart_is_unverifiable():
    flat, words = np.array([0.95, 0.95, 0.3, np.nan]), np.array([0.05, 0.9, 0.05, 0.05])
    found = unexplained_flatness(flat, words)
    assert found[0] > 0.9
    assert found[1] < 0.4
    assert found[2] < 0.4
    assert np.isnan(found[3])


def test_byte_tokens_are_told_from_words_and_from_chinese():
    # tokens, characters: English, Chinese under a multilingual tokenizer, under an English one; an emoji.
    found = fragmentation(np.array([10.0, 9.0, 24.0, 3.0, np.nan]), np.array([44.0, 10.0, 10.0, 1.0, 10.0]))
    assert found[:2].tolist() == [0.0, 0.0]
    assert found[2] == 1.0
    assert found[3] == 0.0
    assert np.isnan(found[4])


def test_a_model_must_beat_chance():
    rng = np.random.default_rng(0)
    assert tells_pairs_apart(rng.normal(2.0, 1.0, 50))
    assert not tells_pairs_apart(rng.normal(0.0, 1.0, 5000))
    assert not tells_pairs_apart(np.concatenate([rng.normal(0, 1, 950), rng.normal(3, 1, 50)]))
    assert not tells_pairs_apart(np.array([5.0, 5.0]))
    assert not tells_pairs_apart(np.zeros(0))


def test_examples_are_unlike_the_own_image_and_each_other():
    images = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2]]
    assert set(pick_unlike(images, np.arange(5), images[0], 2)) in ({2, 4}, {3, 4})
    assert pick_unlike(images, np.array([3]), images[0], 3) == [3]
    assert pick_unlike(images, np.zeros(0, dtype=np.int64), images[0], 3) == []
