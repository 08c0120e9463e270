"""The files of a cleaned set: where they are, their digests, and the columns that a reader finds in them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.core.digests import digest_file
from mmcheck.core.errors import OutputError

FieldType = Literal["text", "integer", "float", "boolean"]

ENCODINGS = {
    ".jsonl": "application/jsonlines",
    ".ndjson": "application/jsonlines",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/x-parquet",
    ".tar": "application/x-tar",
}
"""Suffix of a file -> its media type, as Croissant names it."""
_LOOKED_AT = 1000
"""Rows of a text file that are read for the types of its columns. Our own choice: enough to see mixed ones."""
_CARD_FILES = ("croissant.json", "README.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    type: FieldType
    is_list: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of the set."""

    name: str
    """Path below the set's folder, with ``/``."""
    path: Path
    size: int
    """Bytes."""
    sha256: str
    encoding: str
    """Media type."""
    columns: tuple[Column, ...]
    """Columns of a table that programs read by name; empty: it is none, or has nested ones only."""


def list_data_files(folder: Path) -> list[DataFile]:
    """Return the manifests of a set, sorted by name; media files beside them are left out.

    Raises:
        OutputError: If the folder is not there or holds no manifest that is known.
    """
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in ENCODINGS and path.name not in _CARD_FILES
    ]
    if not found:
        raise OutputError(
            f"{folder} holds no manifest (*.jsonl, *.csv, *.tsv, *.parquet, *.tar).",
            hint="give the folder of the cleaned set: --data RUN/clean, or what `mmcheck export` wrote. Files that are "
            "packed (.gz, .zst) are not described.",
        )
    return [_describe(path, folder) for path in found]


def _describe(path: Path, folder: Path) -> DataFile:
    try:
        return DataFile(
            name=path.relative_to(folder).as_posix(),
            path=path,
            size=path.stat().st_size,
            sha256=digest_file(path),
            encoding=ENCODINGS[path.suffix],
            columns=tuple(_columns(path)),
        )
    except (OSError, ValueError, pa.ArrowException, csv.Error) as error:
        raise OutputError(f"{path} cannot be read: {error}.", hint="write the cleaned set again.") from error


def _columns(path: Path) -> Iterable[Column]:
    if path.suffix == ".parquet":
        return _of_schema(pq.read_schema(path))
    if path.suffix in (".jsonl", ".ndjson"):
        with path.open(encoding="utf-8") as file:
            return _of_rows(json.loads(line) for line in islice(file, _LOOKED_AT) if line.strip())
    if path.suffix in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t")
            header = next(rows, [])
            # One field only: another delimiter, which readers by media type would not know.
            return [] if len(header) < 2 else _of_texts(header, islice(rows, _LOOKED_AT))
    return []


def _of_schema(schema: pa.Schema) -> Iterable[Column]:
    for field in schema:
        is_list = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
        kind = _of_arrow(field.type.value_type if is_list else field.type)
        if kind is not None:
            yield Column(name=field.name, type=kind, is_list=is_list)


def _of_arrow(kind: pa.DataType) -> FieldType | None:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "float"
    return "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def _of_rows(rows: Iterable[Mapping[str, object]]) -> list[Column]:
    """Return the columns that hold one simple type, or lists of texts, throughout."""
    seen: dict[str, set[str]] = {}
    count = 0
    for row in rows:
        if not isinstance(row, dict):
            continue
        count += 1
        for name, value in row.items():
            seen.setdefault(name, set()).add(_kind(value))
    return [column for name, kinds in seen.items() if (column := _column(name, kinds)) is not None]


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "texts"
    return "none" if value is None else "nested"


def _column(name: str, kinds: set[str]) -> Column | None:
    known = kinds - {"none"}
    if known == {"texts"}:
        return Column(name=name, type="text", is_list=True)
    if known <= {"integer", "float"} and known:
        # Whole numbers with gaps come back as floats from every reader of tables.
        return Column(name=name, type="integer" if kinds == {"integer"} else "float")
    for kind in ("boolean", "text"):
        if known == {kind}:
            return Column(name=name, type=kind)
    return None


def _of_texts(header: list[str], rows: Iterable[list[str]]) -> list[Column]:
    cells: list[list[str]] = [[] for _ in header]
    for row in rows:
        for values, cell in zip(cells, row, strict=False):
            values.append(cell)
    return [
        Column(name=name, type="float" if name.startswith("mmcheck_") and _are_numbers(values) else "text")
        for name, values in zip(header, cells, strict=True)
        if name
    ]


def _are_numbers(values: list[str]) -> bool:
    try:
        return any(values) and all(float(value) == float(value) for value in values if value)
    except ValueError:
        return False
