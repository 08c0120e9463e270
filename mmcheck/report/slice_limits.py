"""The limits that judged the transcripts of each slice, as a table: whose they are and how many faults they found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmcheck.core.json_types import LoadedJson
from mmcheck.report.shown_text import format_count, format_value, show_plain

_FAULTS = {
    "cut_transcript": "transcript cut",
    "word_fault": "wrong word",
    "unheard_end": "end not heard",
    "added_words": "words added",
}
"""Fault of the analysis ``speech`` -> heading of its column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """One slice."""

    name: str
    clips: int
    cells: tuple[str, ...]
    """A text for each column."""
    note: str
    """Why it has no limits of its own; empty where it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTable:
    """The slices of a run."""

    columns: tuple[str, ...]
    rows: tuple[LimitRow, ...]
    left_out: int
    """Clips of slices that are not listed."""


def list_limits(summary: LoadedJson) -> LimitTable | None:
    """Return the table of the ``speech`` analysis' summary, or None if the set was not judged by slices."""
    slices = summary.get("slices")
    if not isinstance(slices, Mapping) or not slices:
        return None
    rows = [_row(str(name), part) for name, part in slices.items() if isinstance(part, Mapping)]
    left_out = summary.get("num_clips_unnamed")
    return LimitTable(
        columns=(*_FAULTS.values(), "doubted words"),
        rows=tuple(rows),
        left_out=left_out if isinstance(left_out, int) else 0,
    )


def _row(name: str, part: LoadedJson) -> LimitRow:
    limits = part.get("limits")
    known = limits if isinstance(limits, Mapping) else {}
    clips = part.get("num_clips")
    return LimitRow(
        name=show_plain(name, 100),
        clips=clips if isinstance(clips, int) else 0,
        cells=(*(_cell(known.get(fault)) for fault in _FAULTS), _plain(part.get("doubted_word"))),
        note=_plain(part.get("reason")),
    )


def _plain(text: object) -> str:
    return show_plain(text) if isinstance(text, str) and text else ""


def _cell(limit: object) -> str:
    """Return the limit in words, e.g. ``-2.1 (slice), 3 found``."""
    if not isinstance(limit, Mapping):
        return ""
    if limit.get("state") != "judged":
        return "not judged" if limit.get("reason") else ""
    value = limit.get("limit")
    shown = format_value(value) if isinstance(value, int | float) else "none reached"
    found = limit.get("num_found")
    count = f", {format_count(found)} found" if isinstance(found, int) else ""
    return f"{shown} ({show_plain(str(limit.get('of')))}){count}"
