"""Histograms of measured values as plain geometry, drawn by the template as inline SVG.

Bars are stacked by what became of the pairs, so one look shows what a threshold takes. A long tail is folded into the
end bars (and said) instead of squeezing everything else into one bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcheck.core.types import Action, Metric
from mmcheck.report.shown_text import format_count, format_value

ACTIONS = (Action.KEEP, Action.FLAG, Action.QUARANTINE, Action.UNCHECKED)
"""Order in which actions are stacked and coded as integers."""

WIDTH, HEIGHT = 360.0, 168.0
"""Size of the drawing in SVG units. Our own choice: three beside each other."""
LEFT, RIGHT, TOP, BOTTOM = 40.0, 352.0, 30.0, 146.0
"""Edges of the plot inside it. Our own choice: room for the labels."""
_MAX_BINS = 40  # most bins; our own choice: narrower bars cannot be seen
_TAIL = 0.005
"""Share of the values at either end that may lie outside the axis. Our own choice: one wild value must not squeeze the
rest."""
_MIN_BAR = 1.0  # least height of a bar in SVG units; our own choice: a single row can be seen
_LARGEST = 1e150  # largest value that is drawn; our own choice: beyond it the arithmetic of an axis overflows

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of the config on a metric."""

    rule: str
    """Name of the rule."""
    side: str
    """``min`` or ``max``."""
    value: float
    """Smallest or largest value that is kept."""
    action: str
    """What the rule asks for."""
    is_conditional: bool = False
    """Whether the rule applies to some pairs only (``when``, ``languages``)."""
    findings: int = 0
    """Pairs in which the rule found something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """A limit, placed in the drawing."""

    limit: Limit
    """The limit."""
    beyond: int
    """Measured values on its wrong side."""
    x: float
    """Where the line stands, in SVG units."""
    is_outside: bool
    """Whether the limit lies outside the axis (the line then stands at its end)."""
    label_y: float
    """Baseline of its label."""
    anchor: str
    """``start`` or ``end``: on which side of the line the label stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Part of a bar."""

    action: str
    """The action of the pairs in it."""
    y: float
    """Upper edge."""
    height: float
    """Height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar."""

    x: float
    """Left edge."""
    width: float
    """Width."""
    segments: tuple[Segment, ...]
    """From bottom to top."""
    title: str
    """What the bar says, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A number on the axis."""

    x: float
    """Position."""
    label: str
    """The number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """The drawing of one metric."""

    metric: Metric
    """What was measured."""
    measured: int
    """Values in the drawing."""
    absent: int
    """Pairs without a value."""
    median: str
    """Median, for people."""
    low: str
    """5 % quantile, for people."""
    high: str
    """95 % quantile, for people."""
    bars: tuple[Bar, ...]
    """Bars that are not empty."""
    lines: tuple[LimitLine, ...]
    """Limits of the config."""
    ticks: tuple[Tick, ...]
    """Numbers on the axis."""
    peak: int
    """Values in the highest bar."""
    folded: int
    """Values beyond the axis, counted in the end bars."""
    label: str
    """The drawing in one sentence, for screen readers."""


def draw_histogram(metric: Metric, values: Floats, actions: Codes, limits: Sequence[Limit]) -> Histogram | None:
    """Return the histogram of one metric, or None if nothing was measured.

    Args:
        metric: What the values mean.
        values: Shape (rows,); NaN where there is none.
        actions: Shape (rows,); index into ``ACTIONS`` for each row.
        limits: The config's limits on this metric.
    """
    finite = np.isfinite(values)
    present, kinds = values[finite], actions[finite]
    if not present.size:
        return None
    drawn = np.clip(present, -_LARGEST, _LARGEST)
    edges = _edges(drawn, [min(max(limit.value, -_LARGEST), _LARGEST) for limit in limits])
    start, stop = float(edges[0]), float(edges[-1])
    inside = np.clip(drawn, start, stop)
    counts = np.stack([np.histogram(inside[kinds == code], edges)[0] for code in range(len(ACTIONS))])
    peak = int(counts.sum(axis=0).max())
    lines = _lines(limits, present, start, stop)
    low, median, high = (format_value(_short(q)) for q in np.quantile(present, [0.05, 0.5, 0.95]))
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    said = [f"{line.limit.side} {format_value(line.limit.value)}: {format_count(line.beyond)} beyond" for line in lines]
    label = (
        f"Histogram of {metric.name}: {format_count(int(present.size))} values, median {median}{unit}, "
        f"5 % below {low}, 5 % above {high}. " + "; ".join(said)
    )
    return Histogram(
        metric=metric,
        measured=int(present.size),
        absent=int(values.size - present.size),
        median=median,
        low=low,
        high=high,
        bars=_bars(counts, edges, peak),
        lines=lines,
        ticks=place_ticks(start, stop),
        peak=peak,
        folded=int(np.count_nonzero((present < start) | (present > stop))),
        label=label.strip(),
    )


