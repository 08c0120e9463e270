"""Plain JSON Lines, CSV and Parquet in the columns of the run's own manifests.

Where the run was read from the same format, and its media stay where they are, its format writes the rows as it writes
``clean/``: texts, digits and types as they were. Other rows become rows of the same columns.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.core.atomic import atomic_path
from mmcheck.core.errors import MediaError
from mmcheck.core.json_row import json_text
from mmcheck.core.types import RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.target import Rows, TargetOptions, TargetTraits
from mmcheck.export.typed_columns import ColumnTypes
from mmcheck.export.with_media import tell_fault
from mmcheck.export.write_back import STEM, can_write_back, write_back

_GROUP = 10_000  # rows of a row group; our own choice: bounds memory


class JsonlTarget:
    """JSON Lines.

    Args:
        options: What was asked for.
    """

    name: ClassVar[str] = "jsonl"
    traits: ClassVar[TargetTraits] = TargetTraits(
        needs_text=False, takes_broken=True, has_offsets=True, has_channels=True, has_further=True
    )
    ending: ClassVar[str] = "jsonl"

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)
        self._files: list[Path] = []

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write one file a manifest where the run was read from this format, else ``data.*``."""
        if can_write_back(self._options, self.name):
            self._files = write_back(rows, self._options, folder, self.name)
            return
        types = ColumnTypes()
        for row in rows:
            if row.sample.problem is None:
                types.add(self._own.all(row, {kind.name: "" for kind in row.kinds}))
        types.add_known(rows.added)
        self._files = [folder / f"{STEM}.{self.ending}"]
        self._write_records(self._files[0], types, self._records(rows, shelf, types))

    def how_to_load(self) -> str:
        """Return the line of Python."""
        names = sorted(str(self._options.final / file.name) for file in self._files)
        kind = "json" if self.name == "jsonl" else self.name
        return f'from datasets import load_dataset; load_dataset("{kind}", data_files={names!r})' if names else ""

    def _records(self, rows: Rows, shelf: MediaShelf, types: ColumnTypes) -> Iterator[RowDict]:
        for row in rows:
            if row.sample.problem is not None:
                rows.leave_out(row, "could not be read")
                continue
            try:
                paths = {kind.name: shelf.file(row, kind).path for kind in row.kinds}
            except MediaError as error:
                rows.leave_out(row, tell_fault(row, error))
                continue
            yield types.fit({**self._own.all(row, paths), **row.added})

    def _write_records(self, file: Path, types: ColumnTypes, records: Iterator[RowDict]) -> None:
        with atomic_path(file) as temporary, temporary.open("wb") as sink:
            for record in records:
                sink.write(json_text(record).encode("utf-8", "backslashreplace") + b"\n")


class CsvTarget(JsonlTarget):
    """CSV."""

    name = "csv"
    ending = "csv"

    def _write_records(self, file: Path, types: ColumnTypes, records: Iterator[RowDict]) -> None:
        with atomic_path(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as sink:
            table = csv.writer(sink, lineterminator="\n")
            table.writerow(types.names)
            for record in records:
                table.writerow([_cell(record.get(name)) for name in types.names])


class ParquetTarget(JsonlTarget):
    """Parquet."""

    name = "parquet"
    ending = "parquet"

    def _write_records(self, file: Path, types: ColumnTypes, records: Iterator[RowDict]) -> None:
        schema = types.schema()
        group: list[RowDict] = []
        with atomic_path(file) as temporary, pq.ParquetWriter(temporary, schema) as sink:
            for record in records:
                group.append(record)
                if len(group) == _GROUP:
                    sink.write_table(pa.Table.from_pylist(group, schema=schema))
                    group = []
            if group:
                sink.write_table(pa.Table.from_pylist(group, schema=schema))


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | int | float) else json_text(value)
