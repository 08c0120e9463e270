"""The reviewer's desk: what is next, what was decided, what is written down.

It holds the list of rows, which the run gives, and reads everything else from the log, so a crash, a second browser or
a second reviewer lose nothing.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
import pyarrow as pa

from mmcheck.config import Config
from mmcheck.core.arrays import Rows
from mmcheck.core.errors import UserError
from mmcheck.people.content import find_content_keys
from mmcheck.people.decision import DECIDED, Choice, Decision
from mmcheck.people.decision_log import append_decisions, log_path
from mmcheck.review.exam import ExamScore, Planted, places_of, plan_exam, score_exam
from mmcheck.review.log_view import LogView
from mmcheck.review.row_groups import RowGroup, RowGroups
from mmcheck.review.run_columns import RunColumns
from mmcheck.review.said import Said
from mmcheck.review.worklist import Worklist
from mmcheck.store.run_folder import RunFolder

_AHEAD = 3  # rows whose media are fetched beforehand; our own choice: a person decides faster than a large file decodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the reviewer is."""

    done: int
    """Rows of the list that are decided."""
    total: int
    """Rows of the list."""
    seconds: float
    """How long the reviewer looked at the decided ones."""
    seconds_left: float | None
    """How long the rest will take at that pace; None while nothing tells."""
    passed_over: int
    """Decided rows of which the reviewer said ``unsure`` or ``skip``."""


