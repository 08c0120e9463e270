"""The manifest files of a run, and which arrangement of its media and texts explains each.

Walking a whole file under an arrangement is dear, so arrangements are first tried on windows spread over the file; only
those that clearly explain more than the file as it stands are walked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Rows
from mmcheck.repair.constants import BETTER_FACTOR, BETTER_GAIN, DISPLACED_SHARE, FILE_MIN_SUSPECTS, MORE_SUPPORT
from mmcheck.repair.displacement import Displacement, find_displacements, suspect_zones
from mmcheck.repair.evidence import Evidence, Null
from mmcheck.repair.orders import Arrangement, list_arrangements, support
from mmcheck.repair.scores import PairScores

_MAX_WALKED = 3  # other orders that are looked at closely; our own choice: bounds time


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """The rows of one manifest file in their order."""

    name: str
    """What people call it."""
    rows: Rows
    """Rows of the run, shape (n,)."""
    numbers: Rows
    """Line or row in the file, shape (n,)."""
    keys: Callable[[], Mapping[str, Sequence[str | None]]] = dict
    """Gives what the file may be sorted by: name -> value of each row. Called only where much is displaced."""


class FileArrangements:
    """The arrangements of every file that may explain it, made when asked for."""

    def __init__(self, scores: PairScores, null: Null, files: Sequence[FileRows], reach: int) -> None:
        self.files = files
        self._scores, self._null, self._reach = scores, null, reach
        self._kept: dict[int, list[tuple[float, Arrangement, Floats32]]] = {}

    def right_scores(self, number: int) -> list[Floats32]:
        """Return scores of pairs of a file that some arrangement brings together; none if none does."""
        ranked = self._ranked(number)
        return [ranked[0][2]] if ranked and ranked[0][0] > 0 and len(ranked[0][2]) else []

    def displacements(self, number: int, evidence: Evidence, is_suspect: NDArray[np.bool_]) -> list[Displacement]:
        """Return the blocks of the arrangement that explains a file best."""
        rows = self.files[number].rows
        if not len(rows):
            return []
        identity = Arrangement(told="", kind="shift", media=rows, texts=rows)
        suspects = is_suspect[rows]
        blocks = find_displacements(evidence, identity, suspect_zones(suspects), self._reach)
        comparable = int((self._scores.has_medium[rows] & self._scores.has_text[rows]).sum())
        if suspects.sum() < max(FILE_MIN_SUSPECTS, DISPLACED_SHARE * comparable):
            return blocks
        ranked = self._ranked(number)
        plain = next((share for share, arrangement, _ in ranked if arrangement.kind == "shift"), 0.0)
        best, best_gain = blocks, sum(block.gain for block in blocks)
        others = [(share, arrangement) for share, arrangement, _ in ranked if arrangement.kind != "shift"]
        for share, arrangement in others[:_MAX_WALKED]:
            if share < plain + MORE_SUPPORT:
                break
            found = find_displacements(evidence, arrangement, [(0, len(rows))], self._reach)
            gain = sum(block.gain for block in found)
            if gain > best_gain * BETTER_FACTOR + BETTER_GAIN:
                best, best_gain = found, gain
        return best

    def _ranked(self, number: int) -> list[tuple[float, Arrangement, Floats32]]:
        if number not in self._kept:
            file = self.files[number]
            found = []
            wide = len(file.rows) >= FILE_MIN_SUSPECTS
            for arrangement in list_arrangements(file.rows, file.keys()) if wide else []:
                told = support(self._scores, self._null, arrangement, self._reach)
                found.append((told.share, arrangement, told.scores))
            # The sort is stable: of equal ones the simpler, which was listed first.
            self._kept[number] = sorted(found, key=lambda entry: -entry[0])
        return self._kept[number]
