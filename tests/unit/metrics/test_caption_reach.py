from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.caption_reach import find_reach_limit, find_silent_limits


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


def make_foreign(foreign, telling, seed, fit=0.1):
    """Return reach, mean fit and ranks: foreign captions reach little and fit all images less."""
    reach, ranks = make(foreign, telling, 0.0, seed)
    rng = np.random.default_rng(seed)
    return reach, np.concatenate([rng.normal(fit, 0.02, foreign), rng.normal(0.16, 0.02, telling)]), ranks


@pytest.mark.parametrize("foreign", [60, 400, 900])
def test_captions_from_elsewhere_are_not_taken_for_captions_that_say_nothing(foreign):
    reach, fit, ranks = make_foreign(foreign, 600, seed=1)
    found = find_silent_limits(reach, fit, ranks)
    assert found.num_foreign >= 0.95 * foreign
    assert found.are_silent(reach, fit).sum() <= 0.02 * foreign


@pytest.mark.parametrize("fit", [0.16, 0.25])
def test_captions_that_fit_as_well_as_others_but_reach_little_say_nothing(fit):
    reach, values, ranks = make_foreign(200, 600, seed=2, fit=fit)
    found = find_silent_limits(reach, values, ranks)
    assert found.num_foreign == 0
    assert found.are_silent(reach, values)[:200].mean() >= 0.95
    assert not found.are_silent(reach, values)[200:].any()


def test_both_kinds_are_told_apart_in_one_set():
    reach, fit, ranks = make_foreign(400, 600, seed=3)
    fit[:100] += 0.15
    silent = find_silent_limits(reach, fit, ranks).are_silent(reach, fit)
    assert silent[:100].mean() >= 0.95
    assert silent[100:].mean() <= 0.02
