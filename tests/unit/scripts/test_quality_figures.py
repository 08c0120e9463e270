from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.quality_parts.figures import (
    Counts,
    best_threshold,
    calibration,
    count,
    mean,
    recall_at,
    roc_auc,
    total,
    worst,
)

scored = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40)


@settings(deadline=None, max_examples=40)
@given(scored)
def test_auc_is_the_share_of_rightly_ordered_pairs(rows: list[tuple[int, bool]]) -> None:
    badness, faulty = np.array([float(a) for a, _ in rows]), np.array([b for _, b in rows])
    pairs = [(one > other) + 0.5 * (one == other) for one in badness[faulty] for other in badness[~faulty]]
    if not pairs:
        assert math.isnan(roc_auc(badness, faulty))
    else:
        assert roc_auc(badness, faulty) == pytest.approx(np.mean(pairs))


def test_a_detector_that_says_nothing_of_a_faulty_row_has_not_found_it() -> None:
    faulty = np.array([True, False, False])
    assert roc_auc(np.array([np.nan, 0.1, 0.2]), faulty) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30), st.integers(0, 30))
def test_counts_of_parts_add_up_to_the_counts_of_the_whole(rows: list[tuple[bool, bool]], cut: int) -> None:
    taken = np.array([a for a, _ in rows], dtype=bool)
    faulty = np.array([b for _, b in rows], dtype=bool)
    parts = [count(taken[:cut], faulty[:cut]), count(taken[cut:], faulty[cut:])]
    assert total(parts) == count(taken, faulty)


def test_ratios_are_nan_where_there_is_nothing_to_divide_by() -> None:
    assert all(math.isnan(value) for value in (Counts().precision, Counts().recall, Counts().false_rate))
    some = Counts(hits=3, false_alarms=1, misses=2, sound=10)
    assert (some.precision, some.recall, some.false_rate) == (0.75, 0.6, 0.1)


def test_calibration_is_zero_for_true_statements_and_large_for_boasts() -> None:
    faulty = np.array([True] * 30 + [False] * 70)
    honest, _ = calibration(np.full(100, 0.3), faulty)
    boast, bins = calibration(np.full(100, 1.0), faulty)
    assert honest == pytest.approx(0.0, abs=1e-9)
    assert boast == pytest.approx(0.7)
    assert bins[9] == (100, 1.0, pytest.approx(0.3))


def test_calibration_ignores_rows_that_were_not_judged() -> None:
    error, bins = calibration(np.array([np.nan, 0.0]), np.array([True, False]))
    assert error == 0.0
    assert sum(size for size, _, _ in bins) == 1
    assert math.isnan(calibration(np.array([np.nan]), np.array([True]))[0])


def test_the_oracle_cut_separates_what_can_be_separated() -> None:
    badness, faulty = np.array([0.1, 0.4, 0.2, 0.9, 0.8]), np.array([False, False, False, True, True])
    assert ((badness >= best_threshold(badness, faulty)) == faulty).all()


def test_recall_at_takes_no_more_sound_rows_than_allowed() -> None:
    sound = np.arange(100.0)
    assert recall_at(sound, np.array([94.0, 95.0, 200.0]), 0.05) == pytest.approx(1 / 3)
    assert recall_at(np.zeros(50), np.zeros(5), 0.05) == 0.0


def test_mean_and_worst_skip_what_is_no_number() -> None:
    assert mean([1.0, float("nan"), 0.0]) == 0.5
    assert worst([1.0, float("nan"), 0.5]) == 0.5
    assert worst([1.0, 3.0], low_is_bad=False) == 3.0
    assert math.isnan(mean([]))
    assert math.isnan(worst([]))
