from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.label_conflict import (
    ConflictScale,
    fit_conflict_scale,
    mean_pair_cosine,
    median_and_deviation,
    median_of_others,
    rate_conflict,
    robust_z,
    transcript_distance,
    unlikeness,
)

SCALE = ConflictScale(like=0.9, unlike=0.1, small_gap=0.05, large_gap=0.45)


def rate(cosine, gap):
    return float(rate_conflict(np.array([cosine]), np.array([gap]), SCALE)[0])


def test_other_words_that_fit_as_well_are_no_conflict():
    assert rate(0.95, 0.0) == 0.0
    assert rate(0.1, 0.0) == 0.0
    assert rate(0.95, 0.5) == 0.0
    assert rate(0.1, -0.5) == 0.0
    assert rate(0.1, 0.45) == pytest.approx(1.0)
    assert rate(0.5, 0.25) == pytest.approx(0.5)


def test_the_scale_is_read_off_the_set_and_a_fifth_of_conflicts_hardly_moves_it():
    rng = np.random.default_rng(0)
    same, gaps = 0.95 + 0.01 * rng.normal(size=80), np.abs(0.02 * rng.normal(size=80))
    clean = fit_conflict_scale(same, gaps, random_text_cosine=0.2, random_gap=0.5)
    spoilt = fit_conflict_scale(
        np.concatenate([same, np.full(20, 0.2)]),
        np.concatenate([gaps, np.full(20, 0.5)]),
        random_text_cosine=0.2,
        random_gap=0.5,
    )
    assert clean.like == pytest.approx(0.92, abs=0.01)
    assert spoilt.like == pytest.approx(clean.like, abs=0.02)
    assert spoilt.small_gap == pytest.approx(clean.small_gap, abs=0.04)
    assert (clean.unlike, clean.large_gap) == (0.2, 0.5)


def test_a_set_of_conflicts_does_not_teach_that_they_are_usual():
    wild = np.linspace(0.0, 1.0, 50)
    scale = fit_conflict_scale(wild, wild, random_text_cosine=0.2, random_gap=0.5)
    assert scale.like == pytest.approx(0.6)
    assert scale.small_gap == pytest.approx(0.25)


def test_few_examples_teach_nothing():
    scale = fit_conflict_scale(np.full(9, 0.3), np.full(9, 0.4), random_text_cosine=0.2, random_gap=0.5)
    assert (scale.like, scale.small_gap) == (1.0, 0.0)


@pytest.mark.parametrize(("cosine", "gap"), [(1.0, 0.5), (0.2, 0.0), (0.2, -0.1)])
def test_no_scale_where_random_is_like_true(cosine, gap):
    assert fit_conflict_scale(np.full(50, 0.9), np.zeros(50), random_text_cosine=cosine, random_gap=gap) is None


def test_the_odd_one_is_blamed_and_not_the_majority():
    # Rows A, A', B against members A, A', B.
    rated = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0]], dtype=float)
    others = ~np.eye(3, dtype=bool)
    rated[0, 0] = np.nan
    assert median_of_others(rated, others).tolist() == [0.5, 0.5, 1.0]
    four = np.array([[0, 0, 0, 1]], dtype=float)
    assert median_of_others(four, np.array([[False, True, True, True]])).tolist() == [0.0]
    assert np.isnan(median_of_others(four, np.zeros((1, 4), dtype=bool))).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_mean_pair_cosine_is_the_mean_over_pairs(seed, count):
    rows = np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [float(rows[a] @ rows[b]) for a in range(count) for b in range(a)]
    assert mean_pair_cosine(rows) == pytest.approx(np.mean(pairs), abs=1e-5)


def test_unlikeness_runs_from_the_same_image_to_random_ones():
    assert unlikeness(np.array([1.0, 0.6, 0.2, -0.5]), 0.2) == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert np.isfinite(unlikeness(np.array([1.0, 0.5]), 1.0)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-5, 5), st.floats(0.1, 10))
def test_robust_z_ignores_shift_scale_and_one_outlier(seed, shift, scale):
    rng = np.random.default_rng(seed)
    values, others = rng.normal(size=4), rng.normal(size=(4, 11))
    first = robust_z(values, others, 1e-9)
    assert robust_z(values * scale + shift, others * scale + shift, 1e-9) == pytest.approx(first, rel=1e-6, abs=1e-6)
    middle, deviation = median_and_deviation(others)
    assert first == pytest.approx((values - middle) / deviation)
    spoilt = others.copy()
    spoilt[:, 0] = 1e9
    assert (np.abs(robust_z(values, spoilt, 1e-9)) < 100 * (1 + np.abs(first))).all()


def test_robust_z_needs_half_of_the_others_and_has_a_floor():
    others = np.array([[1.0, np.nan, np.nan, np.nan], [1.0, 1.0, np.nan, np.nan]])
    found = robust_z(np.array([3.0, 3.0]), others, 0.5)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(4.0)
    assert len(robust_z(np.zeros(0), np.zeros((0, 10)), 1.0)) == 0


def test_transcript_distance_counts_words():
    assert transcript_distance(["a", "b", "c", "d"], ["a", "b", "x", "d"]) == pytest.approx(0.25)
    assert transcript_distance([], ["a"]) == 1.0
    assert transcript_distance([], []) == 0.0
