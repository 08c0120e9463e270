"""Parquet with Hugging Face's ``Image`` and ``Audio`` features: ``load_dataset`` gives decoded media."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.core.atomic import atomic_path
from mmcheck.core.errors import MediaError
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.core.types import RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.typed_columns import ColumnTypes, features_of
from mmcheck.export.with_media import tell_fault

_GROUP_ROWS = 100  # rows of a row group, at most. Taken from datasets, which writes as many where rows hold media
_GROUP_BYTES = 32 << 20  # bytes of media in a row group, at most; our own choice: bounds memory
_MEDIUM = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FEATURES = {"image": "Image", "audio": "Audio"}


class HfParquetTarget:
    """Parquet with typed media.

    Args:
        options: What was asked for.
    """

    name = "hf-parquet"
    traits = TargetTraits(media=("copy",), has_shards=True)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)
        self._kinds: list[PairKind] = []

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``train-00000.parquet`` and so on: the medium, its text, the row's own columns."""
        types = ColumnTypes()
        seen: set[str] = set()
        for row in rows:
            seen.update(kind.name for kind in row.kinds)
            types.add(self._own.rest(row))
            types.add({"id": row.sample.id})
        types.add_known(rows.added)
        self._kinds = [kind for kind in PAIR_KINDS if kind.name in seen]
        schema = self._schema(types)
        records = self._records(rows, shelf, types)
        first = next(records, None)
        number = 0
        while first is not None or number == 0:
            with atomic_path(folder / f"train-{number:05d}.parquet") as temporary:
                first = self._write_file(temporary, schema, first, records)
            number += 1

    def how_to_load(self) -> str:
        """Return the line of Python."""
        return f'from datasets import load_dataset; load_dataset({str(self._options.final)!r}, split="train")'

    def _write_file(
        self, file: Path, schema: pa.Schema, first: RowDict | None, records: Iterator[RowDict]
    ) -> RowDict | None:
        """Write one file that begins with ``first``; return the record that the next one begins with."""
        count = 0
        group: list[RowDict] = []
        size = 0
        with pq.ParquetWriter(file, schema, compression="zstd") as sink:
            while first is not None and count < self._options.shard_size:
                group.append(first)
                size += sum(len(first[kind.medium]["bytes"]) for kind in self._kinds if first.get(kind.medium))
                count += 1
                if len(group) >= _GROUP_ROWS or size >= _GROUP_BYTES:
                    sink.write_table(pa.Table.from_pylist(group, schema=schema))
                    group, size = [], 0
                first = next(records, None)
            if group:
                sink.write_table(pa.Table.from_pylist(group, schema=schema))
        return first

    def _records(self, rows: Rows, shelf: MediaShelf, types: ColumnTypes) -> Iterator[RowDict]:
        for row in rows:
            try:
                media = {kind.medium: _medium(row, kind, shelf) for kind in row.kinds}
            except MediaError as error:
                rows.leave_out(row, tell_fault(row, error))
                continue
            texts = {self._text_column(kind): row.text(kind) for kind in row.kinds}
            own = types.fit({"id": row.sample.id, **self._own.rest(row), **row.added})
            yield {**{self._own_name(name): value for name, value in own.items()}, **media, **texts}

    def _schema(self, types: ColumnTypes) -> pa.Schema:
        fields = [pa.field(kind.medium, _MEDIUM) for kind in self._kinds]
        fields += [pa.field(self._text_column(kind), pa.string()) for kind in self._kinds]
        fields += [each.with_name(self._own_name(each.name)) for each in types.schema()]
        schema = pa.schema(fields)
        features = features_of(schema, {kind.medium: _FEATURES[kind.name] for kind in self._kinds})
        return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})

    def _text_column(self, kind: PairKind) -> str:
        return "text" if len(self._kinds) == 1 else kind.text

    def _own_name(self, name: str) -> str:
        taken = {column for kind in self._kinds for column in (kind.medium, self._text_column(kind))}
        return f"own_{name}" if name in taken else name


def _medium(row: ExportRow, kind: PairKind, shelf: MediaShelf) -> dict[str, Any]:
    found = shelf.data(row, kind)
    return {"bytes": found.data, "path": found.name or f"{row.index:09d}{found.suffix}"}
