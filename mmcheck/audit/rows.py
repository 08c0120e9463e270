"""What the rules said of every row of a run, in the few words that an audit needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.arrays import Floats, Mask, Rows
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Action
from mmcheck.decide.decide import make_policy
from mmcheck.decide.repeated_values import RepeatedValues
from mmcheck.decide.shard_groups import read_groups
from mmcheck.judge.table import JudgeTable
from mmcheck.store.run_folder import RunFolder, read_part

_NOTHING_TO_COMPARE = ("broken_row", "unreadable_media", "empty_text")
"""Kinds of rules whose rows have no medium or no text that a person could compare."""


class Judged(IntEnum):
    """What became of a row, and why."""

    MISMATCHED = 0
    """In quarantine because medium and text do not seem to belong together."""
    OTHERWISE = 1
    """In quarantine for other reasons alone: a copy, a caption that is a file name ..."""
    FLAG = 2
    KEEP = 3
    UNCHECKED = 4


NAMES = {
    Judged.MISMATCHED: "quarantine",
    Judged.OTHERWISE: "quarantine for other reasons",
    Judged.FLAG: "flag",
    Judged.KEEP: "keep",
    Judged.UNCHECKED: "unchecked",
}
"""What each is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRows:
    """The rows of a run, in its order."""

    judged: Rows
    """A number of ``Judged`` each, shape (rows,)."""
    comparable: Mask
    """Whether there are a medium and a text that a person can compare, shape (rows,)."""
    posterior: Floats
    """Probability of a mismatch (the larger one where a row has two pairs), NaN where there is none, shape (rows,)."""


def read_judged(run: RunFolder, config: Config) -> JudgedRows:
    """Return what the rules said of the rows; where people's decisions were applied, what the rules alone say.

    Args:
        run: A judged run.
        config: The config that it was last judged with.

    Raises:
        RunError: If a stored part is missing or damaged.
    """
    kinds = {name: rule.rule for name, rule in config.rules.items()}
    judged, comparable = [], []
    tables = _by_rules_alone(run, config) if config.review.apply else _stored(run)
    for table in tables:
        one, other = _sort(table, kinds)
        judged.append(one)
        comparable.append(other)
    return JudgedRows(
        judged=np.concatenate([np.zeros(0, np.int64), *judged]),
        comparable=np.concatenate([np.zeros(0, np.bool_), *comparable]),
        posterior=read_posterior(run),
    )


def read_posterior(run: RunFolder) -> Floats:
    """Return the probability of a mismatch of each row, shape (rows,); NaN where nothing compared its pairs.

    Raises:
        RunError: If a stored part is missing or damaged.
    """
    found = np.full(run.record.rows, np.nan)
    for kind in PAIR_KINDS:
        part, _, name = kind.posterior.partition(".")
        if part not in run.probes():
            continue
        table = run.measurements_table(part, [name])
        if name in table.column_names:
            found = np.fmax(found, table[name].to_numpy(zero_copy_only=False).astype(np.float64))
    return found


def _stored(run: RunFolder) -> Iterator[pa.Table]:
    for shard in run.shards():
        yield read_part(run.verdicts_part(shard), ["action", "findings"])


def _by_rules_alone(run: RunFolder, config: Config) -> Iterator[pa.Table]:
    """Yield the verdicts that the rules give: people's own word on a row is no test of what the rules promise."""
    policy = make_policy(run, config)
    repeated = RepeatedValues(run, policy.unique_columns)
    try:
        for group in read_groups(run):
            earlier = repeated.earlier(group.shards[0].start, group.shards[-1].stop)
            yield policy.judge(JudgeTable(group.samples, group.measured, columns=policy.columns, earlier=earlier))
    finally:
        repeated.close()


def _sort(verdicts: pa.Table, kinds: dict[str, str]) -> tuple[Rows, Mask]:
    actions = np.array(verdicts["action"].to_pylist(), dtype=object)
    findings = verdicts["findings"].combine_chunks()
    parents = pc.list_parent_indices(findings).to_numpy()
    flat = pc.list_flatten(findings)
    rule, action, metric = (flat.field(name).to_pylist() for name in ("rule", "action", "metric"))
    takes_out = np.array([one == Action.QUARANTINE for one in action], dtype=np.bool_)
    says_mismatched = np.array([_is_about_pair(name) for name in metric], dtype=np.bool_)
    is_broken = np.array([kinds.get(name, name) in _NOTHING_TO_COMPARE for name in rule], dtype=np.bool_)
    judged = np.full(len(actions), int(Judged.KEEP), dtype=np.int64)
    judged[actions == Action.FLAG] = Judged.FLAG
    judged[actions == Action.UNCHECKED] = Judged.UNCHECKED
    judged[actions == Action.QUARANTINE] = Judged.OTHERWISE
    by_pair = parents[takes_out & says_mismatched]
    judged[by_pair[actions[by_pair] == Action.QUARANTINE]] = Judged.MISMATCHED
    comparable = np.ones(len(actions), dtype=np.bool_)
    comparable[parents[is_broken]] = False
    return judged, comparable


def _is_about_pair(metric: str | None) -> bool:
    """Return whether a metric says that the halves of a pair do not fit, and not that the text says too little."""
    return metric is not None and any(kind.is_of(metric) and metric not in kind.by_words for kind in PAIR_KINDS)
