"""Parquet with media as paths, as bytes, or as Hugging Face's struct of both.

Rows are streamed in batches and media bytes are not read at all: column statistics say which rows have some, and a
``MediaRef`` leads to them later. Where JSON would lose a type (dates, decimals, narrow integers), the row holds a
readable stand-in, and writing copies the original row from the source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.arrow_values import bad_name, has_bytes, is_bytes, is_list, plain_values, stood_in
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.columns import EXAMPLE_ROWS, RoleFinder
from mmcheck.formats.output_rows import media_place
from mmcheck.formats.parquet_bytes import kinds_of_bytes
from mmcheck.formats.parquet_copy import UNREADABLE, copy_rows
from mmcheck.formats.paths import Modality, folder_of
from mmcheck.formats.rows import RawRow, SampleMaker, configured_missing
from mmcheck.formats.text_source import open_raw

_MAGIC = b"PAR1"
_BATCH = 1024  # rows read at once; our own choice: bounds memory
_PEEK = 8  # rows looked at to learn what a column holds; our own choice: cells may hold whole media
_READ_ERRORS = (pa.ArrowException, OSError, EOFError)


class ParquetFormat:
    """Parquet manifest.

    Args:
        options: Input options.
    """

    name = "parquet"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether the file begins with Parquet's magic number."""
        try:
            with open_raw(manifest) as file:
                return Recognised.CONTAINER if file.read(4) == _MAGIC else Recognised.NO
        except (ManifestError, OSError):
            return Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest``; rows count from 1.

        Raises:
            ManifestError: If it cannot be opened, is not whole, or lacks a configured column.
        """
        return self.read_as(manifest, None)

    def read_as(self, manifest: str, modality: Modality | None, *, inside_only: bool = False) -> Iterator[Sample]:
        """Yield the samples of ``manifest`` as ``read`` does, for a format that keeps its rows in Parquet.

        Args:
            manifest: The manifest.
            modality: What generic columns hold where their values do not tell.
            inside_only: Whether media must lie below the manifest's folder.
        """
        return self._samples(manifest, modality, inside_only)

    def _samples(self, manifest: str, modality: Modality | None, inside_only: bool) -> Iterator[Sample]:
        with open_parquet(manifest) as file:
            unread = self._options.embeddings.vector_columns
            examples = [row.row for row in islice(_rows(manifest, file, unread), EXAMPLE_ROWS) if row.cause is None]
            kinds = kinds_of_bytes(file, _opaque_columns(file))
            finder = RoleFinder(
                self._options.columns,
                examples=examples,
                modality=modality,
                embedded=kinds,
                template=self._options.path,
            )
            configured_missing(manifest, finder, file.schema_arrow.names)
            maker = SampleMaker(manifest, self._options, finder, base=folder_of(manifest), inside_only=inside_only)
            yield from maker.all(_rows(manifest, file, unread))

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
        keep_paths: bool = False,
        media_folder: str | None = None,
    ) -> list[Path]:
        """Write ``rows`` by copying them from the source, types and embedded media included, new columns last.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input manifest, for the columns of an output without rows.
            added: Types of the new columns.
            keep_paths: Whether paths stay as they are whatever ``output`` says.
            media_folder: Folder for copies of media; None: ``<stem>_media``.

        Raises:
            ManifestError: If the source is gone or changed.
        """
        return [
            copy_rows(
                rows,
                folder,
                stem,
                output,
                self._options,
                open_parquet,
                manifest=manifest,
                keep_paths=keep_paths,
                media_folder=media_place(stem, media_folder),
                types=added,
            )
        ]


def open_parquet(manifest: str) -> pq.ParquetFile:
    """Return an open Parquet file; closing it closes the file below it.

    Raises:
        ManifestError: If it cannot be opened or is not a whole Parquet file.
    """
    raw = open_raw(manifest)
    try:
        return pq.ParquetFile(raw, pre_buffer=False)
    except UnicodeDecodeError as error:
        raw.close()
        raise bad_name(manifest, error) from error
    except _READ_ERRORS as error:
        raw.close()
        raise ManifestError(
            f"manifest {manifest} is not a whole Parquet file: {_reason(error)}.",
            hint="it was probably cut short while it was copied; get it again.",
        ) from error


def _rows(manifest: str, file: pq.ParquetFile, unread: Collection[str] = ()) -> Iterator[RawRow]:
    """Yield the rows without the columns ``unread`` (vectors, which are most of the bytes)."""
    names = [name for name in file.schema_arrow.names if name not in unread]
    binary = _opaque_columns(file)
    lists = _list_columns(file)
    leaves = [name for name in _leaves(file, binary, lists) if name not in unread]
    number, is_good = 1, False
    damage: str | None = None
    for group in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        done, damage = 0, None
        try:
            filled = _filled(file, group, binary)
            several = {name: _items(file, group, name) for name in lists}
            for row, fault in _leaf_rows(file, group, leaves):
                embedded = {name for name in binary if _at(filled[name], done)}
                for name, rows in several.items():
                    row[name], held, wrong = rows[done]
                    embedded.update(held)
                    fault = fault or wrong
                yield RawRow(
                    number=number + done,
                    row={name: _stand_in(row, name, binary) for name in names},
                    cause="encoding" if fault else None,
                    message=fault or "",
                    embedded=frozenset(embedded),
                    has_cells=True,
                )
                done += 1
        except _READ_ERRORS as error:
            damage = f"to row {number + size - 1} (row group {group}) cannot be read: {_reason(error)}"
            yield RawRow(number=number + done, row={}, cause=UNREADABLE, message=damage)
        is_good = is_good or damage is None or done > 0
        number += size
    if damage is not None and not is_good:
        raise ManifestError(f"manifest {manifest} {damage}.", hint="the file is damaged; get it again.")


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _opaque_columns(file: pq.ParquetFile) -> dict[str, str | None]:
    """Return the columns whose bytes stay unread -> name of the struct's bytes field (None: the column itself)."""
    found: dict[str, str | None] = {}
    for schema_field in file.schema_arrow:
        if has_bytes(schema_field.type):
            found[schema_field.name] = "bytes"
        elif is_bytes(schema_field.type) and not _holds_text(file, schema_field.name):
            found[schema_field.name] = None
    return found


