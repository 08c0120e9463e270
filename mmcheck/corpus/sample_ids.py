"""Ids and texts of single rows of a run, for evidence: read only where wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.corpus.base import ShardTables


def read_ids(shards: Sequence[ShardTables], *rows: NDArray[np.int64]) -> dict[int, str]:
    """Return row number -> id for all the wanted rows of the run; see ``read_texts``."""
    return {row: text or "" for row, text in read_texts(shards, "id", *rows).items()}


def read_texts(shards: Sequence[ShardTables], name: str, *rows: NDArray[np.int64]) -> dict[int, str | None]:
    """Return row number -> what stands in a text column of the samples, for all the wanted rows of the run.

    Args:
        shards: The run's shards.
        name: The column: ``id``, ``caption``, ``transcript``.
        rows: Arrays of any shape with row numbers; negative ones are passed over.
    """
    wanted = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(part.ravel() for part in rows)]))
    wanted = wanted[wanted >= 0]
    found: dict[int, str | None] = {}
    if not len(wanted):
        return found
    start = 0
    for shard in shards:
        column = shard.samples([name])[name]
        stop = start + len(column)
        here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, stop)]
        if len(here):
            found.update(zip(here.tolist(), column.take(pa.array(here - start)).to_pylist(), strict=True))
        start = stop
    return found
