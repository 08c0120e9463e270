"""Evidence and cosine are weighed by what planted words show."""

from __future__ import annotations

import numpy as np

from mmcheck.metrics.word_scale import fit_scale, flatten_evidence, tell_apart


def test_what_tells_nothing_weighs_nothing() -> None:
    rng = np.random.default_rng(0)
    sound, wrong = rng.normal(-4, 2, 500), rng.normal(6, 4, 500)
    same = rng.normal(0.3, 0.05, 1000)
    scale = fit_scale(sound, same[:500], wrong, same[500:], np.ones(500, dtype=bool))
    assert scale.by_words > 0.3
    assert abs(scale.by_cosine) * 0.05 < 0.3
    assert scale.by_cosine <= 0


def test_the_probability_rises_with_the_score_and_is_low_in_a_sound_set() -> None:
    rng = np.random.default_rng(1)
    sound, wrong = rng.normal(-4, 2, 800), rng.normal(8, 4, 800)
    cosine, lower = rng.normal(0.3, 0.03, 800), rng.normal(0.2, 0.05, 800)
    scale = fit_scale(sound, cosine, wrong, lower, np.ones(800, dtype=bool))
    scores = scale.score(sound, cosine)
    chances = scale.probability(np.sort(scores))
    assert (np.diff(chances) >= -1e-12).all()
    assert (chances > 0.5).mean() < 0.01
    assert np.isnan(scale.probability(np.array([np.nan]))[0])


def test_two_kinds_that_never_overlap_give_finite_slopes() -> None:
    zeros, tens = np.zeros(100), np.full(100, 10.0)
    scale = fit_scale(zeros, tens, tens, zeros, np.ones(100, dtype=bool))
    assert np.isfinite([scale.by_words, scale.by_cosine]).all()
    assert scale.score(tens, zeros)[0] > scale.score(zeros, tens)[0]


def test_chance_to_tell_apart() -> None:
    assert tell_apart(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0
    assert tell_apart(np.array([1.0]), np.array([1.0])) == 0.5
    assert tell_apart(np.array([1.0]), np.array([])) == 0.5


def test_evidence_keeps_its_sign_and_order() -> None:
    values = np.array([-100.0, -25.0, -4.0, 0.0, 4.0, 100.0])
    assert flatten_evidence(values).tolist() == [-5.0, -5.0, -2.0, 0.0, 2.0, 10.0]
