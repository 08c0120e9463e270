"""Parquet on the way out: chosen rows copied from the source, with columns added or replaced.

Copying keeps every type exactly and takes embedded media along, in batches bounded by bytes.
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
from mmcheck.formats.base import Added, OutputRow
from mmcheck.formats.changed_cells import chosen_rows, with_changes, with_items
from mmcheck.formats.output_rows import RowWriter
from mmcheck.formats.text_source import output_name
from mmcheck.formats.written_schema import written_schema

Item = TypeVar("Item")

_TARGET_BYTES = 32 << 20  # bytes of a row group that is written; our own choice: bounds memory
_MAX_ROWS = 65_536  # rows of a row group that is written; our own choice: readers skip in steps of this
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
        for key in out.sample.split if items else ():
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
        schema = written_schema(file.schema_arrow, {name: array.type for name, array in added.items()}, picked)
        compression = _compression(file)
        with pq.ParquetWriter(temporary, schema, compression=compression) as sink:
            for table in _taken(file, source, numbers, _News(added, changed, picked), schema):
                sink.write_table(table)
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
        for batch in _batches(file, source, group, size):
            stop = done
            while stop < len(numbers) and numbers[stop] < start + batch.num_rows:
                stop += 1
            if stop > done:
                try:
                    table = chosen_rows(pa.Table.from_batches([batch]), [one - start for one in numbers[done:stop]])
                    pending.append(_finished(table, done, stop, news, schema))
                except pa.ArrowException as error:
                    raise _unreadable(source, error) from error
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


def _batches(file: pq.ParquetFile, source: str, group: int, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a row group; what goes wrong is the source's fault, and not that of what is written."""
    batches = file.iter_batches(batch_size=size, row_groups=[group])
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _unreadable(source, error) from error
        if batch is None:
            return
        yield batch


def _unreadable(source: str, error: BaseException) -> ManifestError:
    said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return ManifestError(f"manifest {source} cannot be copied from: {said}.", hint="it is damaged; get it again.")


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
        if name in news.picked:
            column = with_items(column, _between(news.picked[name], start, stop))
        different = _between(news.changed.get(name, {}), start, stop)
        if different:
            column = with_changes(column, different)
        columns.append(column)
    return pa.table(columns, schema=schema)


def _between(found: Mapping[int, Item], start: int, stop: int) -> dict[int, Item]:
    return {index - start: found[index] for index in range(start, stop) if index in found}


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


def _compression(file: pq.ParquetFile) -> str:
    if file.metadata.num_row_groups and file.metadata.num_columns:
        name = str(file.metadata.row_group(0).column(0).compression).lower()
        names = {"uncompressed": "none", "lz4_raw": "lz4"}
        return names.get(name, name)
    return "snappy"
