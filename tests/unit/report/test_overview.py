from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.report.overview import BAR_WIDTH, MAX_SLICES, check_sum, count_slice, count_slices, tell_outcome

COUNTS = st.fixed_dictionaries({name: st.integers(0, 10**7) for name in ("keep", "flag", "quarantine", "unchecked")})


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, "The manifests hold no rows, so there was nothing to check."),
        ({"keep": 1}, "The only pair is kept: nothing was found against it."),
        ({"keep": 1200}, "All 1,200 pairs are kept: nothing was found against them."),
        ({"quarantine": 1}, "Of 1 pair, 0 are kept and 1 quarantined."),
        (
            {"keep": 1, "flag": 2, "quarantine": 3, "unchecked": 4},
            "Of 10 pairs, 1 is kept, 3 quarantined, 2 flagged for a look and 4 could not be checked.",
        ),
    ],
)
def test_outcome_is_one_plain_sentence(counts: dict[str, int], sentence: str) -> None:
    assert tell_outcome(count_slice("run", counts)) == sentence


@given(COUNTS)
def test_a_bar_is_whole_and_every_action_that_occurs_can_be_seen(counts: dict[str, int]) -> None:
    slice_ = count_slice("run", counts)
    assert sum(part.count for part in slice_.parts) == slice_.rows == sum(counts.values())
    assert all((part.width >= 1) == (part.count > 0) for part in slice_.parts)
    if slice_.rows:
        assert sum(part.width for part in slice_.parts) == pytest.approx(BAR_WIDTH, abs=0.1)


def test_counts_that_do_not_sum_are_told() -> None:
    assert check_sum(count_slice("run", {"rows_read": 10, "keep": 10})) is None
    warning = check_sum(count_slice("run", {"rows_read": 10, "keep": 9}))
    assert warning is not None
    assert "sum to 9, but 10 rows" in warning


def test_slices_come_worst_first_and_are_cut() -> None:
    slices = {f"m{number:03d}": {"keep": 100 - number, "quarantine": number} for number in range(80)}
    table = count_slices("By manifest", "Manifest", slices)
    assert table is not None
    assert table.slices[0].name == "m079"
    assert (len(table.slices), table.left_out) == (MAX_SLICES, 80 - MAX_SLICES)
    assert count_slices("By manifest", "Manifest", {}) is None
