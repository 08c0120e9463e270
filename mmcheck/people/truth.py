"""What people found out about the rows of a run: mismatched or not, for those who learn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import ReviewConfig
from mmcheck.people.ballot import Outcome, count_ballots
from mmcheck.people.content import content_keys
from mmcheck.people.decision import SOUND, Choice, Decision
from mmcheck.people.decision_log import log_path, read_decisions
from mmcheck.people.standing import standing_decisions
from mmcheck.store.run_folder import RunFolder, read_part


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTruth:
    """What people said of one row."""

    index: int
    """0-based number in the run."""
    sample_id: str
    is_mismatched: bool | None
    """Whether medium and text do not belong together; None: they looked, and do not say."""
    decisions: tuple[Decision, ...]
    """What stands of each person; all about what the row holds now."""

    @property
    def pairs(self) -> frozenset[str | None]:
        """Return of which pair people spoke; None stands for the row as a whole."""
        return frozenset(one.pair for one in self.decisions)

    @property
    def probability(self) -> float | None:
        """Return with which probability the row was drawn, as its last record says; None: it was chosen."""
        return self.decisions[-1].probability

    @property
    def samples(self) -> frozenset[str | None]:
        """Return how the row came to be looked at."""
        return frozenset(one.sample for one in self.decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truths:
    """What people said of the rows of a run."""

    rows: Mapping[int, RowTruth]
    """0-based number -> what was said."""
    reviewers: tuple[str, ...]
    """Who looked, sorted."""
    stale: frozenset[int]
    """Rows, by number, whose medium or text is another one now than when people looked."""
    not_in_run: int
    """Rows that this run does not have."""
    unread: str | None
    """A sentence on lines of the log that are no records."""

    @property
    def first_and_last(self) -> tuple[datetime, datetime] | None:
        """Return when the first and the last decision was made; None if there is none."""
        times = [one.time for row in self.rows.values() for one in row.decisions]
        return (min(times), max(times)) if times else None


def read_truths(run: RunFolder, options: ReviewConfig) -> Truths:
    """Return what people said of the rows of a run; several people by majority, as ``judge --apply-review`` does.

    Args:
        run: The run.
        options: How their votes count.

    Raises:
        UserError: If the log cannot be read.
        RunError: If a stored part is missing or damaged.
    """
    log = read_decisions(log_path(run.path))
    looked: dict[str, list[Decision]] = {}
    for decision in standing_decisions(log.decisions):
        if decision.choice is not Choice.SKIP:
            looked.setdefault(decision.sample_id, []).append(decision)
    stale: set[int] = set()
    rows: dict[int, RowTruth] = {}
    for index, sample_id, content in _places(run, list(looked)):
        said = looked.pop(sample_id)
        fresh = [one for one in said if one.content in (None, content)]
        if not fresh:
            stale.add(index)
            continue
        outcome = count_ballots(fresh, options).get(sample_id)
        rows[index] = RowTruth(
            index=index, sample_id=sample_id, is_mismatched=_is_mismatched(outcome), decisions=tuple(fresh)
        )
    return Truths(
        rows=rows,
        reviewers=tuple(sorted({one.reviewer for row in rows.values() for one in row.decisions})),
        stale=frozenset(stale),
        not_in_run=len(looked),
        unread=log.tell_unread(),
    )


def _is_mismatched(outcome: Outcome | None) -> bool | None:
    if outcome is None or outcome.choice is None:
        return None
    return outcome.choice not in SOUND


def _places(run: RunFolder, ids: list[str]) -> list[tuple[int, str, str]]:
    """Return the row, id and content key of those of ``ids`` that the run has."""
    if not ids:
        return []
    wanted, found = pa.array(ids, pa.string()), []
    for shard in run.shards():
        part = run.samples_part(shard)
        rows = pc.indices_nonzero(pc.is_in(read_part(part, ["id"])["id"], wanted)).to_pylist()
        if rows:
            samples = read_part(part)
            names = samples["id"].take(pa.array(rows)).to_pylist()
            keys = content_keys(run, shard, samples, rows)
            found += [(shard.start + row, name, key) for row, name, key in zip(rows, names, keys, strict=True)]
    return found
