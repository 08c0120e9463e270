from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.window_agreement import WindowScores, compare_windows


def scores(count=12, text=5.0, end=6.0, seed=0):
    rng = np.random.default_rng(seed)
    own, whole = -np.abs(rng.normal(0.5, 0.2, count)), -np.abs(rng.normal(0.2, 0.1, count))
    return WindowScores(own=own, other=own - text, whole_end=whole, cut_end=whole - end)


def test_equal_scores_agree():
    found = compare_windows(scores(), scores())
    assert found.agree
    assert found.describe()["text_distance_kept"] == 1.0
    assert found.describe()["shift"] == 0.0


@pytest.mark.parametrize(
    ("name", "by", "reason"),
    [
        ("other", 1.0, "less from another one"),
        ("cut_end", 2.0, "where a text should end"),
        ("own", 0.8, "move the scores"),
    ],
)
def test_what_is_lost_is_named(name, by, reason):
    full = scores()
    worse = replace(full, **{name: getattr(full, name) + by})
    found = compare_windows(full, worse)
    assert not found.agree
    assert reason in found.reason


def test_one_clip_that_takes_another_text_is_enough():
    full = scores()
    other = full.other.copy()
    other[3] = full.own[3] + 0.1
    found = compare_windows(full, replace(full, other=other))
    assert not found.agree
    assert "prefer another text" in found.reason


@pytest.mark.parametrize("text", [0.0, -1.0, 0.2])
def test_a_model_that_tells_nothing_stays_with_full_windows(text):
    found = compare_windows(scores(text=text), scores())
    assert not found.agree
    assert "does not tell texts apart" in found.reason


def test_no_clips_are_no_agreement():
    assert not compare_windows(scores(count=0), scores(count=0)).agree


@given(st.integers(0, 1000), st.permutations(range(12)))
def test_the_order_of_the_clips_changes_nothing(seed, order):
    rng = np.random.default_rng(seed)
    full = scores(seed=seed)
    noise = rng.normal(0, 0.3, (4, 12))
    names = ("own", "other", "whole_end", "cut_end")
    fitted = WindowScores(**{name: getattr(full, name) + part for name, part in zip(names, noise, strict=True)})
    moved = [WindowScores(**{name: getattr(part, name)[list(order)] for name in names}) for part in (full, fitted)]
    assert compare_windows(*moved) == compare_windows(full, fitted)
