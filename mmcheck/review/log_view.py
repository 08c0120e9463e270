"""What the log of decisions says now, read on as it grows: the page keeps nothing that is not in it.

Another browser, another reviewer's server or `judge --decisions` may append at any time. Each look reads only what came
since the last one, so that a log of a hundred thousand records costs no more than a fresh one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from mmcheck.people.decision import Choice, Decision
from mmcheck.people.decision_log import read_appended
from mmcheck.people.standing import find_taken_back, standing_decisions


class LogView:
    """The standing decisions of one reviewer, by sample id, and those of others.

    Args:
        path: The log; it need not exist yet.
        reviewer: Whose decisions are followed.
    """

    def __init__(self, path: Path, reviewer: str) -> None:
        self._path = path
        self.reviewer = reviewer
        self._offset = 0
        self._clear()

    def refresh(self) -> set[str]:
        """Read what was appended, and return the ids of the samples that it speaks of.

        Raises:
            UserError: If the log cannot be read.
        """
        found, offset = read_appended(self._path, self._offset)
        touched: set[str] = set()
        if offset < self._offset:  # somebody put another file in its place
            touched = {sample_id for _, sample_id in self._records}
            self._clear()
            found, offset = read_appended(self._path, 0)
        self._offset = offset
        changed = {key for decision in found if (key := self._add(decision)) is not None}
        for key in changed:
            self._judge(key)
        return touched | {sample_id for _, sample_id in changed}

    def standing(self, sample_id: str, *, exam: bool = False) -> Decision | None:
        """Return what the reviewer said last of a sample; None if nothing stands."""
        return self._standing[exam].get((self.reviewer, sample_id))

    def standing_of_reviewer(self, *, exam: bool = False) -> list[Decision]:
        """Return what stands of the reviewer, in no order."""
        return [one for (name, _), one in self._standing[exam].items() if name == self.reviewer]

    def knows(self, decision_id: str) -> bool:
        """Return whether the log holds a record with this id."""
        return decision_id in self._by_id

    def last(self, *, of: Collection[str] | None = None) -> list[Decision]:
        """Return the reviewer's last records that were not taken back: one, or all that one press decided together.

        Args:
            of: Sample ids among which to look; None: all.
        """
        for decision in reversed(self._own):
            if decision.id in self._taken_back or (of is not None and decision.sample_id not in of):
                continue
            if decision.group is None:
                return [decision]
            group = decision.group
            return [one for one in self._own if one.group == group and one.id not in self._taken_back]
        return []

    def _clear(self) -> None:
        self._offset = 0
        self._by_id: dict[str, Decision] = {}
        self._records: dict[tuple[str, str], list[Decision]] = defaultdict(list)
        self._standing: dict[bool, dict[tuple[str, str], Decision]] = {False: {}, True: {}}
        self._own: list[Decision] = []
        self._taken_back: set[str] = set()

    def _add(self, decision: Decision) -> tuple[str, str] | None:
        """Keep a record; return whose decisions on which sample it changes."""
        if decision.id in self._by_id:
            return None
        self._by_id[decision.id] = decision
        root: Decision | None = decision
        seen = 0
        while root is not None and root.choice is Choice.UNDO and seen < len(self._by_id):
            root = self._by_id.get(root.undoes or "")
            seen += 1
        if root is None or root.choice is Choice.UNDO or root.reviewer != decision.reviewer:
            return None  # an undo of nothing that is known, or of somebody else's record
        key = root.reviewer, root.sample_id
        self._records[key].append(decision)
        if decision.choice is not Choice.UNDO and decision.reviewer == self.reviewer:
            self._own.append(decision)
        return key

    def _judge(self, key: tuple[str, str]) -> None:
        records = self._records[key]
        self._taken_back.difference_update(one.id for one in records)
        self._taken_back |= find_taken_back(records)
        for exam, kept in self._standing.items():
            found = standing_decisions(records, exams=exam)
            if found:
                kept[key] = found[-1]
            else:
                kept.pop(key, None)
