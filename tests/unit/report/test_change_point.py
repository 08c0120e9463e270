"""Since which row a fault became frequent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.report.change_point import find_stretch


def sequence(rows: int, start: int, stop: int, inside: float, outside: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.random(rows) < outside
    found[start:stop] = rng.random(stop - start) < inside
    return found


def test_even_sequences_have_none() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(0, 3000, 150)
    found = [find_stretch(rng.random(size) < rng.choice([0.01, 0.05, 0.3, 0.7])) for size in sizes]
    assert found == [None] * 150


@pytest.mark.parametrize(
    ("rows", "start", "stop", "inside", "outside"),
    [
        (10_000, 4_000, 10_000, 0.5, 0.02),
        (10_000, 2_000, 2_300, 0.8, 0.02),
        (1_000, 0, 300, 1.0, 0.0),
        (200, 100, 200, 0.7, 0.05),
    ],
)
def test_a_planted_stretch_is_found_to_a_few_rows(
    rows: int, start: int, stop: int, inside: float, outside: float
) -> None:
    for seed in range(5):
        found = find_stretch(sequence(rows, start, stop, inside, outside, seed))
        assert found is not None
        slack = 5 + round(5 / (inside - outside))
        assert abs(found.start - start) <= slack
        assert abs(found.stop - stop) <= slack
        assert found.inside > 2 * found.outside


def test_a_few_sound_rows_at_the_end_do_not_hide_that_it_goes_on() -> None:
    faults = np.zeros(1_000, dtype=bool)
    faults[400:] = np.arange(600) % 2 == 0
    faults[-3:] = False
    found = find_stretch(faults)
    assert found is not None
    assert (found.start, found.stop) == (400, 1_000)


def test_a_million_rows_cost_little() -> None:
    found = find_stretch(sequence(1_000_000, 400_000, 420_000, 0.2, 0.02))
    assert found is not None
    assert abs(found.start - 400_000) < 200


@given(st.lists(st.booleans(), max_size=300))
def test_what_is_told_is_what_is_counted(values: list[bool]) -> None:
    faults = np.array(values, dtype=bool)
    found = find_stretch(faults)
    if found is None:
        return
    inside = faults[found.start : found.stop]
    outside = np.concatenate([faults[: found.start], faults[found.stop :]])
    assert 0 <= found.start < found.stop <= len(faults)
    assert found.inside == pytest.approx(inside.mean())
    assert found.outside == pytest.approx(outside.mean())
