"""Types of columns that rows of JSON leave open: found by going through the rows once, before they are written.

Loaders refuse files whose columns have different types. So each column gets one type, and what fits none is written as
JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from mmcheck.core.json_row import json_text
from mmcheck.core.json_types import JsonObject
from mmcheck.core.types import Row, RowDict
from mmcheck.formats.base import Added

_LONGEST = 2**63  # one more than the largest integer of a column; given by int64
_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "json": pa.string(),
    "list text": pa.list_(pa.string()),
    "list int": pa.list_(pa.int64()),
    "list float": pa.list_(pa.float64()),
}
_WIDER = {
    frozenset(("int", "float")): "float",
    frozenset(("list int", "list float")): "list float",
    frozenset(("list text", "list")): "list text",
    frozenset(("list int", "list")): "list int",
    frozenset(("list float", "list")): "list float",
}


class ColumnTypes:
    """The columns of some rows, in the order in which they were first seen, each with one type."""

    def __init__(self) -> None:
        self._kinds: dict[str, str | None] = {}

    def add(self, row: Row) -> None:
        """Take the columns and values of one more row into account."""
        for name, value in row.items():
            known = self._kinds.setdefault(name, None)
            kind = _kind(value)
            if kind is None or kind == known:
                continue
            self._kinds[name] = kind if known is None else _WIDER.get(frozenset((kind, known)), "json")

    def add_all(self, rows: Iterable[Row]) -> None:
        """Take many rows into account."""
        for row in rows:
            self.add(row)

    def add_known(self, columns: Added) -> None:
        """Take columns into account whose types are known, also where no row has a value."""
        for name, kind in columns.items():
            self._kinds[name] = "float" if kind is float else "text"

    @property
    def names(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._kinds)

    def schema(self) -> pa.Schema:
        """Return the columns as Arrow has them; a column of nulls holds text."""
        return pa.schema([(name, _TYPES[_whole(kind)]) for name, kind in self._kinds.items()])

    def fit(self, row: Row) -> RowDict:
        """Return a row with values of the columns' types; what a row has not is left out."""
        return {name: _fitted(value, _whole(self._kinds.get(name))) for name, value in row.items()}


def features_of(schema: pa.Schema, media: Mapping[str, str]) -> JsonObject:
    """Return the features by which ``datasets`` knows the columns of a table.

    Args:
        schema: The columns.
        media: Name of a column of media -> ``Image`` or ``Audio``.
    """
    features: JsonObject = {}
    for field in schema:
        if field.name in media:
            features[field.name] = {"_type": media[field.name]}
        elif pa.types.is_list(field.type):
            features[field.name] = {"feature": _value(field.type.value_type), "_type": "Sequence"}
        else:
            features[field.name] = _value(field.type)
    return features


def _value(kind: pa.DataType) -> JsonObject:
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


def _whole(kind: str | None) -> str:
    return {None: "text", "list": "list text"}.get(kind, kind or "text")


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_LONGEST <= value < _LONGEST else "json"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        kinds = {_kind(item) for item in value}
        if not kinds:
            return "list"
        inner = next(iter(kinds)) if len(kinds) == 1 else _WIDER.get(frozenset(filter(None, kinds)), "json")
        return f"list {inner}" if inner in ("text", "int", "float") else "json"
    return "json"


def _fitted(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "json" or (kind == "text" and not isinstance(value, str)):
        return value if isinstance(value, str) else json_text(value)
    if kind == "float":
        return float(value)
    return [float(item) for item in value] if kind == "list float" else value
