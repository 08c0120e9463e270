from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from mmcheck.metrics.distribution_shift import measure_shift, stability_index
from mmcheck.metrics.rate_difference import difference_of_paired_rates, difference_of_rates, mcnemar

COUNT = st.integers(0, 200)


def test_the_published_examples_come_out() -> None:
    """Newcombe (1998), 56 of 70 against 48 of 80; Fagerland et al. (2014), airway reactivity before and after."""
    found = difference_of_rates(48, 80, 56, 70)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    paired = difference_of_paired_rates(1, 7, 1, 12)
    assert paired is not None
    assert (round(paired.difference, 3), round(paired.low, 3), round(paired.high, 3)) == (-0.286, -0.507, -0.026)
    assert round(mcnemar(7, 1), 4) == 0.0703


@settings(deadline=None)
@given(both=COUNT, gone=COUNT, came=COUNT, neither=COUNT)
def test_intervals_hold_the_difference_and_turn_round(both: int, gone: int, came: int, neither: int) -> None:
    found = difference_of_paired_rates(both, gone, came, neither)
    if found is None:
        assert both + gone + came + neither == 0
        return
    assert -1 <= found.low <= found.difference <= found.high <= 1
    turned = difference_of_paired_rates(both, came, gone, neither)
    assert turned is not None
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


@settings(deadline=None)
@given(gone=COUNT, came=COUNT)
def test_mcnemar_is_the_binomial_test(gone: int, came: int) -> None:
    expected = binomtest(gone, gone + came).pvalue if gone + came else 1.0
    assert mcnemar(gone, came) == pytest.approx(expected)


def test_an_empty_set_has_no_rate() -> None:
    assert difference_of_rates(0, 0, 1, 2) is None
    assert difference_of_paired_rates(0, 0, 0, 0) is None


def test_the_index_is_zero_for_equal_values_and_grows_with_the_distance() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    assert stability_index(values, values) == pytest.approx(0)
    indices = [stability_index(values, values + step) for step in (0.05, 0.3, 1.0)]
    assert indices[0] < 0.02 < 0.05 < indices[1] < 0.25 < indices[2]
    assert measure_shift(values, values).p_value == 1
    assert measure_shift(values, values + 0.3).p_value < 1e-9


def test_values_that_many_rows_share_are_no_trouble() -> None:
    mostly = np.concatenate([np.zeros(900), np.arange(100, dtype=np.float64)])
    assert stability_index(mostly, mostly) == pytest.approx(0)
    assert stability_index(np.zeros(10), np.ones(10)) > 0.25
    assert np.isfinite(measure_shift(np.zeros(1), np.ones(1)).stability_index)
