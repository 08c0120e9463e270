"""Parquet on the way out: chosen rows copied from the source, with columns added or replaced.

Copying keeps every type exactly and takes embedded media along, in batches bounded by bytes. Hugging Face's feature
table in the schema is extended, because ``datasets`` refuses a file whose columns it does not list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.atomic import atomic_path
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_types import JsonObject
from mmcheck.formats.base import Added, OutputRow
from mmcheck.formats.output_rows import RowWriter
from mmcheck.formats.text_source import output_name

Item = TypeVar("Item")

_TARGET_BYTES = 32 << 20  # bytes of a row group that is written; our own choice: bounds memory
_MAX_ROWS = 65_536  # rows of a row group that is written; our own choice: readers skip in steps of this
_FEATURES = b"huggingface"
UNREADABLE = "unreadable_rows"
"""Cause of the problem that stands for rows of a damaged row group: there is nothing to copy."""


@dataclass(frozen=True, slots=True)
class _News:
    """What differs from the source; rows by their place in what is written."""

    added: dict[str, pa.Array]
    changed: dict[str, dict[int, object]]
    picked: dict[str, dict[int, tuple[int, ...]]]
    """Column of lists -> row -> the items that it keeps."""


def copy_rows(
    rows: Iterable[OutputRow],
    folder: Path,
    stem: str,
    output: OutputConfig,
    options: InputConfig,
    open_source: Callable[[str], pq.ParquetFile],
    *,
    manifest: str = "",
    keep_paths: bool = False,
    media_folder: str = "",
    types: Added | None = None,
) -> Path:
    """Write ``rows`` of one Parquet manifest and return the file.

    Args:
        rows: The rows, in the order of the manifest.
        folder: Where to.
        stem: Name without suffix.
        output: Output options.
        options: Input options.
        open_source: Opens a Parquet file.
        manifest: The input manifest, for the columns of an output without rows.
        keep_paths: Whether paths stay as they are.
        media_folder: Folder for copies of media.
        types: Types of the new columns.

    Raises:
        ManifestError: If the source is gone or has fewer rows than it had.
    """
    writer = RowWriter(options, output, folder, media_folder=media_folder, keep_paths=keep_paths)
    numbers: list[int] = []
    extras: dict[str, list[object]] = {name: [] for name in types or ()}
    changed: dict[str, dict[int, object]] = {}
    picked: dict[str, dict[int, tuple[int, ...]]] = {}
    source = manifest
    for out in rows:
        source = out.sample.manifest
        if out.sample.problem is not None and out.sample.problem.cause == UNREADABLE:
            continue
        for key, value in out.extra.items():
            if key not in extras:
                extras[key] = [None] * len(numbers)
            extras[key].append(value)
        # Without the new columns, so that only what differs from the source is kept in memory.
        columns = writer.columns(replace(out, extra={}))
        items = out.items or (() if out.sample.item is None else (out.sample.item,))
        for key in out.sample.split:
            picked.setdefault(key, {})[len(numbers)] = items
        for key, value in columns.items():
            before = out.sample.row.get(key)
            if value != before or key in out.changed:
                changed.setdefault(key, {})[len(numbers)] = value
        numbers.append(out.sample.row_number)
        for values in extras.values():
            if len(values) < len(numbers):
                values.append(None)
    final = folder / output_name(source, stem, ".parquet")
    added = {key: _array(values, (types or {}).get(key)) for key, values in extras.items()}
    if not source:
        with atomic_path(final) as temporary:
            pq.write_table(pa.table(added), temporary)
        return final
    with open_source(source) as file, atomic_path(final) as temporary:
        schema = _schema(file.schema_arrow, added)
        compression = _compression(file)
        with pq.ParquetWriter(temporary, schema, compression=compression) as sink:
            try:
                for table in _taken(file, source, numbers, _News(added, changed, picked), schema):
                    sink.write_table(table)
            except pa.ArrowException as error:
                raise ManifestError(f"manifest {source} cannot be copied from: {error}.") from error
    return final


def _taken(
    file: pq.ParquetFile,
    source: str,
    numbers: list[int],
    news: _News,
    schema: pa.Schema,
) -> Iterator[pa.Table]:
    done, start = 0, 1
    pending: list[pa.Table] = []
    for group in range(file.metadata.num_row_groups):
        meta = file.metadata.row_group(group)
        end = start + meta.num_rows
        if done >= len(numbers) or numbers[done] >= end:
            start = end
            continue
        size = max(1, min(_MAX_ROWS, _TARGET_BYTES * meta.num_rows // max(1, meta.total_byte_size)))
        for batch in file.iter_batches(batch_size=size, row_groups=[group]):
            stop = done
            while stop < len(numbers) and numbers[stop] < start + batch.num_rows:
                stop += 1
            if stop > done:
                table = _chosen(pa.Table.from_batches([batch]), [number - start for number in numbers[done:stop]])
                pending.append(_finished(table, done, stop, news, schema))
                if sum(table.nbytes for table in pending) >= _TARGET_BYTES:
                    yield pa.concat_tables(pending)
                    pending = []
            done, start = stop, start + batch.num_rows
            if done >= len(numbers) or numbers[done] >= end:
                break  # what follows is not wanted, and may be damaged
        start = end
    if pending:
        yield pa.concat_tables(pending)
    if done < len(numbers):
        raise ManifestError(
            f"manifest {source} has no row {numbers[done]} any more: it was changed after the scan.",
            hint="scan it again.",
        )


def _chosen(table: pa.Table, rows: list[int]) -> pa.Table:
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


def _finished(
    table: pa.Table,
    start: int,
    stop: int,
    news: _News,
    schema: pa.Schema,
) -> pa.Table:
    columns = []
    for schema_field in schema:
        name = schema_field.name
        if name in news.added:
            columns.append(news.added[name].slice(start, stop - start))
            continue
        column = table.column(name)
        kept = _between(news.picked.get(name, {}), start, stop)
        if kept:
            column = _with_items(column, kept)
        different = _between(news.changed.get(name, {}), start, stop)
        if different:
            column = _with_changes(column, different)
        columns.append(column)
    return pa.table(columns, schema=schema)


def _between(found: Mapping[int, Item], start: int, stop: int) -> dict[int, Item]:
    return {index - start: found[index] for index in range(start, stop) if index in found}


def _with_items(column: pa.ChunkedArray, kept: dict[int, tuple[int, ...]]) -> pa.ChunkedArray:
    """Return a column of lists of which some rows keep some of their items; each item as it was."""
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


def _with_changes(column: pa.ChunkedArray, news: dict[int, object]) -> pa.ChunkedArray:
    kind = column.type
    if len(news) == len(column) and not pa.types.is_nested(kind):
        try:
            return pa.chunked_array([pa.array([news[index] for index in range(len(column))], kind)])
        except (pa.ArrowException, ValueError, TypeError):
            return column
    parts = []
    for index in range(len(column)):
        cell = column.slice(index, 1).combine_chunks()
        new = _converted(cell, news[index], kind) if index in news else None
        parts.append(new if new is not None else cell)
    chunks = [chunk for part in parts for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    return pa.chunked_array(chunks, type=kind)


def _converted(cell: pa.Array, value: object, kind: pa.DataType) -> pa.Array | None:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if not _is_text(kind.value_type):
            return None  # only paths and texts change; anything else is exact as it is
    elif pa.types.is_struct(kind):
        old = cell.to_pylist()[0] or {}
        if isinstance(value, dict):
            value = {**old, "path": value.get("path")}
    try:
        return pa.array([value], kind)
    except (pa.ArrowException, ValueError, TypeError):
        return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _array(values: list[object], kind: type | None) -> pa.Array:
    if kind is not None:
        return pa.array(values, pa.float64() if kind is float else pa.string())
    values = [json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value for value in values]
    try:
        array = pa.array(values)
    except (pa.ArrowException, ValueError, TypeError):
        array = pa.array([None if value is None else json.dumps(value, ensure_ascii=False) for value in values])
    if pa.types.is_null(array.type):
        return array.cast(pa.string())
    if pa.types.is_list(array.type) and pa.types.is_null(array.type.value_type):
        return array.cast(pa.list_(pa.string()))
    return array


def _schema(schema: pa.Schema, added: dict[str, pa.Array]) -> pa.Schema:
    fields = [pa.field(f.name, added[f.name].type) if f.name in added else f for f in schema]
    fields += [pa.field(name, array.type) for name, array in added.items() if name not in schema.names]
    metadata = dict(schema.metadata or {})
    if _FEATURES in metadata and added:
        features = _with_features(metadata[_FEATURES], added)
        if features is None:
            del metadata[_FEATURES]
        else:
            metadata[_FEATURES] = features
    return pa.schema(fields, metadata=metadata or None)


def _with_features(stored: bytes, added: dict[str, pa.Array]) -> bytes | None:
    try:
        info = json.loads(stored)
        features = info["info"]["features"]
        for name, array in added.items():
            features[name] = _feature(array.type)
    except (ValueError, KeyError, TypeError):
        return None
    return json.dumps(info).encode()


def _feature(kind: pa.DataType) -> JsonObject:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "Sequence"}
    dtype = {pa.float64(): "float64", pa.float32(): "float32"}.get(kind, str(kind))
    return {"dtype": dtype, "_type": "Value"}


def _compression(file: pq.ParquetFile) -> str:
    if file.metadata.num_row_groups and file.metadata.num_columns:
        name = str(file.metadata.row_group(0).column(0).compression).lower()
        names = {"uncompressed": "none", "lz4_raw": "lz4"}
        return names.get(name, name)
    return "snappy"
