"""Where a run goes wrong: slices in which a fault is more frequent than elsewhere, and since which row or date.

Each rate has its interval. A slice is told only if its excess is surer than the number of slices and faults that were
looked at makes likely by chance; a stretch of rows likewise (see ``change_point``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Mask
from mmcheck.core.types import Action
from mmcheck.metrics.rate_evidence import excess_evidence
from mmcheck.metrics.rate_interval import wilson_interval
from mmcheck.report.change_point import Stretch, find_stretch
from mmcheck.report.finding_rows import NO_FINDING, FindingRows
from mmcheck.report.histograms import ACTIONS
from mmcheck.report.shown_text import format_count, format_value, show_plain
from mmcheck.report.slice_columns import DateColumn, SliceColumn, read_slice_columns
from mmcheck.store.run_folder import RunFolder, read_part

MAX_SEGMENTS = 20
"""Slices that the page shows. Our own choice: a table that is read to its end."""
MAX_STRETCHES = 6
"""Stretches that the page tells. Our own choice, likewise."""
_MAX_CODES = 30  # most frequent codes that are looked at; our own choice: bounds the work
_LEAST_ROWS = 20  # of a slice; our own choice: a rate of fewer says little
_LEAST_HITS = 5  # in a slice; our own choice, likewise
_SURENESS = 5.0
"""Added to the log of the number of slices and faults. Our own choice: one false slice in about a hundred even runs."""
_LEAST_RATIO = 1.5  # of the rates inside and elsewhere; our own choice: less is no place to look at
_STRIP = 160  # bars of the strip; our own choice: each can still be seen
_ROWS_A_BAR = 4  # at least; our own choice: the share of fewer rows is all or nothing
_SAME = 0.8  # share of the rows of two stretches that makes them one; our own choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A slice in which something is more frequent than elsewhere."""

    fault: str
    """What: a code, or ``quarantined``."""
    column: str
    """The column, safe to show."""
    value: str
    """Its value, safe to show."""
    rows: int
    """Rows of the slice."""
    hits: int
    """Rows of it that have the fault."""
    rate: float
    """Their share, in [0, 1]."""
    low: float
    high: float
    """The interval of 95 %."""
    elsewhere: float
    """Share among all other rows, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the strip over the rows of the run."""

    x: float
    width: float
    height: float
    """Share of the rows, in per cent."""
    is_marked: bool
    """Whether the bar lies in the first stretch that is told."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereWrong:
    """What the page shows of it."""

    sentences: tuple[str, ...]
    segments: tuple[Segment, ...]
    left_out: int
    """Slices that are not shown."""
    strip: tuple[Bar, ...]
    """The share of quarantined rows from the first to the last row; empty unless a stretch is told."""


def find_where_wrong(run: RunFolder, findings: FindingRows) -> WhereWrong:
    """Return the slices and stretches of a run in which faults are more frequent.

    Args:
        run: The run.
        findings: All its findings.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    faults = _faults(findings)
    if not faults or not len(findings.actions):
        return WhereWrong(sentences=(), segments=(), left_out=0, strip=())
    slices, dates = read_slice_columns(run)
    segments = rank_segments(faults, slices)
    stretches = find_stretches(faults)
    told = [_tell_stretch(run, names, stretch) for names, stretch in stretches]
    told += _tell_dates(faults, dates)
    return WhereWrong(
        sentences=tuple(told),
        segments=tuple(segments[:MAX_SEGMENTS]),
        left_out=max(0, len(segments) - MAX_SEGMENTS),
        strip=_draw_strip(findings, stretches[0][1]) if stretches else (),
    )


def rank_segments(faults: Sequence[tuple[str, Mask]], columns: Sequence[SliceColumn]) -> list[Segment]:
    """Return the slices in which a fault is surely more frequent than elsewhere, those with most rows too many first.

    Args:
        faults: Name and rows of each fault, each of shape (n,).
        columns: The columns by which rows fall into slices.
    """
    found: list[tuple[float, Segment]] = []
    tried = sum(len(column.values) for column in columns) * len(faults)
    wanted = np.log(max(tried, 1)) + _SURENESS
    for column in columns:
        rows = np.bincount(column.numbers, minlength=len(column.values))
        total = int(rows.sum())
        for name, has_fault in faults:
            hits = np.bincount(column.numbers[has_fault], minlength=len(column.values))
            other_rows, other_hits = total - rows, int(hits.sum()) - hits
            low, high = wilson_interval(hits, rows)
            elsewhere = other_hits / np.maximum(other_rows, 1)
            rate = hits / np.maximum(rows, 1)
            stands_out = (
                (rows >= _LEAST_ROWS)
                & (other_rows >= _LEAST_ROWS)
                & (hits >= _LEAST_HITS)
                & (excess_evidence(hits, rows, int(hits.sum()), total) > wanted)
                & (rate >= _LEAST_RATIO * elsewhere)
            )
            for at in np.flatnonzero(stands_out).tolist():
                segment = Segment(
                    fault=show_plain(name, 80),
                    column=show_plain(column.name, 80),
                    value=show_plain(column.values[at], 120),
                    rows=int(rows[at]),
                    hits=int(hits[at]),
                    rate=float(rate[at]),
                    low=float(low[at]),
                    high=float(high[at]),
                    elsewhere=float(elsewhere[at]),
                )
                found.append((float(hits[at] - rows[at] * elsewhere[at]), segment))
    # Of equal ones the order of the faults stays.
    found.sort(key=lambda one: (-one[0], one[1].column, one[1].value))
    return [segment for _, segment in found]


