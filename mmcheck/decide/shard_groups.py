"""Stored parts, read some shards ahead: while one group of shards is judged, the next one is read.

Reading twenty thousand small files is most of the work of judging a million rows, and it runs outside Python, so that
it costs next to no time beside the judging on a second core. Two groups are in memory at most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mmcheck.core.errors import RunError
from mmcheck.core.types import Shard
from mmcheck.store.run_folder import RunFolder, read_measured, read_part
from mmcheck.store.schema import byte_columns, digest_ids, load_json

_FEWEST_ROWS, _MOST_ROWS = 8_192, 50_000
"""Rows judged in one table, at least and at most. Measured: judging many shards in one table costs a tenth of judging
them one by one; a group costs some 20 ms however small it is, and each of its rows half a kilobyte however large the
run is. So it is a twentieth of the run, within these bounds: a hundred thousand rows take hardly more memory than ten
thousand, and a million are judged in five sixths of the time that small groups would take."""
_READERS = 2  # threads that read ahead; our own choice: one waits for the disk while another decodes
_FILES_A_TASK = 16
"""Files that one of them reads in turn. Our own choice: handing over single ones costs more than reading them."""
_EVIDENCE = "evidence"
_UNREAD = (_EVIDENCE, "sample_id")
"""Columns that no rule and no manifest looks at, beside those of bytes: the first is most of the bytes of some probes,
the second is known from the label of the part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardGroup:
    """The tables of some consecutive shards, row-aligned, each in one chunk."""

    shards: list[Shard]
    samples: pa.Table
    measured: dict[str, pa.Table]
    """Probe or analysis -> its columns, without evidence and embeddings, but with what a model heard (``HEARD``)."""


HEARD = "heard"
"""Column of text that stands in place of the evidence of a probe that transcribes."""
_HYPOTHESIS = "hypothesis"
"""Member of the evidence with what was heard."""


def read_groups(run: RunFolder, heard_by: Collection[str] = ()) -> Iterator[ShardGroup]:
    """Yield the stored shards of a run in order, many at once.

    Args:
        run: The run.
        heard_by: Probes of which is read what they heard, too.

    Raises:
        RunError: If a part is missing or damaged.
    """
    groups = _grouped(run.shards())
    columns = {name: _columns(run, name, heard_by) for name in run.probes()} if groups else {}
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="read")
    try:
        ahead = _start(pool, run, groups[0], columns) if groups else {}
        for number, shards in enumerate(groups):
            parts = {name: task.result() for name, task in ahead.items()}
            ahead = _start(pool, run, groups[number + 1], columns) if number + 1 < len(groups) else {}
            samples, ids = parts.pop("")
            for name, (_, found) in parts.items():
                _check(run, name, shards, ids, found)
            yield ShardGroup(
                shards=shards, samples=samples, measured={name: table for name, (table, _) in parts.items()}
            )
            del parts, samples
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check(run: RunFolder, name: str, shards: Sequence[Shard], wanted: Sequence[str], found: Sequence[str]) -> None:
    for shard, one, other in zip(shards, wanted, found, strict=True):
        if one != other:
            raise RunError(
                f"{run.measurements_part(name, shard)} belongs to other samples than the run's, or to another order.",
                hint="the run folder was changed by hand; scan again into a new one.",
            )


def _grouped(shards: Sequence[Shard]) -> list[list[Shard]]:
    rows = min(max(shards[-1].stop // 20, _FEWEST_ROWS), _MOST_ROWS) if shards else 0
    groups: list[list[Shard]] = []
    for shard in shards:
        if not groups or groups[-1][-1].stop - groups[-1][0].start >= rows:
            groups.append([])
        groups[-1].append(shard)
    return groups


def _columns(run: RunFolder, name: str, heard_by: Collection[str]) -> list[str]:
    """Return the columns that are read of a probe's parts, as the first part has them.

    Raises:
        RunError: If it is missing or damaged.
    """
    first = read_part(run.measurements_part(name, run.shards()[0]))
    unread = {*_UNREAD, *byte_columns(first)}
    if name in heard_by:
        unread.discard(_EVIDENCE)
    return [column for column in first.column_names if column not in unread]


_Task = Future[tuple[pa.Table, list[str]]]
"""The parts of a group in one table, and the digest of the sample ids of each."""


def _start(
    pool: ThreadPoolExecutor, run: RunFolder, shards: Sequence[Shard], columns: Mapping[str, Sequence[str]]
) -> dict[str, _Task]:
    """Begin to read a group; return the samples (under "") and each probe's table, in the making."""
    parts = {"": [run.samples_part(shard) for shard in shards]}
    parts |= {name: [run.measurements_part(name, shard) for shard in shards] for name in columns}
    joined = {}
    for name, files in parts.items():
        blocks = [files[start : start + _FILES_A_TASK] for start in range(0, len(files), _FILES_A_TASK)]
        # Tasks begin in the order of submission: what a join waits for has begun before it, on another thread.
        joined[name] = pool.submit(_joined, [pool.submit(_read, block, columns.get(name)) for block in blocks])
    return joined


def _read(parts: Sequence[Path], columns: Sequence[str] | None) -> list[tuple[pa.Table, str]]:
    if columns is not None:
        read = [read_measured(part, columns) for part in parts]
        return [(_with_heard(table), ids) for table, ids in read] if _EVIDENCE in columns else read
    tables = [read_part(part) for part in parts]
    return [(table, digest_ids(table["id"])) for table in tables]


def _with_heard(table: pa.Table) -> pa.Table:
    """Return a probe's columns with what it heard in place of its evidence, which is many times longer."""
    if _EVIDENCE not in table.column_names:
        return table
    heard = [
        load_json(text).get(_HYPOTHESIS) if text and f'"{_HYPOTHESIS}"' in text else None
        for text in table[_EVIDENCE].to_pylist()
    ]
    return table.drop_columns([_EVIDENCE]).append_column(HEARD, pa.array(heard, pa.string()))


def _joined(tasks: Sequence[Future[list[tuple[pa.Table, str]]]]) -> tuple[pa.Table, list[str]]:
    """Return the parts as one table of one chunk: what comes after works by column, not by part."""
    found = [pair for task in tasks for pair in task.result()]
    return pa.concat_tables([table for table, _ in found]).combine_chunks(), [ids for _, ids in found]