def _edges(values: Floats, limits: Sequence[float]) -> Floats:
    low, high = float(values.min()), float(values.max())
    if values.size >= 100:
        inner_low, inner_high = (float(q) for q in np.quantile(values, [_TAIL, 1 - _TAIL]))
        margin = (inner_high - inner_low) * 0.25
        low, high = max(low, inner_low - margin), min(high, inner_high + margin)
    spread = high - low
    # A limit belongs into the picture unless it would squeeze the values into a corner of it.
    near = [limit for limit in limits if spread == 0 or low - 1.5 * spread <= limit <= high + 1.5 * spread]
    low, high = min([low, *near]), max([high, *near])
    countable = bool(np.all(values == np.round(values))) and all(limit == round(limit) for limit in near)
    if countable and abs(high) < 1e9 and abs(low) < 1e9 and high > low:
        step = max(1, math.ceil((high - low + 1) / _MAX_BINS))
        first = math.floor(low) - 0.5
        bins = max(1, math.ceil((high + 0.5 - first) / step))
        return first + step * np.arange(bins + 1, dtype=np.float64)
    if high - low <= max(abs(high) * 1e-9, 1e-300):
        pad = max(abs(high) * 0.05, 0.5e-3)
        return np.array([low - 3 * pad, low - pad, low + pad, low + 3 * pad], dtype=np.float64)
    bins = int(min(_MAX_BINS, max(20 if spread == 0 else 8, round(2 * math.sqrt(values.size)))))
    return np.linspace(low, high, bins + 1)


def _bars(counts: npt.NDArray[np.int64], edges: Floats, peak: int) -> tuple[Bar, ...]:
    bars = []
    positions = [_place(float(edge), float(edges[0]), float(edges[-1])) for edge in edges]
    gap = 1.0 if positions[1] - positions[0] > 3 else 0.3
    for number in np.flatnonzero(counts.sum(axis=0)):
        segments, parts, y = [], [], BOTTOM
        for code, action in enumerate(ACTIONS):
            count = int(counts[code, number])
            if count:
                height = max(_MIN_BAR, (BOTTOM - TOP) * count / peak)
                y -= height
                parts.append(f"{format_count(count)} {action.value}")
                segments.append(Segment(action=action.value, y=round(y, 2), height=round(height, 2)))
        parts = [
            f"{format_count(int(counts[c, number]))} {a.value}" for c, a in enumerate(ACTIONS) if counts[c, number]
        ]
        span = f"{format_value(_short(edges[number]))} to {format_value(_short(edges[number + 1]))}"
        bars.append(
            Bar(
                x=round(positions[number], 2),
                width=round(max(positions[number + 1] - positions[number] - gap, 0.6), 2),
                segments=tuple(segments),
                title=f"{span}: {', '.join(parts)}",
            )
        )
    return tuple(bars)


def _lines(limits: Sequence[Limit], values: Floats, start: float, stop: float) -> tuple[LimitLine, ...]:
    lines = []
    for number, limit in enumerate(limits):
        beyond = values < limit.value if limit.side == "min" else values > limit.value
        x = _place(min(max(limit.value, start), stop), start, stop)
        lines.append(
            LimitLine(
                limit=limit,
                beyond=int(np.count_nonzero(beyond)),
                x=round(x, 2),
                is_outside=not start <= limit.value <= stop,
                label_y=10.0 + 10.0 * (number % 2),
                anchor="end" if x > (LEFT + RIGHT) / 2 else "start",
            )
        )
    return tuple(lines)


def place_ticks(start: float, stop: float) -> tuple[Tick, ...]:
    """Return round numbers for an axis from ``start`` to ``stop``, placed in the drawing."""
    rough = (stop - start) / 4
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next((power * factor for factor in (1, 2, 5, 10) if power * factor >= rough), power * 10)
    first = math.ceil(start / step)
    ticks = []
    for number in range(first, first + 12):
        value = number * step
        if value > stop:
            break
        ticks.append(Tick(x=round(_place(value, start, stop), 2), label=format_value(_short(value))))
    return tuple(ticks)


def _place(value: float, start: float, stop: float) -> float:
    return LEFT + (RIGHT - LEFT) * (value - start) / (stop - start)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
