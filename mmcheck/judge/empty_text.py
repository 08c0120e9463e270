"""A caption or transcript that says nothing.

"Nothing" means no letter or digit in any script; a caption may also be made of pictographs, a transcript not
(nobody speaks a note sign). A text that the manifest does not have at all (no such column) is not empty: that pair is
incomplete, and ``unmeasured`` sees to it where a probe wanted it.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from mmcheck.core.arrays import Mask
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.part_traits import RuleTraits
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable
from mmcheck.judge.table import JudgeTable

SAYS_SOMETHING = {kind.text: kind.says_something for kind in PAIR_KINDS}
"""Column of a text -> what it must hold to say anything."""
_NOUNS = {kind.text: kind.text_noun for kind in PAIR_KINDS}


class EmptyTextRule(BaseRule):
    """Fires where the caption or the transcript is empty, white space or punctuation only."""

    traits = RuleTraits(meaning="An empty text")
    causes = tuple(SAYS_SOMETHING)

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each empty text."""
        where = applicable(self.options, table) & ~table.has_problem
        empty = {column: np.flatnonzero(where & is_empty(table, column)) for column in SAYS_SOMETHING}
        rows = np.concatenate(list(empty.values()))
        causes = [column for column, found in empty.items() for _ in range(len(found))]
        order = np.argsort(rows, kind="stable")
        causes = [causes[i] for i in order]
        return self.findings(rows[order], causes, [f"The {_NOUNS[cause]} is empty." for cause in causes])


def is_empty(table: JudgeTable, column: str) -> Mask:
    """Return where the ``caption`` or ``transcript`` is there but says nothing."""
    speaks = pc.match_substring_regex(table.texts(column), SAYS_SOMETHING[column])
    found: Mask = ~pc.fill_null(speaks, True).to_numpy(zero_copy_only=False)
    return found
