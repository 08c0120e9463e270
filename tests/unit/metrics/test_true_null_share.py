from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.true_null_share import smoothed_storey_share, storey_share

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=200)


@given(P_VALUES, st.floats(0, 0.99))
def test_storey_is_the_definition(p_values, tuning):
    # Storey 2002, eq. 6: W(lambda) / ((1 - lambda) m).
    expected = sum(p > tuning for p in p_values) / ((1 - tuning) * len(p_values))
    assert storey_share(np.array(p_values), tuning) == pytest.approx(min(1.0, expected))


@given(P_VALUES, st.integers(0, 1000))
def test_order_and_duplicates_change_nothing(p_values, seed):
    values = np.array(p_values)
    shuffled = np.random.default_rng(seed).permutation(values)
    assert smoothed_storey_share(shuffled) == pytest.approx(smoothed_storey_share(values))
    # Every row twice at half the weight is the same set.
    assert smoothed_storey_share(np.repeat(values, 2), np.full(2 * len(values), 0.5)) == pytest.approx(
        smoothed_storey_share(values)
    )
    assert 0 <= smoothed_storey_share(values) <= 1


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.6, 1.0])
def test_the_share_of_uniform_p_values_is_found(share):
    rng = np.random.default_rng(7)
    count = 20_000
    p_values = np.where(rng.random(count) < share, rng.random(count), rng.beta(0.2, 200, count))
    assert smoothed_storey_share(p_values) == pytest.approx(share, abs=0.03)