class Desk:
    """One reviewer's work on one sample of a run.

    Args:
        run: A judged run.
        config: The config that it was judged with.
        columns: Its ids and verdicts.
        worklist: The rows.
        reviewer: Who decides.
        blind: Whether scores and findings are hidden.
        exam: Whether pairs that test the reviewer are planted.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
        UserError: If an exam is wanted of a run without sure pairs, or the log cannot be read.
    """

    def __init__(
        self,
        run: RunFolder,
        config: Config,
        columns: RunColumns,
        worklist: Worklist,
        *,
        reviewer: str,
        blind: bool = False,
        exam: bool = False,
    ) -> None:
        self.run, self.config, self.columns, self.worklist = run, config, columns, worklist
        self.reviewer, self.blind, self.is_exam = reviewer, blind or exam, exam
        self.groups = RowGroups(run, columns)
        self._path = log_path(run.path)
        self._log = LogView(self._path, reviewer)
        self._lock = threading.Lock()
        self._planted = {one.row: one for one in (plan_exam(run, columns, worklist.rows) if exam else ())}
        if exam and not self._planted:
            raise UserError(
                "an exam needs kept pairs that are surely right, and this run has too few.",
                hint="leave out --exam, or scan with a model that compares the pairs.",
            )
        self._rows, self._drawn = self._lay_out()
        names = columns.ids.take(pa.array(self._rows)).to_pylist()
        self._place = {name: place for place, name in enumerate(names)}
        self._done = np.zeros(len(self._rows), dtype=bool)
        self._look()

    @property
    def total(self) -> int:
        """Return how many rows the list has, planted ones included."""
        return len(self._rows)

    def planted(self, row: int) -> Planted | None:
        """Return what is planted at a row; None if it is shown as it is."""
        return self._planted.get(row)

    def upcoming(self, behind: int | None = None) -> list[int]:
        """Return the next rows that are not decided yet, in the order of the list; empty if there is nothing left.

        Args:
            behind: A row to leave out.
        """
        with self._lock:
            self._look()
            found = self._rows[np.flatnonzero(~self._done)[: _AHEAD + 1]].tolist()
        return [row for row in found if row != behind][:_AHEAD]

    def open_rows(self) -> Rows:
        """Return the rows that are not decided yet, without the planted ones."""
        with self._lock:
            self._look()
            return self._rows[~self._done & (self._drawn >= 0)]

    def left_rows(self) -> Rows:
        """Return the rows of which the reviewer said ``unsure`` or ``skip``, without the planted ones."""
        with self._lock:
            self._look()
            said = self._log.standing_of_reviewer()
        left = [
            self._place[one.sample_id] for one in said if one.sample_id in self._place and one.choice not in DECIDED
        ]
        return self._rows[np.array(sorted(left), dtype=np.int64)]

    def others(self, row: int, group: RowGroup) -> list[int]:
        """Return the other rows of a group about which the reviewer decided nothing yet.

        Args:
            row: The row on the page.
            group: One of its groups.
        """
        rows = [one for one in group.rows.tolist() if one != row]
        names = self.columns.ids.take(pa.array(rows, pa.int64())).to_pylist()
        with self._lock:
            self._look()
            said = [self._log.standing(name) for name in names]
        return [one for one, last in zip(rows, said, strict=True) if last is None or last.choice not in DECIDED]

    def standing(self) -> Standing:
        """Return how far the reviewer is."""
        with self._lock:
            self._look()
            done = int(np.count_nonzero(self._done))
            mine = [
                one
                for exam in (False, True)
                for one in self._log.standing_of_reviewer(exam=exam)
                if one.sample_id in self._place
            ]
        pace: dict[str, float] = defaultdict(float)
        for one in mine:
            pace[one.group or one.id] = max(pace[one.group or one.id], one.seconds or 0.0)
        times = [seconds for seconds in pace.values() if seconds > 0]
        left = float(np.median(times)) * (self.total - done) if times else None
        return Standing(
            done=done,
            total=self.total,
            seconds=sum(times),
            seconds_left=left,
            passed_over=sum(one.choice in (Choice.UNSURE, Choice.SKIP) for one in mine),
        )

    def said(self, row: int) -> Decision | None:
        """Return what the reviewer said of a row before; None if nothing stands."""
        with self._lock:
            self._look()
            return self._log.standing(self._name(row), exam=row in self._planted)

    def score(self) -> ExamScore | None:
        """Return how the reviewer did in the exam; None without one."""
        if not self.is_exam:
            return None
        with self._lock:
            self._look()
            answers = [one for one in self._log.standing_of_reviewer(exam=True) if one.sample_id in self._place]
        return score_exam(answers)

    def content(self, rows: Sequence[int]) -> list[str]:
        """Return the keys of what rows hold now (``mmcheck.people.content``)."""
        found = find_content_keys(self.run, rows)
        return [found[row] for row in rows]

    def decide(self, row: int, said: Said, codes: Sequence[str]) -> int:
        """Write down what the reviewer said of a row, or of its whole group, and return of how many rows.

        Args:
            row: 0-based number in the run.
            said: What was said.
            codes: Findings of the row.

        Raises:
            UserError: If the row is not what the page showed, or an edit would give copies with other texts one text.
            OutputError: If it cannot be written; nothing is then.
        """
        planted = self.planted(row)
        rows = [row]
        if said.group is not None and planted is None:
            group = next((one for one in self.groups.of(row) if one.key == said.group), None)
            if group is None:
                raise UserError("the rows are no longer one group.", hint="look at the row again.")
            if said.choice is Choice.EDIT and not group.is_text:
                raise UserError(
                    "one new text cannot stand for rows that have different texts.",
                    hint="decide about this row alone.",
                )
            rows = [row, *self.others(row, group)]
        keys: Sequence[str | None] = [None] if planted is not None else self.content(rows)
        if planted is None and said.content != keys[0]:
            raise UserError(
                "the row has changed since the page showed it.", hint="look at it again; nothing was noted."
            )
        with self._lock:
            self._look()
            if self._log.knows(said.id):
                return 0
            group_id = uuid4().hex if len(rows) > 1 else None
            records = [
                self._record(one, said, key, codes if one == row else (), group_id, said.id if one == row else None)
                for one, key in zip(rows, keys, strict=True)
            ]
            append_decisions(self._path, records)
            self._look()
        return len(records)

    def undo(self) -> tuple[int | None, list[Decision]]:
        """Take back what the reviewer did last; return the row that it was about, and the records taken back.

        Raises:
            OutputError: If it cannot be written.
        """
        with self._lock:
            self._look()
            last = self._log.last()
            undos = [
                Decision.model_validate(
                    {
                        "sample_id": one.sample_id,
                        "reviewer": self.reviewer,
                        "choice": Choice.UNDO,
                        "undoes": one.id,
                        "exam": one.exam,
                    }
                )
                for one in last
            ]
            append_decisions(self._path, undos)
            self._look()
        if not last:
            return None, []
        shown = last[0].sample_id  # the row on the page was written first
        return self.columns.find([shown]).get(shown), last

    def _record(
        self, row: int, said: Said, content: str | None, codes: Sequence[str], group: str | None, id_: str | None
    ) -> Decision:
        planted = self.planted(row)
        name = self._name(row)
        place = self._place.get(name)
        drawn = -1 if place is None else int(self._drawn[place])
        work = self.worklist
        return Decision.model_validate(
            {
                "id": id_ or uuid4().hex,
                "sample_id": name,
                "content": content,
                "reviewer": self.reviewer,
                "choice": said.choice,
                "text": said.text,
                "pair": said.pair,
                "note": said.note,
                "sample": None if drawn < 0 else work.sampling.value,
                "stratum": work.strata[drawn] if work.strata and drawn >= 0 else None,
                "probability": work.probability(drawn) if drawn >= 0 else None,
                "blind": self.blind,
                "codes": tuple(codes),
                "group": group,
                "exam": None if planted is None else planted.exam,
                "seconds": said.seconds,
            }
        )

    def _name(self, row: int) -> str:
        return str(self.columns.ids[row].as_py())

    def _lay_out(self) -> tuple[Rows, Rows]:
        """Return the rows with the planted ones between, and of each its place in the sample (-1: planted)."""
        work = self.worklist.rows
        planted = np.array(list(self._planted), dtype=np.int64)
        places = places_of(len(planted), len(work), self.run.record.seed)
        rows = np.empty(len(work) + len(planted), dtype=np.int64)
        drawn = np.full(len(rows), -1, dtype=np.int64)
        is_own = np.ones(len(rows), dtype=bool)
        is_own[places] = False
        rows[places], rows[is_own] = planted, work
        drawn[is_own] = np.arange(len(work))
        return rows, drawn

    def _look(self) -> None:
        """Read on in the log; what was said of other media or texts than a row has now does not count."""
        touched = [name for name in self._log.refresh() if name in self._place]
        held: dict[int, tuple[int, str]] = {}
        for name in touched:
            place = self._place[name]
            decision = self._log.standing(name, exam=self._drawn[place] < 0)
            self._done[place] = decision is not None
            if decision is not None and decision.content is not None and self._drawn[place] >= 0:
                held[int(self._rows[place])] = place, decision.content
        for (place, content), key in zip(held.values(), self.content(list(held)), strict=True):
            self._done[place] = content == key
