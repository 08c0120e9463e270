"""Rows of the Arrow streams that ``datasets`` writes, read from where they lie; media bytes are not copied.

A stream is looked through before anything in it is believed: offsets that lead out of the file would crash Arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pyarrow as pa

from mmcheck.core.errors import ManifestError
from mmcheck.core.types import RowDict
from mmcheck.formats.arrow_values import bad_name, is_list, stood_in
from mmcheck.formats.rows import RawRow

_BATCH = 256  # rows made at once; our own choice: bounds memory


@dataclass(frozen=True, slots=True)
class ArrowStream:
    """An open stream."""

    path: str
    schema: pa.Schema
    _reader: pa.RecordBatchReader

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches that are left.

        Raises:
            ManifestError: If one is not whole.
        """
        while True:
            try:
                batch = self._reader.read_next_batch()
                _check(batch)
            except StopIteration:
                return
            except (pa.ArrowException, OSError) as error:
                raise _damaged(self.path, error) from error
            yield batch


@contextmanager
def open_stream(path: str) -> Iterator[ArrowStream]:
    """Yield an open Arrow stream.

    Raises:
        ManifestError: If it is not there or is none.
    """
    with ExitStack() as stack:
        try:
            reader = stack.enter_context(pa.ipc.open_stream(stack.enter_context(pa.memory_map(path))))
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error
        _check_names(path, reader.schema)
        yield ArrowStream(path, reader.schema, reader)


def read_rows(path: str) -> Iterator[RawRow]:
    """Yield the rows of a stream; where a cell holds media bytes, the row has a stand-in and says so.

    Raises:
        ManifestError: If the stream is not there or not whole.
    """
    number = 0
    with open_stream(path) as stream:
        for batch in stream.batches():
            for start in range(0, batch.num_rows, _BATCH):
                part = batch.slice(start, _BATCH)
                columns = [stood_in(name, part.column(place)) for place, name in enumerate(part.schema.names)]
                for index in range(part.num_rows):
                    number += 1
                    row: RowDict = {}
                    embedded: list[str] = []
                    fault = None
                    for column in columns:
                        row[column.name] = column.values[index]
                        embedded += column.held.get(index, ())
                        fault = fault or column.faults.get(index)
                    yield RawRow(
                        number=number,
                        row=row,
                        cause="encoding" if fault else None,
                        message=fault or "",
                        embedded=frozenset(embedded),
                        has_cells=True,
                    )


def _check_names(path: str, fields: Iterable[pa.Field]) -> None:
    """Check that the names of columns, and of members inside them, are text.

    Raises:
        ManifestError: If one is not.
    """
    for each in fields:
        try:
            _ = each.name
        except UnicodeDecodeError as error:
            raise bad_name(path, error) from error
        kind = each.type
        _check_names(path, (kind.field(place) for place in range(kind.num_fields)))


def _check(batch: pa.RecordBatch) -> None:
    """Check that offsets stay inside the batch; text that is no text is for the rows to tell.

    Raises:
        ArrowInvalid: If they do not.
    """
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            _as_bytes(column).validate(full=True)


def _as_bytes(column: pa.Array) -> pa.Array:
    """Return a column with its texts as bytes, so that only their offsets are looked at."""
    kind = column.type
    if pa.types.is_string(kind):
        return column.view(pa.binary())
    if pa.types.is_large_string(kind):
        return column.view(pa.large_binary())
    if pa.types.is_struct(kind):
        inner = [_as_bytes(column.field(place)) for place in range(kind.num_fields)]
        return pa.StructArray.from_arrays(inner, names=[each.name for each in kind])
    if is_list(kind):
        return type(column).from_arrays(column.offsets, _as_bytes(column.values))
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(_as_bytes(column.values), kind.list_size)
    return column


def _damaged(path: str, error: BaseException) -> ManifestError:
    said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return ManifestError(
        f"{path} is not a whole Arrow stream: {said}.", hint="it is damaged or cut short; get it again."
    )
