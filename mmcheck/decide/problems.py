"""The problems of a run that matter most, each with its worst row: what a person wants to know first.

Counted while judging, so that the end of a scan reads nothing again. A row counts for the rules that decide about it:
a duplicate that is quarantined for its caption is no problem of duplicates any more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Action, MediaRef
from mmcheck.store.run_summary import Problem, ProblemExample

MOST_TOLD = 3
"""Problems that summary.json and the end of a scan tell. Given by the screen: more are in the table of findings."""
_WEIGHTS = {Action.QUARANTINE: 4, Action.UNCHECKED: 2, Action.FLAG: 1}
"""What a row counts by its verdict. Our own choice: four rows that are worth a look weigh as much as one that is wrong,
so that a wide-spread fault is told before a rare one, unless the rare one is graver."""
_LONGEST = 300  # characters of an example's text; our own choice: it has to be recognised, not read


@dataclass(slots=True)
class _Rule:
    rows: int = 0
    action: Action = Action.FLAG
    codes: Counter[str] = field(default_factory=Counter)
    rank: tuple[bool, float] = (False, -1.0)
    """Of the example: whether nothing else is wrong with its row, and how far its value lies beyond the limit."""
    example: ProblemExample | None = None


class Problems:
    """Counts as the shards go by."""

    def __init__(self) -> None:
        self._rules: dict[str, _Rule] = {}

    def add(self, samples: pa.Table, verdicts: pa.Table) -> None:
        """Count one group of shards.

        Args:
            samples: Its samples.
            verdicts: Their verdicts, row-aligned.
        """
        findings = verdicts["findings"].combine_chunks()
        rows = pc.list_parent_indices(findings).to_numpy(zero_copy_only=False)
        flat = pc.list_flatten(findings)
        actions = verdicts["action"].combine_chunks().take(pa.array(rows))
        asked = pc.struct_field(flat, "action")
        # That people kept a row is a finding, but no problem.
        decides = pc.and_(pc.equal(asked, actions), pc.not_equal(asked, Action.KEEP.value))
        decides = decides.to_numpy(zero_copy_only=False)
        places = np.flatnonzero(decides)
        rules = pc.struct_field(flat, "rule").take(pa.array(places)).dictionary_encode()
        numbers = rules.indices.to_numpy(zero_copy_only=False)
        severity = _distance(flat)
        # A blank image whose caption does not fit either shows the reader another problem than the one it stands for.
        is_only = np.bincount(rows[places], minlength=samples.num_rows)[rows] == 1
        for number, name in enumerate(rules.dictionary.to_pylist()):
            self._count(name, places[numbers == number], rows, flat, severity, is_only, samples)

    def _count(
        self,
        name: str,
        places: NDArray[np.int64],
        rows: NDArray[np.int64],
        flat: pa.StructArray,
        severity: NDArray[np.float64],
        is_only: NDArray[np.bool_],
        samples: pa.Table,
    ) -> None:
        rule = self._rules.setdefault(name, _Rule())
        mine = rows[places]
        first = np.insert(mine[1:] != mine[:-1], 0, True)  # both pairs of a row may have a finding of the same rule
        rule.rows += int(first.sum())
        codes = pc.struct_field(flat, "code").take(pa.array(places[first]))
        rule.codes.update({one["values"].as_py(): one["counts"].as_py() for one in pc.value_counts(codes)})
        worst = places[int(np.lexsort((-np.arange(len(places)), severity[places], is_only[places]))[-1])]
        rank = bool(is_only[worst]), float(severity[worst])
        if rank > rule.rank:
            finding = flat[int(worst)].as_py()
            rule.rank, rule.action = rank, Action(finding["action"])
            rule.example = _example(samples.slice(int(rows[worst]), 1).to_pylist()[0], finding)

    def most_important(self) -> list[Problem]:
        """Return the problems that matter most, the first one most of all, by rows and by what becomes of them."""
        order = sorted(
            ((name, rule) for name, rule in self._rules.items() if rule.example is not None),
            key=lambda item: (-item[1].rows * _WEIGHTS.get(item[1].action, 0), item[0]),
        )
        return [
            {
                "rule": name,
                "action": rule.action.value,
                "rows": rule.rows,
                "codes": dict(sorted(rule.codes.items(), key=lambda item: (-item[1], item[0]))),
                "example": rule.example,
            }
            for name, rule in order[:MOST_TOLD]
            if rule.example is not None
        ]


def _distance(flat: pa.StructArray) -> NDArray[np.float64]:
    """Return how far each finding's value lies beyond its limit; 0 where there is none."""
    observed, limit = (
        np.asarray(pc.struct_field(flat, name).to_numpy(zero_copy_only=False), dtype=np.float64)
        for name in ("observed", "limit")
    )
    return np.nan_to_num(np.abs(observed - limit), nan=0.0)


def _example(row: dict[str, object], finding: dict[str, object]) -> ProblemExample:
    pairs = [(row[kind.medium], row[kind.text]) for kind in PAIR_KINDS]
    medium = next((medium for medium, _ in pairs if medium is not None), None)
    text = next((text for _, text in pairs if text is not None), None)
    return {
        "id": str(row["id"]),
        "text": None if text is None else str(text)[:_LONGEST],
        "reason": str(finding["message"] or ""),
        "path": MediaRef(**medium).place if isinstance(medium, dict) else None,
        "manifest": str(row["manifest"]),
        "row_number": int(str(row["row_number"])),
    }