def _list_columns(file: pq.ParquetFile) -> list[str]:
    """Return the columns of lists of media bytes, or of structs of bytes and path."""
    kinds = {each.name: each.type for each in file.schema_arrow if is_list(each.type)}
    return [name for name, kind in kinds.items() if is_bytes(kind.value_type) or has_bytes(kind.value_type)]


def _items(file: pq.ParquetFile, group: int, name: str) -> list[tuple[object, list[str], str | None]]:
    """Return, for each row of a row group, a stand-in of the list, the cells that hold bytes, and what is wrong.

    No statistics tell how long the lists are, so the bytes are read, a few rows at a time.
    """
    found: list[tuple[object, list[str], str | None]] = []
    for batch in file.iter_batches(batch_size=_PEEK, row_groups=[group], columns=[name]):
        part = stood_in(name, batch.column(0))
        found += [(value, part.held.get(at, []), part.faults.get(at)) for at, value in enumerate(part.values)]
    return found


def _holds_text(file: pq.ParquetFile, name: str) -> bool:
    # Some writers leave the string annotation out; then names, paths and captions come as bytes.
    for batch in file.iter_batches(batch_size=_PEEK, columns=[name]):
        values = [value for value in batch.column(0).to_pylist() if value is not None]
        try:
            texts = [value.decode("utf-8") for value in values]
        except UnicodeDecodeError:
            return False
        return bool(texts) and all("\0" not in text and len(text) < 1 << 16 for text in texts)
    return False


def _leaves(file: pq.ParquetFile, binary: Mapping[str, str | None], lists: Sequence[str]) -> list[str]:
    leaves = []
    for schema_field in file.schema_arrow:
        name = schema_field.name
        if name in lists:
            continue
        if name not in binary:
            leaves.append(name)
        elif binary[name] is not None:
            leaves += [f"{name}.{inner.name}" for inner in schema_field.type if inner.name != binary[name]]
    return leaves


def _filled(file: pq.ParquetFile, group: int, binary: Mapping[str, str | None]) -> dict[str, bool | list[bool]]:
    """Return, for each opaque column, whether all rows of a row group hold bytes, or a list of which do."""
    meta = file.metadata.row_group(group)
    nulls: dict[str, int | None] = {}
    for index in range(meta.num_columns):
        column = meta.column(index)
        stats = column.statistics
        nulls[column.path_in_schema] = stats.null_count if stats is not None and stats.has_null_count else None
    found: dict[str, bool | list[bool]] = {}
    for name, inner in binary.items():
        leaf = f"{name}.{inner}" if inner else name
        count = nulls.get(leaf)
        if count == 0:
            found[name] = True
        elif count == meta.num_rows:
            found[name] = [False] * meta.num_rows
        else:
            have: list[bool] = []
            for batch in file.iter_batches(batch_size=_PEEK * 4, row_groups=[group], columns=[leaf]):
                column = batch.column(0)
                column = column.field(0) if inner else column
                have += column.is_valid().to_pylist()
            found[name] = have
    return found


def _at(filled: bool | list[bool], index: int) -> bool:
    return filled if isinstance(filled, bool) else filled[index]


def _stand_in(row: Row, name: str, binary: Mapping[str, str | None]) -> object:
    if name not in binary:
        return row[name]
    value = row.get(name)
    return {"bytes": None, **(value if isinstance(value, dict) else {})}


def _leaf_rows(file: pq.ParquetFile, group: int, leaves: Sequence[str]) -> Iterator[tuple[RowDict, str | None]]:
    """Yield the rows of a row group without bytes, each with what is wrong with it."""
    if not leaves:
        yield from (({}, None) for _ in range(file.metadata.row_group(group).num_rows))
        return
    for batch in file.iter_batches(batch_size=_BATCH, row_groups=[group], columns=leaves):
        columns: dict[str, list[object]] = {}
        faults: dict[int, str] = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            columns[name], wrong = plain_values(name, column)
            faults |= wrong
        for index in range(batch.num_rows):
            yield {name: values[index] for name, values in columns.items()}, faults.get(index)
