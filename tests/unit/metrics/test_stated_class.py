from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmcheck.metrics.stated_class import wrong_posteriors


def test_a_clean_set_loses_nothing_to_a_classifier_that_is_now_and_then_in_doubt():
    stated = np.random.default_rng(0).beta(20, 1, 1000)
    stated[:5] = 0.3
    found, share = wrong_posteriors(stated)
    assert share < 0.002
    assert (found < 0.5).all()


@pytest.mark.parametrize("share", [0.02, 0.2, 0.4])
def test_the_share_of_wrong_statements_is_found(share):
    rng = np.random.default_rng(1)
    is_wrong = np.arange(1000) < 1000 * share
    stated = np.where(is_wrong, rng.beta(1, 60, 1000), rng.beta(20, 1, 1000))
    found, estimated = wrong_posteriors(stated)
    assert estimated == pytest.approx(share, abs=0.02)
    assert ((found > 0.5) == is_wrong).mean() > 0.98


def test_nothing_known_gives_nothing():
    found, share = wrong_posteriors(np.full(3, np.nan))
    assert np.isnan(found).all()
    assert share == 0.0
    assert wrong_posteriors(np.zeros(0))[1] == 0.0


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.randoms(use_true_random=False))
def test_order_means_nothing_and_a_higher_probability_is_never_more_suspicious(stated, random):
    found, share = wrong_posteriors(stated)
    order = list(range(len(stated)))
    random.shuffle(order)
    again, same = wrong_posteriors(stated[order])
    assert same == share
    assert np.array_equal(again, found[order])
    assert ((found >= 0) & (found <= 1)).all()
    ranked = found[np.argsort(stated, kind="stable")]
    assert (np.diff(ranked) <= 1e-12).all()
