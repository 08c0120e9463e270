"""Verdicts and codes of two runs: what became of the rows that both have, and how often each outcome occurs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.compare.matching import Match, Matching
from mmcheck.compare.summary import RateChange, Transition
from mmcheck.core.arrays import Mask, Rows
from mmcheck.core.types import Action
from mmcheck.corpus.content_keys import hash_texts
from mmcheck.metrics.rate_difference import difference_of_paired_rates, difference_of_rates, mcnemar
from mmcheck.store.run_folder import RunFolder, read_part

ACTIONS = tuple(action.value for action in Action)
GRAVITY = np.array([("keep", "flag", "unchecked", "quarantine").index(action) for action in ACTIONS])
"""How bad each of ``ACTIONS`` is: a row that was quarantined is lost, an unchecked one may be."""

Numbers = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdicts:
    """The verdicts of a run."""

    actions: Numbers
    """Index into ``ACTIONS``, shape (n,)."""
    rows: dict[str, Rows]
    """Code -> rows that have it, ascending."""
    codes: NDArray[np.uint64]
    """A number for the set of codes of each row, shape (n,)."""

    def has(self, outcome: str) -> Mask:
        """Return which rows have an action or a code, shape (n,)."""
        if outcome in ACTIONS:
            return np.asarray(self.actions == ACTIONS.index(outcome))
        found = np.zeros(len(self.actions), dtype=bool)
        found[self.rows.get(outcome, np.zeros(0, dtype=np.int64))] = True
        return found


def read_verdicts(run: RunFolder) -> RunVerdicts:
    """Return the verdicts of all rows.

    Raises:
        RunError: If a part is missing or damaged.
    """
    actions: list[Numbers] = [np.zeros(0, dtype=np.int8)]
    rows: dict[str, list[Rows]] = defaultdict(list)
    known = pa.array(ACTIONS)
    for shard in run.shards():
        table = read_part(run.verdicts_part(shard), ["action", "codes"])
        actions.append(pc.index_in(table["action"], known).to_numpy().astype(np.int8))
        joined = table["codes"].combine_chunks()
        flat = pc.list_flatten(joined).dictionary_encode()
        parents = pc.list_parent_indices(joined).to_numpy() + shard.start
        numbers = flat.indices.to_numpy(zero_copy_only=False)
        for number, code in enumerate(flat.dictionary.to_pylist()):
            rows[code].append(np.unique(parents[numbers == number]))
    found = {code: np.concatenate(parts) for code, parts in sorted(rows.items())}
    merged = np.concatenate(actions)
    return RunVerdicts(actions=merged, rows=found, codes=_sets(found, len(merged)))


def _sets(rows: dict[str, Rows], count: int) -> NDArray[np.uint64]:
    """Return a number for each row's set of codes: the sum of a hash of each."""
    found = np.zeros(count, dtype=np.uint64)
    for code, own in rows.items():
        with np.errstate(over="ignore"):
            found[own] += hash_texts(pa.array([code]))
    return found


def count_transitions(matching: Matching, before: RunVerdicts, after: RunVerdicts) -> list[Transition]:
    """Return how many rows have which two verdicts, all pairs of verdicts that occur."""
    old, new = before.actions[matching.first], after.actions[matching.second]
    edited = matching.how > Match.RENAMED
    size = len(ACTIONS)
    places = old.astype(np.int64) * size + new
    every = np.bincount(places, minlength=size * size)
    changed = np.bincount(places[edited], minlength=size * size)
    return [
        Transition(
            before=ACTIONS[place // size],
            after=ACTIONS[place % size],
            rows=int(every[place]),
            edited=int(changed[place]),
        )
        for place in np.flatnonzero(every).tolist()
    ]


def compare_rates(matching: Matching, before: RunVerdicts, after: RunVerdicts) -> list[RateChange]:
    """Return how often each action and each code occurs in both runs, the actions first."""
    totals = len(before.actions), len(after.actions)
    codes = {
        code: len(before.rows.get(code, ())) + len(after.rows.get(code, ())) for code in {*before.rows, *after.rows}
    }
    found = []
    for outcome in (*ACTIONS, *sorted(codes, key=lambda code: (-codes[code], code))):
        one, other = before.has(outcome), after.has(outcome)
        hits = int(one.sum()), int(other.sum())
        if not any(hits) and outcome not in ACTIONS:
            continue
        old, new = one[matching.first], other[matching.second]
        gone, came = int((old & ~new).sum()), int((new & ~old).sum())
        both = int((old & new).sum())
        difference = difference_of_rates(hits[0], totals[0], hits[1], totals[1])
        paired = difference_of_paired_rates(both, gone, came, len(old) - both - gone - came)
        found.append(
            RateChange(
                outcome=outcome,
                rows_before=hits[0],
                rows_after=hits[1],
                share_before=hits[0] / totals[0] if totals[0] else None,
                share_after=hits[1] / totals[1] if totals[1] else None,
                difference=None if difference is None else round(difference.difference, 6),
                low=None if difference is None else round(difference.low, 6),
                high=None if difference is None else round(difference.high, 6),
                paired_difference=None if paired is None else round(paired.difference, 6),
                paired_low=None if paired is None else round(paired.low, 6),
                paired_high=None if paired is None else round(paired.high, 6),
                appeared=came,
                disappeared=gone,
                p_value=None if paired is None else mcnemar(gone, came),
            )
        )
    return found
