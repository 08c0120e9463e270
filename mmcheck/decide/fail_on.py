"""``--fail-on unchecked=5%,empty_text=0``: limits on a verdict, for pipelines that must not go on beyond them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import RuleConfig
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Action
from mmcheck.store.run_folder import RunFolder, read_part

ACTIONS = tuple(action.value for action in Action if action is not Action.KEEP)
"""What a limit may be set on besides rules and codes."""

_LIMIT = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<percent>%?)")


@dataclass(frozen=True, slots=True)
class FailOn:
    """The most rows that one outcome may have."""

    name: str
    """An action, a rule, or a finding's code."""
    limit: float
    """Rows, or per cent of the rows read."""
    is_share: bool
    """Whether the limit is in per cent."""

    def is_broken_by(self, count: int, rows: int) -> bool:
        """Return whether ``count`` of ``rows`` are too many."""
        return count * 100 > self.limit * rows if self.is_share else count > self.limit

    def __str__(self) -> str:
        """Return the limit as a person wrote it."""
        return f"{self.limit:g} %" if self.is_share else f"{self.limit:g}"


def parse_fail_on(texts: Sequence[str], rules: Mapping[str, RuleConfig]) -> list[FailOn]:
    """Return the limits of ``name=limit`` lists, separated by commas.

    Args:
        texts: What was given; each may hold several.
        rules: The rules that will judge.

    Raises:
        ConfigError: If a limit is no number of rows or per cent, or its name is nothing that a verdict can hold.
    """
    return [_parse(part, rules) for text in texts for part in text.split(",") if part.strip()]


def tell_broken(limits: Sequence[FailOn], run: RunFolder) -> list[str]:
    """Return a sentence for each limit that the run's verdicts break."""
    rows = run.record.rows
    counts = _count_rows(run, {entry.name for entry in limits})
    return [
        f"{entry.name}: {counts[entry.name]:,} of {rows:,} rows "
        f"({100 * counts[entry.name] / max(rows, 1):.1f} %), but --fail-on allows {entry}."
        for entry in limits
        if entry.is_broken_by(counts[entry.name], rows)
    ]


def _parse(text: str, rules: Mapping[str, RuleConfig]) -> FailOn:
    name, equals, wanted = (part.strip() for part in text.partition("="))
    match = _LIMIT.fullmatch(wanted)
    if not equals or not name or match is None:
        raise ConfigError(
            f"--fail-on needs name=limit, but got {text.strip()!r}.",
            hint="the limit is a number of rows or a share: --fail-on unchecked=5%,quarantine=20%,empty_text=0",
        )
    limit = FailOn(name, float(match["number"]), match["percent"] == "%")
    if limit.is_share and limit.limit > 100:
        raise ConfigError(f"--fail-on {text.strip()}: a share is at most 100%.")
    if not limit.is_share and "." in match["number"]:
        share = f"{name}={100 * limit.limit:g}%"
        raise ConfigError(
            f"--fail-on {text.strip()}: a number of rows must be a whole number.",
            hint=f"a share needs a % sign: --fail-on {share}",
        )
    _check_name(name, rules)
    return limit


def _check_name(name: str, rules: Mapping[str, RuleConfig]) -> None:
    if name in ACTIONS:
        return
    rule = name.partition(".")[0]
    if rule not in rules:
        near = difflib.get_close_matches(name, [*ACTIONS, *rules], n=1)
        raise ConfigError(
            f"--fail-on {name}: this is no action, no rule of the config and no finding's code.",
            hint=f"did you mean {near[0]!r}?"
            if near
            else f"actions are: {', '.join(ACTIONS)}; rules: mmcheck config show.",
        )
    if not rules[rule].enabled:
        raise ConfigError(f"--fail-on {name}: the rule {rule!r} is off.", hint=f"--set rules.{rule}.enabled=true")


def _count_rows(run: RunFolder, names: Collection[str]) -> dict[str, int]:
    """Return how many rows have each action, or a finding of each rule or code."""
    counts = dict.fromkeys(names, 0)
    for shard in run.shards():
        table = read_part(run.verdicts_part(shard), ["action", "codes"])
        codes = pc.list_flatten(table["codes"])
        parents = pc.list_parent_indices(table["codes"])
        for name in names:
            if name in ACTIONS:
                counts[name] += pc.sum(pc.equal(table["action"], name)).as_py() or 0
            else:
                hit = pc.or_(pc.equal(codes, name), pc.starts_with(codes, f"{name}."))
                counts[name] += len(pc.unique(pa.chunked_array(parents).filter(hit)))
    return counts
