"""Rows of the Arrow streams that ``datasets`` writes, read from where they lie; media bytes are not copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from mmcheck.core.errors import ManifestError
from mmcheck.core.types import RowDict
from mmcheck.formats.parquet import plain
from mmcheck.formats.rows import RawRow

_BATCH = 256  # rows made at once; our own choice: bounds memory


@contextmanager
def open_stream(path: str) -> Iterator[pa.RecordBatchReader]:
    """Yield an open Arrow stream.

    Raises:
        ManifestError: If it is not there or is none.
    """
    try:
        with pa.memory_map(path) as file, pa.ipc.open_stream(file) as reader:
            yield reader
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(
            f"{path} is not a whole Arrow stream: {(str(error).splitlines() or [''])[0]}.", hint="get it again."
        ) from error


def read_rows(path: str) -> Iterator[RawRow]:
    """Yield the rows of a stream; where a cell holds media bytes, the row has a stand-in and says so.

    Raises:
        ManifestError: If the stream is not there or not whole.
    """
    number = 0
    with open_stream(path) as reader:
        for batch in reader:
            for start in range(0, batch.num_rows, _BATCH):
                part = batch.slice(start, _BATCH)
                columns = [_values(name, part.column(name)) for name in part.schema.names]
                for index in range(part.num_rows):
                    number += 1
                    row: RowDict = {}
                    embedded: list[str] = []
                    for name, values, held in columns:
                        row[name] = values[index]
                        embedded += held[index]
                    yield RawRow(number=number, row=row, embedded=frozenset(embedded), has_cells=True)


def _values(name: str, column: pa.Array) -> tuple[str, list[object], list[list[str]]]:
    """Return a column's values as JSON can hold them, and for each row the cells with media bytes."""
    kind = column.type
    if _is_bytes(kind):
        held = column.is_valid().to_pylist()
        return name, [{"bytes": None}] * len(column), [[name] if one else [] for one in held]
    if _has_bytes(kind):
        values, filled = _structs(column)
        return name, values, [[name] if one else [] for one in filled]
    if _is_list(kind) and (_is_bytes(kind.value_type) or _has_bytes(kind.value_type)):
        return _lists(name, column)
    return name, [plain(value) for value in column.to_pylist()], [[]] * len(column)


def _structs(column: pa.StructArray) -> tuple[list[object], list[bool]]:
    """Return structs of bytes and more without the bytes, and which of them have some."""
    flat = dict(zip((each.name for each in column.type), column.flatten(), strict=True))
    filled = flat.pop("bytes").is_valid().to_pylist()
    others = {name: values.to_pylist() for name, values in flat.items()}
    rows: list[object] = [
        {"bytes": None, **{name: plain(values[index]) for name, values in others.items()}}
        for index in range(len(column))
    ]
    return rows, filled


def _lists(name: str, column: pa.Array) -> tuple[str, list[object], list[list[str]]]:
    rows: list[object] = []
    held: list[list[str]] = []
    for scalar in column:
        items = scalar.values
        if items is None:
            rows.append(None)
            held.append([])
            continue
        if _is_bytes(items.type):
            values: list[object] = [{"bytes": None}] * len(items)
            filled = items.is_valid().to_pylist()
        else:
            values, filled = _structs(items)
        rows.append(values)
        held.append([f"{name}[{place}]" for place, one in enumerate(filled) if one])
    return name, rows, held


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _has_bytes(kind: pa.DataType) -> bool:
    place = kind.get_field_index("bytes") if pa.types.is_struct(kind) else -1
    return place >= 0 and _is_bytes(kind.field(place).type)
