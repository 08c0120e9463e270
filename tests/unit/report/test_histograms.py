from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcheck.core.types import Metric
from mmcheck.report.histograms import BOTTOM, LEFT, RIGHT, TOP, Histogram, Limit, draw_histogram

METRIC = Metric(name="image_text.similarity", description="Cosine.", higher_is_better=True)

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def draw(values: list[float], actions: list[int] | None = None, limits: list[Limit] | None = None) -> Histogram | None:
    codes = np.array([0] * len(values) if actions is None else actions, dtype=np.int8)
    return draw_histogram(METRIC, np.array(values, dtype=np.float64), codes, limits or [])


def limit(value: float, side: str = "min") -> Limit:
    return Limit(rule="r", side=side, value=value, action="quarantine")


def counted(histogram: Histogram) -> dict[str, int]:
    totals: dict[str, int] = {}
    for bar in histogram.bars:
        for part in bar.title.rpartition(": ")[2].split(", "):
            number, _, action = part.partition(" ")
            totals[action] = totals.get(action, 0) + int(number)
    return totals


def test_absent_values_are_counted_and_not_drawn() -> None:
    histogram = draw([0.1, math.nan, 0.3, math.inf])
    assert histogram is not None
    assert (histogram.measured, histogram.absent) == (2, 2)
    assert draw([math.nan]) is None
    assert draw([]) is None


def test_bars_are_split_by_action() -> None:
    histogram = draw([0.1, 0.2, 0.3, 0.4], [2, 2, 1, 0])
    assert histogram is not None
    assert counted(histogram) == {"quarantine": 2, "flag": 1, "keep": 1}


def test_a_limit_stands_between_the_values_that_it_parts() -> None:
    histogram = draw([0.1, 0.15, 0.3, 0.4], limits=[limit(0.2)])
    assert histogram is not None
    line = histogram.lines[0]
    assert line.beyond == 2
    below = [bar for bar in histogram.bars if bar.x + bar.width <= line.x + 10]
    assert below
    assert len(below) < len(histogram.bars)


@pytest.mark.parametrize(("side", "beyond"), [("min", 0), ("max", 0)])
def test_a_value_on_the_limit_is_kept(side: str, beyond: int) -> None:
    histogram = draw([0.2, 0.2], limits=[limit(0.2, side)])
    assert histogram is not None
    assert histogram.lines[0].beyond == beyond


def test_a_far_limit_stands_at_the_edge_and_says_so() -> None:
    histogram = draw([1.0, 2.5, 3.25], limits=[limit(7200.0, "max")])
    assert histogram is not None
    assert histogram.lines[0].is_outside
    assert histogram.lines[0].x == RIGHT
    assert len(histogram.bars) == 3


def test_a_long_tail_is_folded_and_counted() -> None:
    histogram = draw([*np.linspace(0, 1, 1000), 50.0, 1e6])
    assert histogram is not None
    assert histogram.folded == 2
    assert sum(counted(histogram).values()) == 1002


def test_whole_numbers_get_bars_of_their_own() -> None:
    histogram = draw([1, 1, 2, 5])
    assert histogram is not None
    assert len(histogram.bars) == 3
    assert [tick.label for tick in histogram.ticks] == ["2", "4"]


def test_the_label_tells_the_drawing_in_words() -> None:
    histogram = draw([0.1, 0.3], limits=[limit(0.2)])
    assert histogram is not None
    assert "2 values, median 0.2" in histogram.label
    assert "min 0.2: 1 beyond" in histogram.label


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@RELAXED
@given(st.lists(FINITE | st.just(math.nan), max_size=150), st.lists(FINITE, max_size=3))
def test_any_values_give_a_drawing_inside_its_frame(values: list[float], limits: list[float]) -> None:
    histogram = draw(values, limits=[limit(value) for value in limits])
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        assert histogram is None
        return
    assert histogram is not None
    assert sum(counted(histogram).values()) == len(finite)
    for bar in histogram.bars:
        assert LEFT - 0.1 <= bar.x
        assert bar.x + bar.width <= RIGHT + 1
        assert all(TOP - 4.1 <= part.y <= BOTTOM for part in bar.segments)
    for line, value in zip(histogram.lines, limits, strict=True):
        assert LEFT - 0.1 <= line.x <= RIGHT + 0.1
        assert line.beyond == sum(one < value for one in finite)


def test_a_constant_stands_beside_a_limit_and_not_around_it() -> None:
    histogram = draw([0.0] * 30, limits=[limit(0.01, "max")])
    assert histogram is not None
    bar, line = histogram.bars[0], histogram.lines[0]
    assert len(histogram.bars) == 1
    assert bar.x + bar.width < line.x
    assert not line.is_outside
