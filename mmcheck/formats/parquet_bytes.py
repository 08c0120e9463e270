"""What the byte columns of a Parquet file hold, by their first values: for columns whose names do not tell."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.core.inline_media import bytes_kind
from mmcheck.formats.paths import Modality

_PEEK = 8  # rows looked at to learn what a column holds; our own choice: cells may hold whole media


def kinds_of_bytes(file: pq.ParquetFile, columns: Mapping[str, str | None]) -> dict[str, Modality]:
    """Return which of the columns hold images or recordings.

    Args:
        file: The file.
        columns: Columns of bytes -> name of the struct's bytes field (None: the column itself).
    """
    found: dict[str, Modality] = {}
    for name, inner in columns.items():
        kinds = {bytes_kind(value) for value in _first_values(file, name, inner)}
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is not None:
            found[name] = kind
    return found


def _first_values(file: pq.ParquetFile, name: str, inner: str | None) -> list[bytes]:
    try:
        leaf = f"{name}.{inner}" if inner is not None else name
        batch = next(file.iter_batches(batch_size=_PEEK, columns=[leaf]), None)
    except (pa.ArrowException, OSError):
        # Damage is told where the rows are read.
        return []
    cells = batch.column(0).to_pylist() if batch is not None else []
    values = [cell.get(inner) if inner is not None and isinstance(cell, dict) else cell for cell in cells]
    return [value for value in values if isinstance(value, bytes) and value]
