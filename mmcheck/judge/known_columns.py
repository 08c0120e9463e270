"""Whether a run's rows have the columns that the rules look at: told before anything is measured or judged."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import COLUMN_PREFIX
from mmcheck.core.errors import ConfigError
from mmcheck.judge.columns import ABSENT, find_value, iter_rows, list_names
from mmcheck.judge.policy import Policy
from mmcheck.store.run_folder import read_part

_MOST_NAMES = 10_000
"""Names of columns that are remembered; our own choice: bounds memory where every row has names of its own."""
_LISTED = 40  # names that the error lists; our own choice: more are not read


def refuse_unknown_columns(policy: Policy, parts: Iterable[Path]) -> None:
    """Refuse rules on a column that no row of the run has.

    The first row that has all of them ends the search, so it costs nothing unless there is something to tell.

    Args:
        policy: The rules.
        parts: The run's stored samples.

    Raises:
        ConfigError: Naming every such column, the nearest name, and the columns that there are.
        RunError: If a part is missing or damaged.
    """
    wanted = list(policy.columns)
    names: dict[str, None] = {}
    for part in parts:
        if not wanted:
            return
        for row in iter_rows(_sound_rows(read_part(part, ["row", "problem"]))):
            wanted = [name for name in wanted if find_value(row, name) is ABSENT]
            if not wanted:
                return
            if len(names) < _MOST_NAMES:
                names |= dict.fromkeys(list_names(row))
    if wanted and names:
        raise _unknown(policy, wanted, list(names))


def _sound_rows(table: pa.Table) -> pa.Array:
    sound = pc.is_null(table["problem"])
    return table["row"].filter(sound)


def _unknown(policy: Policy, wanted: Sequence[str], names: Sequence[str]) -> ConfigError:
    faults = [
        f"rules.{rule}: no row has the column {name!r}" + _nearest(name, names)
        for name in wanted
        for rule in policy.rules_on(name)
    ]
    told = faults[0] + "." if len(faults) == 1 else "\n".join(["the rules name columns that no row has:", *faults])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ConfigError(told, hint=f"the columns of the manifest are: {', '.join(names[:_LISTED])}{more}.")


def _nearest(name: str, names: Sequence[str]) -> str:
    folded = {other.lower(): other for other in reversed(names)}
    last = {other.rpartition(".")[2].lower(): other for other in reversed(names)}
    bare = name.rpartition(".")[2].lower()
    found = folded.get(name.lower()) or last.get(bare)
    if found is None:
        near = difflib.get_close_matches(name.lower(), folded, n=1)
        nearest = difflib.get_close_matches(bare, last, n=1)
        found = folded[near[0]] if near else last[nearest[0]] if nearest else None
    return f"; did you mean {COLUMN_PREFIX}{found}?" if found else ""
