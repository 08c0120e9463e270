"""What every rule can do, and the columnar findings that rules hand to the policy.

A rule looks at a whole table at once. Its findings stay columns too: a run of a million rows may well have a million
findings, and a Python object for each would cost more than everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.config import RuleConfig, Section
from mmcheck.core import parts
from mmcheck.core.arrays import Mask
from mmcheck.core.languages import primary_code
from mmcheck.core.part_traits import RuleTraits
from mmcheck.core.registry import Registry
from mmcheck.core.types import Action, Finding, Metric
from mmcheck.judge.message import fixed_message
from mmcheck.judge.table import JudgeTable


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFindings:
    """The findings of one rule, in columns of equal length."""

    rule: str
    """Name of the rule in the config."""
    action: Action
    """What the rule asks for."""
    rows: NDArray[np.int64]
    """0-based rows of the table, ascending; a row may occur more than once."""
    causes: Sequence[str]
    """Stable words; the finding's code is ``<rule>.<cause>``."""
    messages: Sequence[str]
    """Plain sentences for people."""
    metric: str | None = None
    """``<probe>.<metric>`` that the rule looked at."""
    observed: NDArray[np.float64] | None = None
    """Values seen, where the rule looked at a metric."""
    limit: NDArray[np.float64] | None = None
    """Values wanted, where the rule looked at a metric."""

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self.rows)

    def only(self, mask: Mask) -> RuleFindings:
        """Return the findings on those rows of the table where ``mask`` is true."""
        kept = mask[self.rows]
        chosen = np.flatnonzero(kept).tolist()
        return RuleFindings(
            rule=self.rule,
            action=self.action,
            rows=self.rows[kept],
            causes=[self.causes[i] for i in chosen],
            messages=[self.messages[i] for i in chosen],
            metric=self.metric,
            observed=None if self.observed is None else self.observed[kept],
            limit=None if self.limit is None else self.limit[kept],
        )

    def to_findings(self) -> list[tuple[int, Finding]]:
        """Return the findings as records, each with its row."""
        return [
            (
                int(row),
                Finding(
                    rule=self.rule,
                    code=f"{self.rule}.{self.causes[i]}",
                    action=self.action,
                    message=self.messages[i],
                    metric=self.metric,
                    observed=None if self.observed is None else float(self.observed[i]),
                    limit=None if self.limit is None else float(self.limit[i]),
                ),
            )
            for i, row in enumerate(self.rows)
        ]


class NoOptions(Section):
    """Options of a rule that has none besides those of every rule."""


@runtime_checkable
class Rule(Protocol):
    """A rule. Made from its name and its section of the config; ``BaseRule`` does most of it."""

    options_model: ClassVar[type[Section]]
    """What a rule of this kind takes in its section besides the keys of every rule."""
    traits: ClassVar[RuleTraits]
    name: str
    options: RuleConfig
    metrics: tuple[str, ...]
    """The metrics that it reads, those of its conditions included; without one of them the rule is inactive."""

    @property
    def causes(self) -> tuple[str, ...]:
        """Return every documented cause that it can give."""
        ...

    def __init__(self, name: str, options: RuleConfig) -> None: ...

    @classmethod
    def find_fault(cls, options: RuleConfig) -> str | None:
        """Return what is wrong with the keys of a section, or None; ``options_model`` is checked before."""
        ...

    def look_at(self, rules: Mapping[str, RuleConfig]) -> None:
        """Learn what the other rules of the config say; called once, before ``apply``."""
        ...

    def check(self, known: Mapping[str, Metric]) -> list[str]:
        """Return what is wrong with the options, given what the metrics can be; also learn their descriptions.

        Args:
            known: Full metric name -> metric, holding at least those of ``metrics``.
        """
        ...

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return the findings on the rows of ``table``."""
        ...


@runtime_checkable
class WholeRunRule(Protocol):
    """A rule that wants to know where a column's value stood in the run before."""

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """Return the columns; ``JudgeTable.earlier`` then knows them."""
        ...


RULES = cast("Registry[Rule]", parts.RULES)
"""The table of kinds of rules, for those who make them."""


