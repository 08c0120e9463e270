"""The interval of a counted rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mmcheck.metrics.rate_interval import wilson_interval


@given(st.integers(1, 10_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_it_is_the_one_of_scipy(counts: tuple[int, int]) -> None:
    hits, total = counts
    low, high = wilson_interval(hits, total)
    known = binomtest(hits, total).proportion_ci(method="wilson")
    assert float(low) == pytest.approx(known.low, abs=1e-9)
    assert float(high) == pytest.approx(known.high, abs=1e-9)
    assert 0 <= low <= hits / total <= high <= 1


def test_of_nothing_nothing_is_known() -> None:
    low, high = wilson_interval(np.array([0, 3]), np.array([0, 10]))
    assert (low[0], high[0]) == (0, 1)
    assert 0 < low[1] < 0.3 < high[1] < 1
