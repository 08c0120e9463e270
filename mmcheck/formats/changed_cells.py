"""Rows of a table on the way out: chosen, with other paths in some cells and all else exactly as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from mmcheck.formats.arrow_values import is_list


def chosen_rows(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    """Return some rows of a table.

    Args:
        table: The table.
        rows: 0-based, in their order.
    """
    picked = pa.array(rows, pa.int64())
    try:
        return table.take(picked)
    except pa.ArrowNotImplementedError:
        # Arrow cannot pick rows of views by number; their plain types hold the same values.
        plain = pa.schema([pa.field(each.name, _without_views(each.type)) for each in table.schema])
        return table.cast(plain).take(picked).cast(table.schema)


def _without_views(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(_without_views(each.type)) for each in kind])
    if pa.types.is_map(kind):
        return pa.map_(_without_views(kind.key_type), _without_views(kind.item_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_without_views(kind.value_type)), kind.list_size)
    if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(kind.value_field.with_type(_without_views(kind.value_type)))
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(kind.value_field.with_type(_without_views(kind.value_type)))
    return kind


def with_items(column: pa.ChunkedArray, kept: Mapping[int, Sequence[int]]) -> pa.ChunkedArray:
    """Return a column of lists of which some rows keep some of their items; each item as it was.

    Lists of a fixed length become lists of any.
    """
    if pa.types.is_fixed_size_list(column.type):
        column = column.cast(pa.list_(column.type.value_field))
    parts = []
    for index in range(len(column)):
        cell = column.slice(index, 1).combine_chunks()
        cell = cell if isinstance(cell, pa.Array) else cell.chunk(0)
        if index in kept:
            items = cell.flatten().take(pa.array(kept[index], pa.int64()))
            offsets = pa.array([0, len(items)], cell.offsets.type)
            cell = type(cell).from_arrays(offsets, items, type=cell.type)
        parts.append(cell)
    return pa.chunked_array(parts, type=column.type)


def with_changes(column: pa.ChunkedArray, news: Mapping[int, object]) -> pa.ChunkedArray:
    """Return a column in which some rows have another path or text; bytes and all that is no text stay.

    Args:
        column: The column.
        news: Row -> the value as a sample's row has it. What does not fit the column's type changes nothing.
    """
    kind = column.type
    if len(news) == len(column) and not pa.types.is_nested(kind):
        try:
            return pa.chunked_array([pa.array([news[index] for index in range(len(column))], kind)])
        except (pa.ArrowException, ValueError, TypeError):
            pass  # one that does not fit must not keep the others from being changed
    parts = []
    for index in range(len(column)):
        cell = column.slice(index, 1).combine_chunks()
        new = _converted(cell, news[index], kind) if index in news else None
        parts.append(new if new is not None else cell)
    chunks = [chunk for part in parts for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    return pa.chunked_array(chunks, type=kind)


def _converted(cell: pa.Array, value: object, kind: pa.DataType) -> pa.Array | None:
    try:
        if pa.types.is_nested(kind) and not (is_list(kind) and _is_text(kind.value_type)):
            value = _with_path(cell.to_pylist()[0], value)
        return pa.array([value], kind)
    except (pa.ArrowException, ValueError, TypeError):
        return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _with_path(source: object, changed: object) -> object:
    """Return a cell of the source with the paths of its changed stand-in; its bytes stay."""
    if isinstance(source, list) and isinstance(changed, list) and len(source) == len(changed):
        return [_with_path(old, new) for old, new in zip(source, changed, strict=True)]
    if isinstance(source, dict) and isinstance(changed, Mapping):
        return {**source, "path": changed.get("path")}
    return source
