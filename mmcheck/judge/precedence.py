"""Which finding speaks where several rules see one and the same fault.

A rule that says less than another names it under ``unless`` and is silent on the rows where that one speaks, so that
one fault is one finding. A milder rule silences none: whatever is written there, no verdict becomes milder by it.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from mmcheck.config import RuleConfig
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Action
from mmcheck.judge.rule import Rule, RuleFindings

SEVERITY = (Action.KEEP, Action.FLAG, Action.UNCHECKED, Action.QUARANTINE)
"""The actions from mild to severe; the most severe finding decides."""


def check_unless(name: str, options: RuleConfig, known: Collection[str]) -> None:
    """Refuse a rule that gives way to one that does not exist, or to itself.

    Args:
        name: The rule.
        options: Its section.
        known: Names of all rules of the config, disabled ones included.

    Raises:
        ConfigError: If it does.
    """
    for other in options.unless:
        if other == name:
            raise ConfigError(f"rules.{name}.unless: the rule names itself.")
        if other not in known:
            near = difflib.get_close_matches(other, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else None
            raise ConfigError(f"rules.{name}.unless: there is no rule {other!r}.", hint=hint)


def give_way(found: Mapping[str, RuleFindings], rules: Sequence[Rule], num_rows: int) -> Iterator[RuleFindings]:
    """Yield the findings of each rule, in order, without those that another rule's take the place of.

    Args:
        found: Findings by rule, of all that were applied.
        rules: The rules.
        num_rows: Rows of the table.
    """
    options = {rule.name: rule.options for rule in rules}
    for name, findings in found.items():
        silent = np.zeros(num_rows, dtype=bool)
        for other in options[name].unless:
            if other in found and _is_as_severe(found[other], findings):
                silent[found[other].rows] = True
        yield findings.only(~silent) if silent.any() and len(findings) else findings


def _is_as_severe(one: RuleFindings, other: RuleFindings) -> bool:
    return SEVERITY.index(one.action) >= SEVERITY.index(other.action)
