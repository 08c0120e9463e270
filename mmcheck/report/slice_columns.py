"""By what the rows of a run can be told apart: their own columns of few values, manifest, language, folder, file type.

Columns of many values (ids, texts, paths, scores) tell single rows apart and are left out; dates put rows in an order.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.core.json_types import JsonValue
from mmcheck.core.pair_kinds import MEDIA
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import load_json

MAX_VALUES = 200
"""Values of a column that counts as one of few. Our own choice: more (ids, names of files) tell single rows apart."""
_MAX_COLUMNS = 200  # columns of a manifest that are looked at; our own choice: bounds memory at 2 bytes a row each
_LONGEST = 200  # characters of a value; our own choice: a longer one is a text
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")
_NONE = "(none)"
_OWN = "mmcheck_"

Numbers = NDArray[np.int16]
Days = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceColumn:
    """A column by which rows fall into slices."""

    name: str
    """Its name, for people."""
    values: tuple[str, ...]
    """Its values."""
    numbers: Numbers
    """Shape (rows,): index into ``values``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateColumn:
    """A column of dates."""

    name: str
    """Its name."""
    days: Days
    """Shape (rows,): days since the year 1; NaN where a row has no date."""


@dataclass(slots=True)
class _Column:
    """A column while it is read."""

    known: dict[str, int] = field(default_factory=dict)
    parts: list[Numbers] = field(default_factory=list)
    days: list[Days] = field(default_factory=list)
    is_open: bool = True
    """Whether it may still be one of few values."""
    may_be_date: bool = True


def read_slice_columns(run: RunFolder) -> tuple[list[SliceColumn], list[DateColumn]]:
    """Return the columns of a run by which rows fall into slices, and those of dates.

    Raises:
        RunError: If a part is missing or damaged.
    """
    columns: dict[str, _Column] = {}
    start = 0
    for shard in run.shards():
        table = read_part(run.samples_part(shard), ["manifest", "language", "row", *MEDIA])
        for name, cells in _cells(table):
            if name not in columns and len(columns) >= _MAX_COLUMNS:
                continue
            _add(columns.setdefault(name, _Column()), cells, start)
        for column in columns.values():
            _fill(column, start + table.num_rows)
        start += table.num_rows
    slices = [
        SliceColumn(name=name, values=tuple(found.known), numbers=np.concatenate(found.parts))
        for name, found in columns.items()
        if found.is_open and len(found.known) > 1
    ]
    dates = [
        DateColumn(name=name, days=np.concatenate(found.days))
        for name, found in columns.items()
        if found.may_be_date and found.days
    ]
    return slices, [column for column in dates if len(np.unique(column.days[~np.isnan(column.days)])) > 1]


def _cells(table: pa.Table) -> Iterable[tuple[str, Sequence[JsonValue]]]:
    """Yield the columns of some rows; a row that lacks a column has null there."""
    manifests = table["manifest"].to_pylist()
    yield "manifest", [name.rstrip("/").rsplit("/", 1)[-1] for name in manifests]
    yield "language", table["language"].to_pylist()
    for medium in MEDIA:
        refs = table[medium].to_pylist()
        if any(refs):
            names = [None if ref is None else str(ref["member"] or ref["uri"]) for ref in refs]
            yield f"{medium} type", [None if name is None else _suffix(name) for name in names]
            yield (
                f"{medium} folder",
                [None if name is None else os.path.basename(os.path.dirname(name)) for name in names],
            )
    rows = [_members(text) for text in table["row"].to_pylist()]
    # In the order of the rows, so that equal runs give equal pages.
    for name in dict.fromkeys(name for row in rows for name in row):
        if not name.startswith(_OWN) and name not in ("manifest", "language"):
            yield name, [row.get(name) for row in rows]


def _members(text: str) -> Mapping[str, JsonValue]:
    try:
        row: Any = load_json(text)
    except ValueError:
        return {}
    if not isinstance(row, dict):
        return {}
    inner = row.get("json")  # WebDataset and img2dataset keep a row's metadata there
    return {**inner, **row} if isinstance(inner, dict) else row


def _add(column: _Column, cells: Sequence[JsonValue], start: int) -> None:
    _fill(column, start)
    if column.may_be_date:
        days = [_day(cell) for cell in cells]
        if any(day is None and cell not in (None, "") for day, cell in zip(days, cells, strict=True)):
            column.may_be_date = False
            column.days.clear()
        else:
            column.days.append(np.array([np.nan if day is None else day for day in days]))
    if not column.is_open:
        return
    numbers = np.empty(len(cells), dtype=np.int16)
    for at, cell in enumerate(cells):
        value = _value(cell)
        if value is None or (value not in column.known and len(column.known) >= MAX_VALUES):
            column.is_open = False
            column.parts.clear()
            column.known.clear()
            return
        numbers[at] = column.known.setdefault(value, len(column.known))
    column.parts.append(numbers)


def _fill(column: _Column, rows: int) -> None:
    """Give the rows so far that lack the column its absent value."""
    if column.is_open:
        missing = rows - sum(len(part) for part in column.parts)
        if missing:
            number = column.known.setdefault(_NONE, len(column.known))
            column.parts.append(np.full(missing, number, dtype=np.int16))
    if column.may_be_date:
        missing = rows - sum(len(part) for part in column.days)
        if missing:
            column.days.append(np.full(missing, np.nan))


def _value(cell: JsonValue) -> str | None:
    """Return a cell as the name of a slice; None if the column cannot be one of slices."""
    if cell is None or cell == "":
        return _NONE
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | str):
        text = str(cell)
        return text if len(text) <= _LONGEST else None
    return None


def _day(cell: JsonValue) -> float | None:
    match = _DATE.fullmatch(cell) if isinstance(cell, str) else None
    if match is None:
        return None
    try:
        return float(date(int(match[1]), int(match[2]), int(match[3])).toordinal())
    except ValueError:
        return None


def _suffix(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else _NONE
