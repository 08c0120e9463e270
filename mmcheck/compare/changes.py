"""The changed rows of a comparison as a table, those whose verdicts got worse first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mmcheck.compare.matching import Match, Matching
from mmcheck.compare.summary import RowExample
from mmcheck.compare.verdicts import ACTIONS, GRAVITY, RunVerdicts
from mmcheck.compare.words import HOW
from mmcheck.core.arrays import Rows
from mmcheck.core.pair_kinds import TEXTS
from mmcheck.store.run_folder import RunFolder, read_part

MAX_LISTED = 100_000
"""Changed rows that are written. Our own choice: bounds memory; a million changed rows are another set."""
_EXAMPLES = 20  # changed verdicts that the summary names; our own choice: one screen
_SIDE = ("index", "id", "manifest", "row_number", "action", "codes", "reason", *TEXTS)
_TYPES = {
    "index": pa.int64(),
    "row_number": pa.int64(),
    "codes": pa.list_(pa.string()),
}
CHANGES = pa.schema(
    [
        ("how", pa.string()),
        *((f"{name}_{side}", _TYPES.get(name, pa.string())) for side in ("before", "after") for name in _SIDE),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The rows that changed."""

    table: pa.Table
    total: int
    """Changed rows in all."""
    other_codes: int
    """Rows that both runs have, with other codes."""
    examples: tuple[RowExample, ...]


def list_changes(
    matching: Matching, runs: tuple[RunFolder, RunFolder], verdicts: tuple[RunVerdicts, RunVerdicts]
) -> Changes:
    """Return the rows that changed: verdicts that got worse first, then better ones, edited, new and vanished rows.

    Args:
        matching: Which rows are the same.
        runs: The earlier and the later one.
        verdicts: Their verdicts.

    Raises:
        RunError: If a part is missing or damaged.
    """
    old, new = verdicts[0].actions[matching.first], verdicts[1].actions[matching.second]
    jump = GRAVITY[new] - GRAVITY[old]
    other_codes = verdicts[0].codes[matching.first] != verdicts[1].codes[matching.second]
    changed = np.flatnonzero((matching.how != Match.SAME) | (old != new) | other_codes)
    # Worse ones by how much, better ones next, then what changed in content or codes alone.
    group = np.where(jump[changed] > 0, 0, np.where(old[changed] != new[changed], 1, 2))
    order = np.lexsort((matching.second[changed], -np.abs(jump[changed]), group))
    paired = changed[order]
    total = len(paired) + len(matching.new) + len(matching.vanished)
    paired = paired[:MAX_LISTED]
    room = MAX_LISTED - len(paired)
    came = matching.new[: max(room - min(len(matching.vanished), room // 2), 0)]
    gone = matching.vanished[: max(room - len(came), 0)]
    none = np.full(max(len(came), len(gone)), -1, dtype=np.int64)
    first = np.concatenate([matching.first[paired], none[: len(came)], gone]).astype(np.int64)
    second = np.concatenate([matching.second[paired], came, none[: len(gone)]]).astype(np.int64)
    how = [HOW[Match(kind)] for kind in matching.how[paired].tolist()]
    columns: dict[str, Any] = {"how": pa.array([*how, *["new"] * len(came), *["vanished"] * len(gone)], pa.string())}
    for side, run, rows in (("before", runs[0], first), ("after", runs[1], second)):
        found = _read(run, rows)
        columns |= {f"{name}_{side}": found[name] for name in _SIDE}
    table = pa.table(columns, schema=CHANGES)
    return Changes(
        table=table,
        total=total,
        other_codes=int(np.count_nonzero(other_codes)),
        examples=tuple(_example(row) for row in table.slice(0, _EXAMPLES).to_pylist() if _is_verdict(row)),
    )


def _is_verdict(row: dict[str, Any]) -> bool:
    return None not in (row["action_before"], row["action_after"]) and row["action_before"] != row["action_after"]


def _example(row: dict[str, Any]) -> RowExample:
    worse = GRAVITY[ACTIONS.index(row["action_after"])] > GRAVITY[ACTIONS.index(row["action_before"])]
    side = "after" if worse else "before"
    return RowExample(
        id_before=row["id_before"],
        id_after=row["id_after"],
        before=row["action_before"],
        after=row["action_after"],
        codes_before=tuple(row["codes_before"]),
        codes_after=tuple(row["codes_after"]),
        how=row["how"],
        reason=row[f"reason_{side}"] or "",
        text=next((row[f"{name}_after"] for name in TEXTS if row[f"{name}_after"]), "")[:200],
    )


def _read(run: RunFolder, rows: Rows) -> pa.Table:
    """Return the rows in the order asked for; nulls for -1."""
    wanted = np.unique(rows[rows >= 0])
    tables = []
    for shard in run.shards():
        here = wanted[np.searchsorted(wanted, shard.start) : np.searchsorted(wanted, shard.stop)]
        if not len(here):
            continue
        places = pa.array(here - shard.start)
        table = read_part(run.samples_part(shard), ["id", "manifest", "row_number", *TEXTS]).take(places)
        told = read_part(run.verdicts_part(shard), ["action", "codes", "findings"]).take(places)
        reasons = [_reason(findings, action) for findings, action in zip(*_lists(told), strict=True)]
        table = table.append_column("index", pa.array(here, pa.int64()))
        table = table.append_column("action", told["action"]).append_column("codes", told["codes"])
        tables.append(table.append_column("reason", pa.array(reasons, pa.string())))
    schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in _SIDE])
    joined = pa.concat_tables([table.select(_SIDE) for table in tables]) if tables else schema.empty_table()
    places = pa.array(np.searchsorted(wanted, np.maximum(rows, 0)), pa.int64(), mask=rows < 0)
    return joined.combine_chunks().take(places)


def _lists(told: pa.Table) -> tuple[list[Any], list[Any]]:
    return told["findings"].to_pylist(), told["action"].to_pylist()


def _reason(findings: list[dict[str, Any]] | None, action: str) -> str | None:
    """Return the sentence of the finding that decided, "" if there is none."""
    found = findings or []
    chosen = next((one for one in found if one["action"] == action), found[0] if found else None)
    return None if chosen is None else chosen["message"]
