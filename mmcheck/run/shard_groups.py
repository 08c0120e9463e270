"""Stored parts, read some shards ahead: while one group of shards is judged, the next one is read.

Reading twenty thousand small files is most of the work of judging a million rows, and it runs outside Python, so that
it costs next to no time beside the judging on a second core. Two groups are in memory at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.core.types import Shard
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import EMBEDDING_PREFIX

_ROWS_AT_ONCE = 8_192
"""Rules are vectorised: judging many shards in one table costs a tenth of judging them one by one. Beyond this many
rows nothing is gained (tables of 50,000 rows leave the processor's cache and cost a fifth more), and memory is lost."""
_READERS = 2
_FILES_A_TASK = 16
_UNREAD = ("evidence",)
"""Columns that no rule and no manifest looks at, and that are most of the bytes of some probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardGroup:
    """The tables of some consecutive shards, row-aligned, each in one chunk."""

    shards: list[Shard]
    samples: pa.Table
    measured: dict[str, pa.Table]
    """Probe or analysis -> its columns, without evidence and embeddings."""


def read_groups(run: RunFolder) -> Iterator[ShardGroup]:
    """Yield the stored shards of a run in order, many at once.

    Raises:
        RunError: If a part is missing or damaged.
    """
    groups = _grouped(run.shards())
    columns = {name: _columns(run, name) for name in run.probes()} if groups else {}
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="read")
    try:
        ahead = _start(pool, run, groups[0], columns) if groups else {}
        for number, shards in enumerate(groups):
            tables = {name: task.result() for name, task in ahead.items()}
            ahead = _start(pool, run, groups[number + 1], columns) if number + 1 < len(groups) else {}
            yield ShardGroup(shards=shards, samples=tables.pop(""), measured=tables)
            del tables
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _grouped(shards: Sequence[Shard]) -> list[list[Shard]]:
    groups: list[list[Shard]] = []
    for shard in shards:
        if not groups or groups[-1][-1].stop - groups[-1][0].start >= _ROWS_AT_ONCE:
            groups.append([])
        groups[-1].append(shard)
    return groups


def _columns(run: RunFolder, name: str) -> list[str] | None:
    """Return the columns that are read of a probe's parts; None (all) where the first part does not tell."""
    try:
        names = pq.read_schema(run.measurements_part(name, run.shards()[0])).names
    except (OSError, pa.ArrowInvalid):
        return None
    return [column for column in names if column not in _UNREAD and not column.startswith(EMBEDDING_PREFIX)]


def _start(
    pool: ThreadPoolExecutor, run: RunFolder, shards: Sequence[Shard], columns: dict[str, list[str] | None]
) -> dict[str, Future[pa.Table]]:
    """Begin to read a group; return the samples (under "") and each probe's table, in the making."""
    parts = {"": [run.samples_part(shard) for shard in shards]}
    parts |= {name: [run.measurements_part(name, shard) for shard in shards] for name in columns}
    joined = {}
    for name, files in parts.items():
        blocks = [files[start : start + _FILES_A_TASK] for start in range(0, len(files), _FILES_A_TASK)]
        # Tasks begin in the order of submission: what a join waits for has begun before it, on another thread.
        joined[name] = pool.submit(_joined, [pool.submit(_read, block, columns.get(name)) for block in blocks])
    return joined


def _read(parts: Sequence[Path], columns: Sequence[str] | None) -> list[pa.Table]:
    return [read_part(part, columns) for part in parts]


def _joined(tasks: Sequence[Future[list[pa.Table]]]) -> pa.Table:
    """Return the parts as one table of one chunk: what comes after works by column, not by part."""
    return pa.concat_tables([table for task in tasks for table in task.result()]).combine_chunks()
