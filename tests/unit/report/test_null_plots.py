from __future__ import annotations

import pytest

from mmcheck.report.histograms import BOTTOM, LEFT, RIGHT, TOP
from mmcheck.report.null_plots import MAX_PLOTS, draw_null_plots

BINS = {"edges": [-1.0, 0.0, 1.0, 2.0], "pairs": [0, 10, 40], "null": [20.0, 10.0, 0.0]}


def test_bars_are_pairs_and_the_line_is_the_null():
    (plot,) = draw_null_plots({"image": {"state": "judged", "bins": BINS}})
    assert [bar.title for bar in plot.bars] == [
        "0 to 1: 10 pairs, 10.0 expected of random pairs",
        "1 to 2: 40 pairs, 0.0 expected of random pairs",
    ]
    assert plot.bars[1].y == TOP
    assert plot.bars[1].height == BOTTOM - TOP
    heights = [float(point.split(",")[1]) for point in plot.line.split()]
    assert heights == [BOTTOM, BOTTOM - (BOTTOM - TOP) / 2, BOTTOM - (BOTTOM - TOP) / 4, BOTTOM, BOTTOM]
    assert plot.line.startswith(f"{LEFT:.1f},")
    assert plot.line.split()[-1].startswith(f"{RIGHT:.1f},")
    assert "50 pairs" in plot.label


def test_slices_get_plots_of_their_own_up_to_a_limit():
    slices = {f"language={n}": {"state": "judged", "bins": BINS} for n in range(40)}
    plots = draw_null_plots({"audio": {"state": "judged", "bins": BINS, "slices": slices}})
    assert len(plots) == MAX_PLOTS
    assert plots[1].title == "audio, language=0"


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"image": None},
        {"image": {"state": "too_few_pairs"}},
        {"image": {"bins": {"edges": [0.0, 1.0], "pairs": [1, 2], "null": [1.0]}}},
        {"image": {"bins": {"edges": [0.0, 0.0], "pairs": [1], "null": [1.0]}}},
        {"image": {"bins": {"edges": [0.0, 1.0], "pairs": [0], "null": [1.0]}}},
        {"image": {"bins": {"edges": [0.0, float("inf")], "pairs": [1], "null": [1.0]}}},
        {"image": {"bins": {"edges": ["<b>", 1.0], "pairs": [1], "null": [1.0]}}},
    ],
)
def test_nothing_to_draw_is_no_plot(summary):
    assert draw_null_plots(summary) == []
