from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.caption_reach import find_reach_limit


def make(silent, telling, share_random, seed):
    """Return reach and ranks: silent captions rank their image anywhere, telling ones first unless wrong."""
    rng = np.random.default_rng(seed)
    reach = np.concatenate([rng.normal(0.04, 0.01, silent), rng.normal(0.4, 0.05, telling)])
    first = np.where(rng.random(telling) < share_random, rng.random(telling), rng.beta(1, 200, telling))
    return reach, np.concatenate([rng.random(silent), first])


@pytest.mark.parametrize("share_random", [0.0, 0.1, 0.4])
def test_silent_captions_are_told_apart(share_random):
    for silent, telling in ((400, 1600), (60, 60), (30, 2000)):
        reach, ranks = make(silent, telling, share_random, seed=1)
        limit = find_reach_limit(reach, ranks)
        assert (reach[:silent] <= limit).mean() >= 0.9
        assert (reach[silent:] > limit).mean() >= 0.99


@pytest.mark.parametrize("share_random", [0.0, 0.1, 0.4, 0.8, 1.0])
def test_where_all_captions_tell_something_there_is_no_limit(share_random):
    assert find_reach_limit(*make(0, 2000, share_random, seed=2)) == -np.inf


def test_too_few_pairs_show_nothing():
    assert find_reach_limit(*make(40, 40, 0.0, seed=3)) == -np.inf
    assert find_reach_limit(np.zeros(0), np.zeros(0)) == -np.inf


def test_a_model_that_knows_nothing_is_not_the_captions_fault():
    assert find_reach_limit(*make(2000, 0, 0.0, seed=4)) == -np.inf


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_order_changes_nothing(seed):
    reach, ranks = make(150, 450, 0.1, seed)
    order = np.random.default_rng(seed).permutation(len(reach))
    assert find_reach_limit(reach[order], ranks[order]) == find_reach_limit(reach, ranks)
