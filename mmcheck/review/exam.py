"""Pairs that test the reviewer: texts swapped among pairs of the user's own data that are surely right.

Beside them stand as many sure pairs as they are, so that somebody who turns everything down does not pass. Both look
like any other pair; which they are is decided by the seed and the ids alone, so that a restart plants the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats, Rows
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Action
from mmcheck.people.decision import SOUND, Choice, Decision
from mmcheck.review.run_columns import RunColumns, read_metric
from mmcheck.store.run_folder import RunFolder

SWAPPED, UNTOUCHED = "swapped_text", "untouched"
"""What ``exam`` of a record says was planted: another pair's text, or nothing."""
NUM_SWAPPED = 10
"""Pairs with a swapped text, and as many untouched ones. Our own choice: few beside a sample of hundreds, and who
misses half of them is told from who misses none."""
_SURE = 0.05
"""Probability of a mismatch up to which a pair is surely right. Our own choice: the customary level of doubt."""
_SPREAD = 120
"""Places at the head of the list among which the planted pairs are spread. Our own choice: a short session meets
all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One pair of the exam."""

    row: int
    """0-based number of the pair in the run."""
    kind: str
    """Which pair of the row: ``image``, ``audio``."""
    text_of: int
    """Row whose text it is shown with; its own where nothing is planted."""

    @property
    def exam(self) -> str:
        """Return what a record says of it."""
        return UNTOUCHED if self.row == self.text_of else SWAPPED


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamScore:
    """How a reviewer did."""

    caught: int
    """Swapped texts that were not kept."""
    swapped: int
    """Swapped texts that were judged."""
    wronged: int
    """Untouched pairs that were turned down."""
    untouched: int
    """Untouched pairs that were judged."""
    undecided: int
    """Answers that were ``unsure`` or ``skip``."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was answered yet."""
        return not (self.swapped or self.untouched or self.undecided)


def plan_exam(run: RunFolder, columns: RunColumns, taken: Rows) -> list[Planted]:
    """Return the pairs of the exam in a mixed order; empty if the run holds too few sure pairs.

    Args:
        run: A judged run.
        columns: Its ids and verdicts.
        taken: Rows that are looked at anyway; they are not used.
    """
    chosen: list[Planted] = []
    for kind in PAIR_KINDS:
        if kind.posterior not in run.metrics():
            continue
        sure = _sure_rows(columns, read_metric(run, kind.posterior), taken)
        texts = run.samples_table([kind.text])[kind.text]
        ordered = _mix(columns, sure, f"{run.record.seed} {kind.name}")[: 4 * NUM_SWAPPED]
        said = dict(zip(ordered, texts.take(ordered).to_pylist(), strict=True)) if ordered else {}
        swapped = ordered[:NUM_SWAPPED]
        # Each gets the next one's text; equal texts would plant nothing.
        pairs = [(row, swapped[(at + 1) % len(swapped)]) for at, row in enumerate(swapped)]
        chosen += [Planted(row=row, kind=kind.name, text_of=other) for row, other in pairs if said[row] != said[other]]
        chosen += [Planted(row=row, kind=kind.name, text_of=row) for row in ordered[NUM_SWAPPED : 2 * NUM_SWAPPED]]
    rows = np.array(sorted({one.row for one in chosen}), dtype=np.int64)
    order = {row: place for place, row in enumerate(_mix(columns, rows, f"{run.record.seed} exam"))}
    by_row = {one.row: one for one in reversed(chosen)}
    ordered_exam = sorted(by_row.values(), key=lambda one: order[one.row])
    swaps = [one for one in ordered_exam if one.exam == SWAPPED][:NUM_SWAPPED]
    sound = [one for one in ordered_exam if one.exam == UNTOUCHED][: len(swaps)]
    kept = {one.row for one in (*swaps, *sound)}
    return [one for one in ordered_exam if one.row in kept]


def places_of(num_planted: int, num_rows: int, seed: int) -> Rows:
    """Return where the planted pairs stand in the whole list, ascending, shape (num_planted,)."""
    whole = min(num_rows + num_planted, max(_SPREAD, 2 * num_planted))
    places = np.random.default_rng(seed).choice(max(whole, num_planted), size=num_planted, replace=False)
    return np.sort(places).astype(np.int64)


def score_exam(answers: Iterable[Decision]) -> ExamScore:
    """Return how a reviewer did.

    Args:
        answers: Their standing answers to planted pairs.
    """
    counts = dict.fromkeys((SWAPPED, UNTOUCHED), 0)
    right = dict.fromkeys((SWAPPED, UNTOUCHED), 0)
    undecided = 0
    for answer in answers:
        if answer.exam not in counts:
            continue
        if answer.choice in (Choice.UNSURE, Choice.SKIP):
            undecided += 1
            continue
        counts[answer.exam] += 1
        right[answer.exam] += answer.choice not in SOUND
    return ExamScore(
        caught=right[SWAPPED],
        swapped=counts[SWAPPED],
        wronged=right[UNTOUCHED],
        untouched=counts[UNTOUCHED],
        undecided=undecided,
    )


def _sure_rows(columns: RunColumns, posterior: Floats, taken: Rows) -> Rows:
    is_free = np.ones(len(posterior), dtype=bool)
    is_free[taken] = False
    kept = np.zeros(len(posterior), dtype=bool)
    kept[columns.with_action(Action.KEEP)] = True
    return np.flatnonzero(kept & is_free & (np.nan_to_num(posterior, nan=1.0) <= _SURE))


def _mix(columns: RunColumns, rows: Rows, salt: str) -> list[int]:
    names = columns.ids.take(rows).to_pylist() if len(rows) else []
    keys = [hashlib.blake2b(f"{salt}\0{name}".encode(), digest_size=8).digest() for name in names]
    return [row for _, row in sorted(zip(keys, rows.tolist(), strict=True))]