class BaseRule:
    """What most rules have in common: a message without numbers, no metric of their own but those of conditions.

    A rule of its own sets ``causes`` and ``traits``, adds the metrics that it reads to ``metrics``, and has ``apply``.

    Args:
        name: Name of the rule in the config.
        options: Its section.

    Raises:
        ConfigError: If the message is not a sound template.
    """

    options_model: ClassVar[type[Section]] = NoOptions
    traits: ClassVar[RuleTraits] = RuleTraits()
    reads: ClassVar[tuple[str, ...]] = ()
    """Metrics that every rule of this kind reads."""
    causes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, options: RuleConfig) -> None:
        self.name = name
        self.options = options
        self.metrics = (*self.reads, *condition_metrics(options))
        self.fixed_message = fixed_message(name, options.message)

    @classmethod
    def find_fault(cls, options: RuleConfig) -> str | None:
        """Return what is wrong with the keys of a section, or None."""
        if options.metric is None and options.min is None and options.max is None:
            return None
        return f"`metric`, `min` and `max` belong to rule: threshold, not to {options.rule!r}"

    def look_at(self, rules: Mapping[str, RuleConfig]) -> None:
        """Do nothing: what other rules say does not matter here."""

    def check(self, known: Mapping[str, Metric]) -> list[str]:
        """Return a sentence for each condition that can never hold."""
        return check_limits(self.name, self.options, known)

    def findings(self, rows: NDArray[np.int64], causes: Sequence[str], messages: Sequence[str]) -> RuleFindings:
        """Return findings on ``rows``; the message of the config stands in place of ``messages``.

        Args:
            rows: 0-based rows, ascending.
            causes: One a row, of ``causes``.
            messages: Plain sentences, one a row.
        """
        return RuleFindings(
            rule=self.name,
            action=Action(self.options.action),
            rows=rows,
            causes=causes,
            messages=messages if self.fixed_message is None else [self.fixed_message] * len(rows),
        )


def condition_metrics(options: RuleConfig) -> tuple[str, ...]:
    """Return the metrics that the conditions of a rule read."""
    return tuple(condition.metric for condition in options.when)


def check_limits(rule: str, options: RuleConfig, known: Mapping[str, Metric]) -> list[str]:
    """Return a sentence for each limit of a rule that lies outside the range of its metric."""
    limits = [(f"rules.{rule}", options.metric, options.min, options.max)]
    limits += [(f"rules.{rule}.when.{i}", c.metric, c.min, c.max) for i, c in enumerate(options.when)]
    faults = []
    for where, name, low, high in limits:
        if name is None or name not in known:
            continue
        metric = known[name]
        for key, value in (("min", low), ("max", high)):
            if value is None:
                continue
            if (metric.low is not None and value < metric.low) or (metric.high is not None and value > metric.high):
                faults.append(f"{where}.{key}: impossible threshold {value:g}: {name} {_range(metric)}")
    return faults


def applicable(options: RuleConfig, table: JudgeTable) -> Mask:
    """Return where a rule applies at all: its conditions hold and the language is one of its languages."""
    found = np.ones(table.num_rows, dtype=bool)
    for condition in options.when:
        values = table.values(condition.metric)
        found &= ~np.isnan(values)
        if condition.min is not None:
            found &= values >= condition.min
        if condition.max is not None:
            found &= values <= condition.max
    if options.languages:
        wanted = pa.array(sorted({primary_code(language) for language in options.languages}), pa.string())
        found &= pc.is_in(table.languages, value_set=wanted).to_numpy(zero_copy_only=False)
    return found


def nothing(name: str, options: RuleConfig) -> RuleFindings:
    """Return no findings."""
    return RuleFindings(
        rule=name, action=Action(options.action), rows=np.zeros(0, dtype=np.int64), causes=(), messages=()
    )


def _range(metric: Metric) -> str:
    if metric.low is not None and metric.high is not None:
        return f"lies between {metric.low:g} and {metric.high:g}"
    return f"is never below {metric.low:g}" if metric.low is not None else f"is never above {metric.high:g}"
