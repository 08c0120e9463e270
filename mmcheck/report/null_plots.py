"""The dataset's own pairs against random re-pairings of its halves, as plain geometry for the template.

This is the picture behind every posterior: two hills that stand apart mean that the model can judge the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mmcheck.core.json_types import LoadedJson
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.report.histograms import BOTTOM, LEFT, RIGHT, TOP, Tick, place_ticks
from mmcheck.report.shown_text import format_count, format_value, show_plain

MAX_PLOTS = 12
"""Plots that the page shows; more slices than that are in the analysis' summary.json. Our own choice: the page stays
readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NullBar:
    """Pairs of one bin."""

    x: float
    """Left edge."""
    y: float
    """Upper edge."""
    width: float
    """Width."""
    height: float
    """Height."""
    title: str
    """What it says, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NullPlot:
    """Pairs as bars, random pairings as a line."""

    title: str
    """Modality and slice."""
    state: str
    """Whether it was judged, or why not."""
    bars: tuple[NullBar, ...]
    """The pairs."""
    line: str
    """SVG points of the random pairings' hill."""
    ticks: tuple[Tick, ...]
    """Numbers on the axis."""
    peak: int
    """Pairs in the highest bar."""
    label: str
    """The drawing in one sentence."""


def draw_null_plots(summary: LoadedJson) -> list[NullPlot]:
    """Return the plots of the alignment analysis' summary; none where it has no bins."""
    plots = []
    for kind in PAIR_KINDS:
        part = summary.get(kind.name)
        if not isinstance(part, Mapping):
            continue
        plots += _plots(kind.name, part)
        for name, inner in (part.get("slices") or {}).items():
            if isinstance(inner, Mapping):
                plots += _plots(f"{kind.name}, {name}", inner)
    return plots[:MAX_PLOTS]


def _plots(title: str, part: LoadedJson) -> list[NullPlot]:
    bins = part.get("bins")
    if not isinstance(bins, Mapping):
        return []
    edges, pairs, null = (_numbers(bins.get(key)) for key in ("edges", "pairs", "null"))
    if len(edges) < 2 or not len(pairs) == len(null) == len(edges) - 1 or not sum(pairs) or edges[-1] <= edges[0]:
        return []
    return [_plot(title, str(part.get("state", "")), edges, pairs, null)]


def _plot(title: str, state: str, edges: list[float], pairs: list[float], null: list[float]) -> NullPlot:
    peak = max(max(pairs), max(null), 1e-12)
    places = [LEFT + (RIGHT - LEFT) * (edge - edges[0]) / (edges[-1] - edges[0]) for edge in edges]
    bars = []
    points = [f"{LEFT:.1f},{BOTTOM:.1f}"]
    for number, (count, expected) in enumerate(zip(pairs, null, strict=True)):
        left, right = places[number], places[number + 1]
        height = (BOTTOM - TOP) * count / peak
        if count:
            span = f"{format_value(edges[number])} to {format_value(edges[number + 1])}"
            bars.append(
                NullBar(
                    x=round(left, 2),
                    y=round(BOTTOM - height, 2),
                    width=round(max(right - left - 0.6, 0.6), 2),
                    height=round(height, 2),
                    title=f"{span}: {format_count(round(count))} pairs, {expected:.1f} expected of random pairs",
                )
            )
        points.append(f"{(left + right) / 2:.1f},{BOTTOM - (BOTTOM - TOP) * expected / peak:.1f}")
    points.append(f"{RIGHT:.1f},{BOTTOM:.1f}")
    return NullPlot(
        title=show_plain(title, 80),
        state=show_plain(state.replace("_", " "), 60),
        bars=tuple(bars),
        line=" ".join(points),
        ticks=place_ticks(edges[0], edges[-1]),
        peak=round(max(pairs)),
        label=f"Scores of {format_count(round(sum(pairs)))} pairs ({show_plain(title, 80)}) against random pairs.",
    )


def _numbers(value: object) -> list[float]:
    if not isinstance(value, list) or not all(isinstance(v, int | float) and math.isfinite(v) for v in value):
        return []
    return [float(v) for v in value]
