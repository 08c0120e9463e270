from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.own_words import estimate_self_made, self_made_posteriors


def draw(count, written, seed=0, calibrated=1.0):
    """Return texts: a share written by the model, the rest by people, who agree with it as often as it expects."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(1.0, 2.0, count)
    by_model = rng.random(count) < written
    return by_model | (rng.random(count) < confidence * calibrated), confidence, by_model


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [50, 300, 3000])
def test_people_are_never_blamed(count, seed):
    is_own, confidence, _ = draw(count, 0.0, seed)
    assert estimate_self_made(is_own, confidence).share_low == 0.0


@pytest.mark.parametrize("written", [0.5, 0.8, 1.0])
def test_the_share_that_the_model_wrote_is_found_and_not_overstated(written):
    is_own, confidence, _ = draw(2000, written)
    found = estimate_self_made(is_own, confidence)
    assert 0 < found.share_low <= found.share <= written + 0.03
    assert found.share > written - 0.25


def test_rows_are_judged_by_how_sure_the_model_was():
    is_own, confidence, by_model = draw(2000, 0.6)
    share = estimate_self_made(is_own, confidence).share
    posterior = self_made_posteriors(is_own, confidence, share)
    assert (posterior[~is_own] == 0).all()
    assert (posterior[by_model] > 0.5).mean() > 0.8
    assert np.corrcoef(posterior[is_own], confidence[is_own])[0, 1] < -0.9


def test_nothing_is_its_own_words():
    found = estimate_self_made(np.zeros(0, bool), np.zeros(0))
    assert (found.num_texts, found.share) == (0, 0.0)
    found = estimate_self_made(np.zeros(9, bool), np.zeros(9))
    assert (found.num_texts, found.num_own, found.share, found.share_low) == (9, 0, 0.0, 0.0)
    assert (self_made_posteriors(np.zeros(9, bool), np.zeros(9), 0.0) == 0).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_all_numbers_are_shares(rows):
    is_own = np.array([own for own, _ in rows])
    confidence = np.array([value for _, value in rows])
    found = estimate_self_made(is_own, confidence)
    assert 0 <= found.share_low <= found.share <= 1
    assert 0 <= found.expected_own < 1
    posterior = self_made_posteriors(is_own, confidence, found.share)
    assert ((posterior >= 0) & (posterior <= 1)).all()
