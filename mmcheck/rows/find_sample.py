"""Rows of a run by what people know of them: an id, the path of a medium, or manifest and row number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from mmcheck.core.errors import UserError
from mmcheck.core.pair_kinds import MEDIA
from mmcheck.store.run_folder import RunFolder, read_part

_PLACE = re.compile(r"(?P<manifest>.+):(?P<row>\d+)")
_NEAR = 3  # ids that are suggested; our own choice: a message stays readable
_LEAST_ALIKE = 60.0
"""How alike a suggested id must be, in per cent of rapidfuzz's ratio. Our own choice: a typing error or two."""

Mask = NDArray[np.bool_]


def find_rows(run: RunFolder, name: str) -> list[int]:
    """Return the numbers (0-based) of the rows that a name means, in order; several where rows share a medium.

    An id comes first; only where no row has it, the name is taken for the path of a medium (as the manifest has it,
    from here, its end, or a member of an archive), and then for ``manifest:row``.

    Args:
        run: The run.
        name: What the user gave.

    Raises:
        UserError: If no row is meant (names the nearest ids).
        RunError: If the run is damaged.
    """
    by_id: list[int] = []
    by_path: list[int] = []
    by_place: list[int] = []
    near: list[tuple[float, str]] = []
    place = _PLACE.fullmatch(name)
    for shard in run.shards():
        table = read_part(run.samples_part(shard), ["id", "manifest", "row_number", *MEDIA])
        ids = table["id"].combine_chunks()
        by_id += _numbers(_equal(ids, name), shard.start)
        if by_id:
            continue
        by_path += _numbers(_has_path(table, name), shard.start)
        if place is not None:
            manifests = table["manifest"].combine_chunks()
            named = _equal(manifests, place["manifest"]) | _ends(manifests, place["manifest"])
            by_place += _numbers(named & _equal(table["row_number"].combine_chunks(), int(place["row"])), shard.start)
        if not by_path and not by_place:
            found = process.extract(name, ids.to_pylist(), scorer=fuzz.ratio, limit=_NEAR, score_cutoff=_LEAST_ALIKE)
            near = sorted([*near, *((-score, one) for one, score, _ in found)])[:_NEAR]
    if found_rows := by_id or by_path or by_place:
        return found_rows
    listed = " or ".join(repr(one) for _, one in near)
    raise UserError(
        f"{run.path} has no row {name!r}: no id, no path of a medium and no manifest:row is that.",
        hint=f"did you mean {listed}?"
        if near
        else "`mmcheck worst RUN` lists ids; a path or manifest:17 will do, too.",
    )


def _has_path(table: pa.Table, name: str) -> Mask:
    found = np.zeros(table.num_rows, dtype=bool)
    here = str(Path(name).absolute()) if "://" not in name else name
    uri, _, member = name.partition("::")
    for medium in MEDIA:
        column = table[medium].combine_chunks()
        if column.null_count == len(column):
            continue
        uris, members = pc.struct_field(column, "uri"), pc.struct_field(column, "member")
        found |= _equal(uris, name) | _equal(uris, here) | _ends(uris, name) | _equal(members, name)
        if member:
            found |= (_equal(uris, uri) | _ends(uris, uri)) & _equal(members, member)
    return found


def _equal(column: pa.Array, value: object) -> Mask:
    return _mask(pc.equal(column, pa.scalar(value, column.type)))


def _ends(column: pa.Array, end: str) -> Mask:
    return _mask(pc.ends_with(column, f"/{end.lstrip('/')}"))


def _mask(column: pa.Array) -> Mask:
    found: Mask = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
    return found


def _numbers(mask: Mask, start: int) -> list[int]:
    return [int(row) + start for row in np.flatnonzero(mask)]
