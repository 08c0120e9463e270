from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.window_agreement import (
    CONFIDENCE,
    MAX_BROKEN,
    WindowScores,
    clips_needed,
    compare_windows,
    find_broken,
)


def scores(count=60, text=5.0, end=6.0, seed=0):
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
        ("other", -1.0, "move the scores of other texts"),
        ("cut_end", 2.0, "where a text should end"),
        ("own", 0.8, "move the scores of the clips' own texts"),
        # Of every fifth clip only, which the medians do not show.
        ("own", np.where(np.arange(60) % 5, 0.0, -0.9), "move the scores of the clips' own texts"),
        ("whole_end", np.where(np.arange(60) % 5, 0.0, -0.9), "lower the scores of the clips' ends"),
    ],
)
def test_what_is_lost_is_named(name, by, reason):
    full = scores()
    worse = replace(full, **{name: getattr(full, name) + by})
    found = compare_windows(full, worse)
    assert not found.agree
    assert reason in found.reason


@pytest.mark.parametrize(("name", "by"), [("own", -1.5), ("whole_end", -1.5), ("other", 5.5)])
@pytest.mark.parametrize("broken", [0, 1, 2])
def test_single_clips_that_break_down_take_more_clips_to_be_forgiven(name, by, broken):
    for count in (clips_needed(broken) - 1, clips_needed(broken)):
        full = scores(count)
        worse = getattr(full, name).copy()
        worse[:broken] += by
        short = replace(full, **{name: worse})
        assert find_broken(full, short).sum() == broken
        found = compare_windows(full, short)
        assert found.agree is (count >= clips_needed(broken))
        if not found.agree:
            assert str(count) in found.reason


def test_three_of_forty_one_are_not_forgiven_though_the_medians_are_equal():
    full = scores(41)
    own = full.own.copy()
    own[:3] -= 2.0
    found = compare_windows(full, replace(full, own=own))
    assert not found.agree
    assert found.describe()["broken"] == 3


@given(st.integers(0, 8))
def test_so_few_broken_would_be_rare_were_the_share_larger(broken):
    def probability(count):
        # Of at most so many broken: the sum of the binomial terms, term by term.
        term, total = (1 - MAX_BROKEN) ** count, 0.0
        for k in range(broken + 1):
            total += term
            term *= (count - k) / (k + 1) * MAX_BROKEN / (1 - MAX_BROKEN)
        return total

    count = clips_needed(broken)
    assert probability(count) <= 1 - CONFIDENCE < probability(count - 1)


def test_the_numbers_of_clips_are_those_of_the_tables():
    assert [clips_needed(broken) for broken in (0, 1, 2)] == [59, 93, 124]


@pytest.mark.parametrize("text", [0.0, -1.0, 0.2])
def test_a_model_that_tells_nothing_stays_with_full_windows(text):
    found = compare_windows(scores(text=text), scores())
    assert not found.agree
    assert "does not tell texts apart" in found.reason


def test_no_clips_are_no_agreement():
    assert not compare_windows(scores(count=0), scores(count=0)).agree


@given(st.integers(0, 1000), st.permutations(range(60)))
def test_the_order_of_the_clips_changes_nothing(seed, order):
    rng = np.random.default_rng(seed)
    full = scores(seed=seed)
    noise = rng.normal(0, 0.3, (4, 60))
    names = ("own", "other", "whole_end", "cut_end")
    fitted = WindowScores(**{name: getattr(full, name) + part for name, part in zip(names, noise, strict=True)})
    moved = [WindowScores(**{name: getattr(part, name)[list(order)] for name in names}) for part in (full, fitted)]
    assert compare_windows(*moved) == compare_windows(full, fitted)
