from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.null_mixture import fit_null_mixture, rising, share_interval, smooth_mass

NULL = np.random.default_rng(5).normal(0, 1, 20_000)


def draw(count, share, seed, true_mean=5.0, true_sd=1.0):
    rng = np.random.default_rng(seed)
    is_random = rng.permutation(count) < round(share * count)
    return np.where(is_random, rng.normal(0, 1, count), rng.normal(true_mean, true_sd, count)), is_random


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.4, 0.8])
@pytest.mark.parametrize("count", [300, 3000])
def test_the_share_is_found_and_the_right_pairs_are_taken(share, count):
    scores, is_random = draw(count, share, seed=count)
    mixture = fit_null_mixture(NULL, scores)
    assert mixture.share == pytest.approx(share, abs=0.02)
    taken = mixture.posterior(scores) > 0.5
    assert taken[~is_random].mean() <= 0.01
    assert not share or taken[is_random].mean() >= 0.8


def test_true_pairs_of_two_kinds_are_one_half():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(8, 0.5, 1400), rng.normal(4.5, 1.0, 400), rng.normal(0, 1, 200)])
    mixture = fit_null_mixture(NULL, scores)
    assert len(mixture.components) >= 2
    assert mixture.share == pytest.approx(0.1, abs=0.02)


def test_a_second_normal_cannot_settle_on_the_null():
    # Wrong pairs a little off the null: a free second component would sit on them and call nothing random.
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.normal(0.3, 0.9, 800), rng.normal(6, 0.6, 1200)])
    assert fit_null_mixture(NULL, scores).share == pytest.approx(0.4, abs=0.03)


def test_posteriors_are_calibrated_where_the_halves_overlap():
    scores, is_random = draw(20_000, 0.3, seed=3, true_mean=2.5)
    posterior = fit_null_mixture(NULL, scores).posterior(scores)
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        rows = (posterior > low) & (posterior <= high)
        assert posterior[rows].mean() == pytest.approx(is_random[rows].mean(), abs=0.08)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    share=st.floats(0, 1),
    count=st.integers(1, 400),
    shift=st.integers(-512, 512),
)
def test_posterior_is_a_probability_that_falls_with_the_score_and_ignores_order_and_shift(seed, share, count, shift):
    scores, _ = draw(count, share, seed)
    mixture = fit_null_mixture(NULL[:2000], scores)
    probes = np.linspace(-30, 30, 301)
    posterior = mixture.posterior(probes)
    assert ((posterior >= 0) & (posterior <= 1)).all()
    assert (np.diff(posterior) <= 1e-12).all()
    order = np.random.default_rng(seed).permutation(count)
    assert fit_null_mixture(NULL[:2000][::-1], scores[order]).share == mixture.share
    moved = fit_null_mixture(NULL[:2000] + shift, scores + shift)
    np.testing.assert_allclose(moved.posterior(scores + shift), mixture.posterior(scores), atol=1e-3)


def test_weights_count_like_rows():
    scores, _ = draw(500, 0.2, seed=9)
    weights = np.random.default_rng(2).integers(1, 4, len(scores))
    assert fit_null_mixture(NULL, scores, weights).share == pytest.approx(
        fit_null_mixture(NULL, np.repeat(scores, weights)).share, abs=2e-3
    )


def test_weights_of_random_pairings_count_like_rows():
    scores, _ = draw(500, 0.2, seed=9)
    null = NULL[:1000]
    weights = np.random.default_rng(3).integers(0, 4, len(null))
    weighted = fit_null_mixture(null, scores, null_weights=weights)
    repeated = fit_null_mixture(np.repeat(null, weights), scores)
    assert weighted.share == pytest.approx(repeated.share, abs=2e-3)
    assert (
        np.abs(
            np.cumsum(weighted.null_mass) - np.interp(weighted.middles, repeated.middles, np.cumsum(repeated.null_mass))
        ).max()
        < 0.02
    )


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(20):
        scores, _ = draw(400, 0.1, seed)
        # The planted count is exact, so nearly every interval must hold it.
        low, high = share_interval(fit_null_mixture(NULL, scores), resamples=40, seed=seed)
        assert 0 <= low <= high <= 1
        held += low <= 0.1 <= high
    assert held >= 18


def test_the_interval_of_a_clean_set_does_not_claim_certainty():
    scores, _ = draw(100, 0.0, seed=4)
    low, high = share_interval(fit_null_mixture(NULL, scores), resamples=20)
    assert low == pytest.approx(0, abs=1e-6)
    assert high >= 0.03


def test_what_a_limit_implies_agrees_with_what_it_does():
    scores, is_random = draw(20_000, 0.2, seed=11, true_mean=3.5)
    mixture = fit_null_mixture(NULL, scores)
    taken = mixture.posterior(scores) > 0.5
    share, false_rate, precision = mixture.quarantined(0.5)
    assert share == pytest.approx(taken.mean(), abs=0.01)
    assert false_rate == pytest.approx(taken[~is_random].mean(), abs=0.01)
    assert precision == pytest.approx(is_random[taken].mean(), abs=0.03)
    assert np.isnan(mixture.quarantined(1.0)[2])


@pytest.mark.parametrize("scores", [np.zeros(1), np.zeros(500), np.array([1e6]), np.array([-1e6, 1e6] * 30)])
def test_odd_scores_give_finite_answers(scores):
    mixture = fit_null_mixture(NULL, scores)
    assert np.isfinite(mixture.posteriors).all()
    assert 0 <= mixture.share <= 1


def test_absent_scores_have_no_posterior():
    mixture = fit_null_mixture(NULL, draw(100, 0.2, 0)[0])
    assert np.isnan(mixture.posterior(np.array([np.nan, 0.0]))).tolist() == [True, False]


def test_the_kernel_estimate_keeps_mass_and_tails():
    edges = np.linspace(-8, 8, 401)
    mass = smooth_mass(NULL, edges)
    assert mass.sum() == pytest.approx(1)
    assert (mass > 0).all()
    middles = (edges[:-1] + edges[1:]) / 2
    normal = np.exp(-0.5 * middles**2)
    assert np.abs(mass - normal / normal.sum()).sum() < 0.06


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.01, 10)), min_size=1, max_size=40))
def test_rising_is_the_isotonic_regression(pairs):
    values, weights = np.array(pairs).T
    risen = rising(values, weights)
    assert (np.diff(risen) >= -1e-9).all()
    assert (risen * weights).sum() == pytest.approx((values * weights).sum(), abs=1e-6)
    isotonic = pytest.importorskip("sklearn.isotonic")
    expected = isotonic.isotonic_regression(values, sample_weight=weights)
    np.testing.assert_allclose(risen, expected, atol=1e-6)
