"""The tables that commands on finished runs write, for programs and for people who read lines."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from mmcheck.core.atomic import atomic_path
from mmcheck.store.schema import dump_json, write_part

_ROWS = 4096  # rows turned into text at once; our own choice: bounds memory


def write_result(folder: Path, name: str, table: pa.Table) -> None:
    """Write a table as ``<name>.parquet`` and ``<name>.jsonl``.

    Raises:
        OutputError: If it cannot be written.
    """
    write_part(folder / f"{name}.parquet", table, {})
    with atomic_path(folder / f"{name}.jsonl") as temporary, temporary.open("wb") as file:
        for batch in table.to_batches(max_chunksize=_ROWS):
            file.write("".join(f"{dump_json(row)}\n" for row in batch.to_pylist()).encode())
