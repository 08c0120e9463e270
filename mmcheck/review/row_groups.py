"""Rows about which one decision can speak: copies of one picture or recording, and rows with one text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Rows
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.review.run_columns import RunColumns, read_metric
from mmcheck.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Rows that share something."""

    key: str
    """What they share: ``same_caption``, ``image_copies`` ..."""
    told: str
    """What they share, for people: "with exactly this caption"."""
    is_text: bool
    """Whether they share the text, so that one edit can stand for all."""
    rows: Rows
    """0-based numbers in the run, ascending, the row itself included."""


class RowGroups:
    """The groups of a run; empty where the analyses that find them did not run.

    Args:
        run: The run.
        columns: Its ids and broken rows.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """

    def __init__(self, run: RunFolder, columns: RunColumns) -> None:
        self._numbers: dict[str, tuple[str, bool, Rows]] = {}
        stored = run.metrics()
        for kind in PAIR_KINDS:
            copies, repeats = f"duplicates.{kind.name}_group", f"repetition.{kind.text}_count"
            if repeats in stored:
                told = f"with exactly this {kind.text_noun}"
                self._add(f"same_{kind.text}", told, True, _number_texts(run, kind, repeats), columns)
            if copies in stored:
                told = f"with nearly the same {kind.medium_noun}"
                numbers = np.nan_to_num(read_metric(run, copies), nan=-1.0).astype(np.int64)
                self._add(f"{kind.name}_copies", told, False, numbers, columns)

    def of(self, row: int) -> list[RowGroup]:
        """Return the groups of a row that hold other rows too."""
        found = []
        for key, (told, is_text, numbers) in self._numbers.items():
            if numbers[row] >= 0:
                members = np.flatnonzero(numbers == numbers[row])
                if len(members) > 1:
                    found.append(RowGroup(key=key, told=told, is_text=is_text, rows=members))
        return found

    def _add(self, key: str, told: str, is_text: bool, numbers: Rows, columns: RunColumns) -> None:
        numbers[columns.broken] = -1
        if (numbers >= 0).any():
            self._numbers[key] = (told, is_text, numbers)


def _number_texts(run: RunFolder, kind: PairKind, repeats: str) -> Rows:
    """Return a number for each text that several rows have, -1 for all other rows, shape (rows,)."""
    numbers = np.full(run.record.rows, -1, dtype=np.int64)
    rows = np.flatnonzero(np.nan_to_num(read_metric(run, repeats)) > 1)
    if len(rows):
        texts = run.samples_table([kind.text])[kind.text].take(rows).combine_chunks().dictionary_encode()
        numbers[rows] = texts.indices.fill_null(-1).to_numpy()
    return numbers
