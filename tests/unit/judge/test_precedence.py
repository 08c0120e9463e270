from __future__ import annotations

import numpy as np
import pytest

from mmcheck.config import RuleConfig
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Action
from mmcheck.judge.policy import Policy
from mmcheck.judge.precedence import give_way
from mmcheck.judge.rule import RuleFindings


def _policy(**actions: str) -> Policy:
    """Return a policy in which `broad` gives way to `exact`."""
    return Policy(
        {
            name: RuleConfig.model_validate(
                {
                    "metric": "media.wrong_suffix",
                    "max": 0,
                    "action": actions.get(name, "flag"),
                    "unless": ["exact"] if name == "broad" else [],
                }
            )
            for name in ("broad", "exact")
        }
    )


def _findings(policy: Policy, **rows: list[int]) -> dict[str, RuleFindings]:
    return {
        rule.name: RuleFindings(
            rule=rule.name,
            action=Action(rule.options.action),
            rows=np.array(rows[rule.name], dtype=np.int64),
            causes=["above_max"] * len(rows[rule.name]),
            messages=["m"] * len(rows[rule.name]),
        )
        for rule in policy.rules
    }


def _rows_left(policy: Policy, **rows: list[int]) -> dict[str, list[int]]:
    return {part.rule: part.rows.tolist() for part in give_way(_findings(policy, **rows), policy.rules, 5)}


def test_the_more_precise_rule_speaks() -> None:
    assert _rows_left(_policy(), broad=[0, 1, 4], exact=[1, 2]) == {"broad": [0, 4], "exact": [1, 2]}
    assert _rows_left(_policy(exact="quarantine"), broad=[0], exact=[0]) == {"broad": [], "exact": [0]}


def test_a_milder_rule_silences_none() -> None:
    assert _rows_left(_policy(broad="quarantine"), broad=[0, 1], exact=[1]) == {"broad": [0, 1], "exact": [1]}


def test_a_rule_that_gives_way_to_nobody_is_refused() -> None:
    options = {"metric": "media.wrong_suffix", "max": 0}
    rules = {"broad": RuleConfig(**options, unless=("exakt",)), "exact": RuleConfig(**options)}
    with pytest.raises(ConfigError, match=r"no rule 'exakt'[\s\S]*did you mean 'exact'"):
        Policy(rules)
    with pytest.raises(ConfigError, match="names itself"):
        Policy({"broad": RuleConfig(**options, unless=("broad",))})
