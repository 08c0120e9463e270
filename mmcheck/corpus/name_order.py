"""Which of several equal rows comes first: by their names, so that the order of the rows in a manifest decides nothing.

Of equal files the one with the shortest name stands first, then the alphabet decides: ``cat.jpg`` before
``cat (1).jpg``, ``9`` before ``10``. A name is the row's id, which is its own or the path of its medium. The number
that a repeated id was given, and an id that is the number of a row, tell the order again, so they are left out; there
the rows' other columns decide, by a hash. Rows that are equal in all of that can be exchanged for each other.

About fifty bytes a wanted row are kept while they are sorted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.core.arrays import Mask, Rows
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.content_keys import hash_texts

_COLUMNS = ("id", "own_id", "manifest", "row_number", "row")
_KEYS = ("length", "name", "content", "row")


def rank_by_name(shards: Sequence[ShardTables], wanted: Mask | None = None) -> Rows:
    """Return the place of each row of the run by its name, distinct numbers from 0, shape (n,).

    Args:
        shards: The run's shards.
        wanted: Which rows are asked for, shape (n,); the places of others say nothing. None: all.
    """
    parts: list[pa.Table] = []
    start = 0
    for shard in shards:
        samples = shard.samples(_COLUMNS)
        here = np.arange(start, start + samples.num_rows)
        start += samples.num_rows
        if wanted is not None:
            here = here[wanted[here]]
            samples = samples.filter(pa.array(wanted[start - samples.num_rows : start]))
        if len(here):
            parts.append(_names(samples, here))
    place = np.arange(start, dtype=np.int64)
    if not parts:
        return place
    table = pa.concat_tables(parts)
    order = pc.sort_indices(table, sort_keys=[(key, "ascending") for key in _KEYS]).to_numpy()
    rows = table["row"].to_numpy()[order]
    # The wanted rows share out their own numbers, so that all stay distinct.
    place[rows] = np.sort(rows)
    return place


def _names(samples: pa.Table, rows: Rows) -> pa.Table:
    ids, manifests = (samples[name].combine_chunks().cast(pa.string()) for name in ("id", "manifest"))
    base = pc.replace_substring_regex(ids, r"#\d+$", "")
    file = pc.replace_substring_regex(manifests, r"^.*[/\\]", "")
    number = pc.binary_join_element_wise(file, samples["row_number"].combine_chunks().cast(pa.string()), ":")
    derived = pc.invert(pc.fill_null(samples["own_id"].combine_chunks(), False))
    name = pc.if_else(pc.and_(derived, pc.equal(base, number)), "", base)
    content = hash_texts(samples["row"].combine_chunks().cast(pa.string()))
    return pa.table(
        {"length": pc.utf8_length(name), "name": name.cast(pa.large_string()), "content": content, "row": rows}
    )
