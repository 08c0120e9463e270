"""All findings of a run as columns, and the fair choice of those that are shown.

Only numbers are taken out of the verdicts, part by part, so that a run of millions costs little; texts are read later
and for the chosen rows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.core.types import Action
from mmcheck.report.histograms import ACTIONS

Ints = npt.NDArray[np.int64]

NO_FINDING = "no_finding"
"""Stands in for the code of a pair that is not kept although nothing says why."""

_KEEP = ACTIONS.index(Action.KEEP)
_QUARANTINE = ACTIONS.index(Action.QUARANTINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCount:
    """How often one finding code occurs among the pairs that are not kept."""

    code: str
    """The code."""
    rule: str
    """The rule that it belongs to."""
    metric: str | None
    """The metric that the rule looked at."""
    action: str
    """The gravest action that it asked for."""
    pairs: int
    """Pairs that have it."""
    rows: Ints
    """These pairs (0-based), worst first."""
    message: str
    """The message of the worst of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRows:
    """The findings of a run."""

    actions: npt.NDArray[np.int8]
    """Shape (rows,): index into ``ACTIONS``."""
    codes: tuple[CodeCount, ...]
    """One entry a code, most frequent first."""
    by_rule: dict[str, int]
    """Rule -> pairs in which it found something."""


def read_findings(parts: Sequence[Callable[[], pa.Table]]) -> FindingRows:
    """Return the findings of a run.

    Args:
        parts: Each returns some consecutive rows of the verdicts, with the columns ``action`` and ``findings``; called
            once, and again for the words of the worst findings.
    """
    flats: list[_Flat] = []
    codes, rules = _Numbers(), _Numbers()
    start = 0
    for part in parts:
        table = part()
        flats.append(_flatten(table, start, codes, rules))
        start += table.num_rows
    joined = {name: np.concatenate([getattr(flat, name) for flat in flats] or [_EMPTY]) for name in _FLAT_COLUMNS}
    actions, rows, severity = joined["actions"].astype(np.int8), joined["rows"].astype(np.int64), joined["severity"]
    wanted = joined["wanted"].astype(np.int8)
    starts = np.cumsum([0, *(len(flat.rows) for flat in flats)])
    taken = actions[rows] != _KEEP if rows.size else np.zeros(0, dtype=bool)

    by_rule: dict[str, int] = {}
    for rule, number in rules.known.items():
        by_rule[rule] = int(np.unique(rows[joined["rules"] == number]).size)
    counts = []
    for code, number in codes.known.items():
        mine = np.flatnonzero((joined["codes"] == number) & taken)
        if not mine.size:
            continue
        order = mine[np.argsort(-severity[mine], kind="stable")]
        place = int(np.searchsorted(starts, order[0], side="right")) - 1
        worst = pc.list_flatten(parts[place]()["findings"])[int(order[0] - starts[place])].as_py()
        asked = wanted[mine]
        counts.append(
            CodeCount(
                code=code,
                rule=worst["rule"] or "",
                metric=worst["metric"],
                action=ACTIONS[_gravest(asked)].value,
                pairs=int(np.unique(rows[mine]).size),
                rows=_unique_in_order(rows[order]),
                message=worst["message"] or "",
            )
        )
    explained = np.zeros(actions.size, dtype=bool)
    explained[rows] = True
    silent = np.flatnonzero((actions != _KEEP) & ~explained)
    if silent.size:
        counts.append(
            CodeCount(
                code=NO_FINDING,
                rule="",
                metric=None,
                action=ACTIONS[_gravest(actions[silent])].value,
                pairs=int(silent.size),
                rows=silent,
                message="",
            )
        )
    counts.sort(key=lambda count: (-count.pairs, count.code))
    return FindingRows(actions=actions, codes=tuple(counts), by_rule=by_rule)


def choose_rows(findings: FindingRows, limit: int) -> list[int]:
    """Return at most ``limit`` pairs that are not kept, fairly spread over the codes, in the order of the page.

    Each code in turn gives its worst pair that is not chosen yet, rare codes first, so that a code with a hundred
    thousand pairs cannot crowd out one with three. On the page quarantined pairs come first, then flagged ones.
    """
    queues = [iter(code.rows.tolist()) for code in sorted(findings.codes, key=lambda code: (code.pairs, code.code))]
    chosen: dict[int, None] = {}
    while queues and len(chosen) < limit:
        for queue in list(queues):
            row = next((row for row in queue if row not in chosen), None)
            if row is None:
                queues.remove(queue)
            elif len(chosen) < limit:
                chosen[row] = None
    return sorted(chosen, key=lambda row: _rank(int(findings.actions[row])))


def _rank(action: int) -> int:
    return {_QUARANTINE: 0, ACTIONS.index(Action.FLAG): 1}.get(action, 2)


def _gravest(actions: npt.NDArray[np.int8]) -> int:
    return min((int(action) for action in np.unique(actions)), key=_rank)


def _actions(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int8]:
    known = pa.array([action.value for action in ACTIONS])
    found = pc.fill_null(pc.index_in(column, value_set=known), ACTIONS.index(Action.UNCHECKED))
    return np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()).astype(
        np.int8
    )


class _Numbers:
    """Words by number, in the order in which they were met."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def encode(self, column: pa.Array) -> Ints:
        encoded = pc.dictionary_encode(pc.fill_null(column, ""))
        words = [self.known.setdefault(word, len(self.known)) for word in encoded.dictionary.to_pylist()]
        places = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        numbers: Ints = np.asarray(words, dtype=np.int64)[places]
        return numbers


@dataclass(frozen=True, slots=True)
class _Flat:
    """What is kept of one part."""

    actions: npt.NDArray[np.int8]
    rows: Ints
    codes: npt.NDArray[np.int32]
    rules: npt.NDArray[np.int32]
    severity: npt.NDArray[np.float64]
    wanted: npt.NDArray[np.int8]


_FLAT_COLUMNS = ("actions", "rows", "codes", "rules", "severity", "wanted")
_EMPTY = np.zeros(0)


def _flatten(table: pa.Table, start: int, codes: _Numbers, rules: _Numbers) -> _Flat:
    findings = table["findings"].combine_chunks()
    if isinstance(findings, pa.ChunkedArray):
        findings = pa.concat_arrays(findings.chunks) if findings.num_chunks else pa.array([], findings.type)
    rows = pc.list_parent_indices(findings).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = pc.list_flatten(findings)
    return _Flat(
        _actions(table["action"]),
        rows + start,
        codes.encode(pc.struct_field(flat, "code")).astype(np.int32),
        rules.encode(pc.struct_field(flat, "rule")).astype(np.int32),
        _severity(pc.struct_field(flat, "observed"), pc.struct_field(flat, "limit")),
        _actions(pc.struct_field(flat, "action")),
    )


def _severity(observed: pa.Array, limit: pa.Array) -> npt.NDArray[np.float64]:
    distance = np.abs(_floats(observed) - _floats(limit))
    return np.nan_to_num(distance, nan=0.0)


def _floats(column: pa.Array) -> npt.NDArray[np.float64]:
    # Absent becomes NaN; NaN never reaches a sum here.
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _unique_in_order(rows: Ints) -> Ints:
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]