def find_stretches(faults: Sequence[tuple[str, Mask]]) -> list[tuple[list[str], Stretch]]:
    """Return the stretches of rows in which faults are more frequent, each with the faults that share it.

    Args:
        faults: Name and rows of each fault, each of shape (n,).
    """
    found: list[tuple[list[str], Stretch]] = []
    for name, has_fault in faults:
        stretch = find_stretch(has_fault)
        if stretch is None:
            continue
        same = next((names for names, other in found if _overlap(stretch, other) >= _SAME), None)
        if same is None:
            found.append(([name], stretch))
        else:
            same.append(name)
    return found[:MAX_STRETCHES]


def _faults(findings: FindingRows) -> list[tuple[str, Mask]]:
    """Return what is looked at: that rows are quarantined, and each code, the most frequent first."""
    rows = len(findings.actions)
    found = [("quarantined", findings.actions == ACTIONS.index(Action.QUARANTINE))]
    for count in findings.codes[:_MAX_CODES]:
        mask = np.zeros(rows, dtype=bool)
        mask[count.rows] = True
        found.append(("no finding" if count.code == NO_FINDING else count.code, mask))
    return [(name, mask) for name, mask in found if mask.any()]


def _overlap(one: Stretch, other: Stretch) -> float:
    shared = min(one.stop, other.stop) - max(one.start, other.start)
    return max(0, shared) / (max(one.stop, other.stop) - min(one.start, other.start))


def _tell_stretch(run: RunFolder, names: Sequence[str], stretch: Stretch) -> str:
    first, last = _place(run, stretch.start), _place(run, stretch.stop - 1)
    if stretch.stop == run.record.rows:
        where, rest = f"From {_told(*first)} on", "before that"
    elif stretch.start == 0:
        where, rest = f"Up to {_told(*last)}", "after that"
    elif first[1] == last[1]:
        where, rest = f"From row {format_count(first[0])} to {_told(*last)}", "elsewhere"
    else:
        where, rest = f"From {_told(*first)} to {_told(*last)}", "elsewhere"
    return f"{where}, {_tell_rates(names, stretch, rest)}"


def _tell_rates(names: Sequence[str], stretch: Stretch, rest: str) -> str:
    inside, outside = (format_value(round(100 * rate, 1)) for rate in (stretch.inside, stretch.outside))
    what = "are quarantined" if names[0] == "quarantined" else f"have {show_plain(names[0], 80)}"
    also = [show_plain(name, 80) for name in names[1:]]
    more = f" The same stretch stands out by {', '.join(also)}." if also else ""
    return f"{inside} % of the rows {what}; {rest} {outside} %.{more}"


def _place(run: RunFolder, index: int) -> tuple[int, str]:
    """Return the number of a row in its manifest, and the manifest's name."""
    shard = run.shards()[index // run.record.shard_size]
    row = read_part(run.samples_part(shard), ["manifest", "row_number"]).slice(index - shard.start, 1).to_pylist()[0]
    return row["row_number"], show_plain(row["manifest"].rstrip("/").rsplit("/", 1)[-1], 120)


def _told(number: int, manifest: str) -> str:
    return f"row {format_count(number)} of {manifest}"


def _tell_dates(faults: Sequence[tuple[str, Mask]], columns: Sequence[DateColumn]) -> list[str]:
    told = []
    for column in columns:
        dated = np.flatnonzero(~np.isnan(column.days))
        order = dated[np.argsort(column.days[dated], kind="stable")]
        days = column.days[order]
        for names, stretch in find_stretches([(name, has_fault[order]) for name, has_fault in faults])[:2]:
            first, last = _day(days, stretch.start), _day(days, stretch.stop - 1)
            if stretch.stop == len(order):
                where, rest = f"Since {first}", "before that"
            elif stretch.start == 0:
                where, rest = f"Up to {last}", "after that"
            else:
                where, rest = f"From {first} to {last}", "at other times"
            told.append(f"{where} (by {show_plain(column.name, 80)}), {_tell_rates(names, stretch, rest)}")
    return told


def _day(days: NDArray[np.float64], at: int) -> str:
    return date.fromordinal(int(days[at])).isoformat()


def _draw_strip(findings: FindingRows, stretch: Stretch) -> tuple[Bar, ...]:
    taken = findings.actions == ACTIONS.index(Action.QUARANTINE)
    rows = len(taken)
    count = max(1, min(_STRIP, rows // _ROWS_A_BAR))
    edges = np.unique(np.linspace(0, rows, count + 1).astype(np.int64))
    cumulated = np.concatenate([[0], np.cumsum(taken)])
    bars = []
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        share = 100.0 * float(cumulated[stop] - cumulated[start]) / (stop - start)
        bars.append(
            Bar(
                x=round(1000 * start / rows, 2),
                width=round(1000 * (stop - start) / rows, 2),
                height=round(share, 1),
                is_marked=stretch.start <= (start + stop) / 2 < stretch.stop,
                label=f"rows {format_count(start + 1)} to {format_count(stop)}: {format_value(round(share, 1))} %",
            )
        )
    return tuple(bars)
