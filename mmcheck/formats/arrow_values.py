"""Values of Arrow columns as JSON can hold them, whether they come from Parquet or from Arrow streams."""

from __future__ import annotations

import base64
import datetime
import decimal
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from mmcheck.core.errors import ManifestError
from mmcheck.core.types import RowDict

_TEXTS = (pa.StringScalar, pa.LargeStringScalar, pa.StringViewScalar)
_LISTS = (pa.ListScalar, pa.LargeListScalar, pa.FixedSizeListScalar, pa.ListViewScalar, pa.LargeListViewScalar)


def bad_name(manifest: str, error: UnicodeDecodeError) -> ManifestError:
    """Return the error of a table that names a column, or a member of one, in bytes that are no text."""
    return ManifestError(
        f"manifest {manifest} has a column whose name is not valid UTF-8: {error.object!r:.60}.",
        hint="the file is damaged, or was written in another encoding; write it again.",
    )


@dataclass(frozen=True, slots=True)
class CellColumn:
    """Some rows of a column; where a cell holds bytes, a stand-in without them."""

    name: str
    values: list[object]
    """As JSON can hold them."""
    faults: dict[int, str]
    """Row -> what is wrong with it."""
    held: dict[int, list[str]]
    """Row -> the cells of it with media bytes."""


def stood_in(name: str, column: pa.Array) -> CellColumn:
    """Return the values of a column without the bytes of media, which are not copied.

    Args:
        name: Name of the column.
        column: Its values; their offsets must be sound.
    """
    kind = column.type
    if is_bytes(kind):
        filled = column.is_valid().to_pylist()
        values: list[object] = [{"bytes": None} for _ in filled]
        return CellColumn(name, values, {}, {index: [name] for index, one in enumerate(filled) if one})
    if has_bytes(kind):
        values, faults, filled = _structs(name, column)
        return CellColumn(name, values, faults, {index: [name] for index, one in enumerate(filled) if one})
    if is_list(kind) and (is_bytes(kind.value_type) or has_bytes(kind.value_type)):
        return _lists(name, column)
    return CellColumn(name, *plain_values(name, column), {})


def _structs(name: str, column: pa.StructArray) -> tuple[list[object], dict[int, str], list[bool]]:
    """Return structs of bytes and more without the bytes, what is wrong with some, and which of them have bytes."""
    values: list[RowDict] = [{"bytes": None} for _ in range(len(column))]
    faults: dict[int, str] = {}
    filled: list[bool] = []
    for member, found in zip(column.type, column.flatten(), strict=True):
        if member.name == "bytes":
            filled = found.is_valid().to_pylist()
            continue
        inner, wrong = plain_values(name, found)
        faults |= wrong
        for value, one in zip(values, inner, strict=True):
            value[member.name] = one
    return list(values), faults, filled


def _lists(name: str, column: pa.Array) -> CellColumn:
    found = CellColumn(name, [], {}, {})
    for index, scalar in enumerate(column):
        items = scalar.values
        if items is None:
            found.values.append(None)
            continue
        if is_bytes(items.type):
            filled = items.is_valid().to_pylist()
            values: list[object] = [{"bytes": None} for _ in filled]
        else:
            values, faults, filled = _structs(name, items)
            found.faults.update((index, fault) for fault in faults.values())
        found.values.append(values)
        found.held[index] = [f"{name}[{place}]" for place, one in enumerate(filled) if one]
    return found


def plain_values(name: str, column: pa.Array) -> tuple[list[object], dict[int, str]]:
    """Return the values of a column, and what is wrong with some of them.

    Args:
        name: Name of the column.
        column: Its values; their offsets must be sound.

    Returns:
        The values, text that is no text with escapes in it; and place -> half a sentence, for these.
    """
    try:
        return [plain(value) for value in column.to_pylist()], {}
    except (ValueError, OverflowError):
        pass
    values: list[object] = []
    faults: dict[int, str] = {}
    for index in range(len(column)):
        value, is_exact = _one_value(column[index])
        values.append(value)
        if not is_exact:
            faults[index] = f"holds text in {name!r} that is not valid UTF-8"
    return values, faults


def _one_value(scalar: pa.Scalar) -> tuple[object, bool]:
    """Return a value, and whether it is exact: text that is none is not."""
    if isinstance(scalar, pa.StructScalar) and scalar.is_valid:
        members = {name: _one_value(inner) for name, inner in scalar.items()}
        return {name: value for name, (value, _) in members.items()}, all(exact for _, exact in members.values())
    if isinstance(scalar, _LISTS) and scalar.is_valid:
        items = [_one_value(inner) for inner in scalar.values]
        return [value for value, _ in items], all(exact for _, exact in items)
    try:
        return plain(scalar.as_py()), True
    except UnicodeDecodeError:
        data = bytes(scalar.as_buffer()) if isinstance(scalar, _TEXTS) else repr(scalar.type).encode()
        return data.decode("utf-8", "backslashreplace"), False
    except (ValueError, OverflowError):
        pass
    try:
        return str(scalar.cast(pa.int64())), True  # a time that Python's calendar does not reach
    except pa.ArrowException:
        return repr(scalar.type), True


def plain(value: object) -> object:
    """Return a value as JSON can hold it: dates in ISO form, decimals as text, nested bytes as base64."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return str(value)


def is_list(kind: pa.DataType) -> bool:
    """Return whether a type is one of lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Return whether a type is one of bytes."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def has_bytes(kind: pa.DataType) -> bool:
    """Return whether a type is one of structs with a member ``bytes`` that holds bytes."""
    place = kind.get_field_index("bytes") if pa.types.is_struct(kind) else -1
    return place >= 0 and is_bytes(kind.field(place).type)
