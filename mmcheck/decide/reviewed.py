"""The decisions of people, laid over the verdicts of the rules while a run is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import ReviewConfig
from mmcheck.core.parts import RULES
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Action, Shard
from mmcheck.people.ballot import Outcome, count_ballots
from mmcheck.people.content import content_keys
from mmcheck.people.decision_log import log_path, read_decisions
from mmcheck.people.standing import standing_decisions
from mmcheck.people.verdicts import CAUSES, may_decide, override
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_summary import ReviewSummary
from mmcheck.store.schema import VERDICTS


class ReviewedRows:
    """What people decided about the rows of a run.

    Args:
        run: The run.
        options: How the decisions count; without ``apply`` none does.

    Raises:
        UserError: If the log cannot be read.
    """

    def __init__(self, run: RunFolder, options: ReviewConfig) -> None:
        self._run = run
        self._options = options
        self._outcomes: dict[str, Outcome] = {}
        self._unread: str | None = None
        self._counts: Counter[str] = Counter()
        self._changed = 0
        if options.apply:
            log = read_decisions(log_path(run.path))
            self._unread = log.tell_unread()
            self._outcomes = count_ballots(standing_decisions(log.decisions), options)
        self._wanted = pa.array(list(self._outcomes), pa.string())
        self._laws = frozenset(
            entry.name for entry in RULES if not entry.package and RULES.get(entry.name).traits.law is Action.QUARANTINE
        )

    def apply(self, shards: Sequence[Shard], samples: pa.Table, verdicts: pa.Table) -> pa.Table:
        """Return the verdicts with those that people decided in place of the rules'.

        Args:
            shards: Consecutive shards of the run.
            samples: Their samples.
            verdicts: The rules' verdicts, row-aligned.

        Raises:
            RunError: If a stored part is missing or damaged.
        """
        if not self._outcomes:
            return verdicts
        rows = np.flatnonzero(pc.is_in(verdicts["sample_id"], self._wanted).to_numpy(zero_copy_only=False))
        if not len(rows):
            return verdicts
        keys = self._content_keys(shards, samples, rows.tolist())
        found = verdicts.take(pa.array(rows)).to_pylist()
        decided: list[dict[str, Any]] = []
        places = np.arange(verdicts.num_rows)
        for row, verdict, key in zip(rows.tolist(), found, keys, strict=True):
            new = self._decide(verdict, key)
            if new is not None:
                places[row] = verdicts.num_rows + len(decided)
                decided.append(new)
        joined = pa.concat_tables([verdicts, pa.Table.from_pylist(decided, schema=VERDICTS)])
        return joined.take(pa.array(places)).combine_chunks()

    def summary(self) -> ReviewSummary | None:
        """Return what was made of the decisions; None if people decided nothing, or nothing of it was to count."""
        if not self._options.apply:
            return None
        missing = len(self._outcomes) - self._counts.total()
        counted = {name: self._counts[name] for name in (*CAUSES.values(), "tie", "too_few", "stale", "broken")}
        return ReviewSummary(
            decided=sum(self._counts[cause] for cause in CAUSES.values()),
            changed=self._changed,
            rows={**counted, "not_in_run": missing},
            sentences=self._sentences(missing),
        )

    def _content_keys(self, shards: Sequence[Shard], samples: pa.Table, rows: Sequence[int]) -> list[str]:
        start, keys = shards[0].start, []
        for shard in shards:
            first, last = shard.start - start, shard.stop - start
            mine = [row - first for row in rows if first <= row < last]
            if mine:
                keys += content_keys(self._run, shard, samples.slice(first, last - first), mine)
        return keys

    def _decide(self, verdict: dict[str, Any], key: str) -> dict[str, Any] | None:
        outcome = self._outcomes[verdict["sample_id"]]
        if outcome.contents and key not in outcome.contents:
            self._counts["stale"] += 1
            return None
        if outcome.choice is None:
            self._counts[outcome.undecided or "tie"] += 1
            return None
        if not may_decide(verdict, outcome.choice, self._laws):
            self._counts["broken"] += 1
            return None
        self._counts[CAUSES[outcome.choice]] += 1
        new = override(verdict, outcome, self._options)
        self._changed += new["action"] != verdict["action"]
        return new

    def _sentences(self, missing: int) -> list[str]:
        told = []
        decided = sum(self._counts[cause] for cause in CAUSES.values())
        if decided:
            told.append(
                f"People decided about {count_noun(decided, 'row')}; {self._changed:,} of them would have another "
                "verdict by the rules."
            )
        else:
            told.append("No decision of people counts in this run.")
        for name, (one, several, rest) in _LEFT_OUT.items():
            count = missing if name == "not_in_run" else self._counts[name]
            if count:
                told.append(f"{count_noun(count, 'decided row')} {one if count == 1 else several} {rest}")
        if self._unread:
            told.append(f"Lines that are no decisions were skipped. {self._unread}")
        return told


_LEFT_OUT = {
    "tie": ("keeps", "keep", "the rules' verdict: people disagree. Name an adjudicator (review.adjudicator)."),
    "too_few": ("keeps", "keep", "the rules' verdict: too few people decided (review.min_reviewers)."),
    "stale": ("has", "have", "another medium or text now than when people looked: the rules' verdict stays."),
    "broken": ("stays", "stay", "as the rules say: the row of the manifest is broken."),
    "not_in_run": ("is", "are", "not in this run."),
}
"""What was not applied -> verb for one row, verb for several, the rest of the sentence."""
