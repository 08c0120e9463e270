"""The manifest's own columns, as rules see them: the stored rows are read, never the manifest.

A rule names one as ``column.license``, in the place where others name a metric. A dot leads into a nested object
(``column.json.nsfw``), unless there is a column with the dot in its name. In tar shards, whose side file is one column
``json``, its members are found without the ``json.`` before them, as the scan itself finds captions there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from mmcheck.config import COLUMN_PREFIX
from mmcheck.core.json_row import load_json
from mmcheck.core.types import Row

_SIDE_FILE = "json"
_DEEPEST = 2
"""Levels of nested objects whose members are listed where a column is not found. Our own choice: deeper is noise."""


class Absent:
    """A column that a row does not have; other than one without a value."""

    def __repr__(self) -> str:
        """Return the name of the only one."""
        return "ABSENT"


ABSENT: Final = Absent()


def is_column(metric: str) -> bool:
    """Return whether a rule's ``metric`` names a column of the manifest."""
    return metric.startswith(COLUMN_PREFIX) and len(metric) > len(COLUMN_PREFIX)


def column_name(metric: str) -> str:
    """Return the column that ``column.<name>`` names."""
    return metric.removeprefix(COLUMN_PREFIX)


def find_value(row: Row, name: str) -> Any:
    """Return what a row has under a column's name; ``ABSENT`` if it has no such column."""
    found = _find(row, name)
    if found is ABSENT and isinstance(side := row.get(_SIDE_FILE), Mapping):
        return _find(side, name)
    return found


def _find(row: Row, name: str) -> Any:
    if name in row:
        return row[name]
    # The longest name that is there comes first, so that a dot in a name is no obstacle.
    end = name.rfind(".")
    while end >= 0:
        inner = row.get(name[:end])
        if isinstance(inner, Mapping):
            found = _find(inner, name[end + 1 :])
            if found is not ABSENT:
                return found
        end = name.rfind(".", 0, end) if end else -1
    return ABSENT


def read_values(rows: pa.Array, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of some columns, one a row.

    Args:
        rows: The stored rows, JSON texts.
        names: The columns.
    """
    found: dict[str, list[Any]] = {name: [] for name in names}
    for row in iter_rows(rows):
        for name, values in found.items():
            values.append(find_value(row, name))
    return found


def iter_rows(rows: pa.Array) -> Iterator[Row]:
    """Yield stored rows; what is no object is an empty one."""
    for text in rows.to_pylist():
        row = load_json(text) if text else {}
        yield row if isinstance(row, dict) else {}


def list_names(row: Row, depth: int = _DEEPEST) -> Iterable[str]:
    """Yield the names by which the columns of a row can be given, nested ones included."""
    for name, value in row.items():
        yield name
        if isinstance(value, Mapping) and depth > 1:
            yield from (f"{name}.{below}" for below in list_names(value, depth - 1))
