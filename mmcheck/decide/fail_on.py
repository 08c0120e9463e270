"""``--fail-on unchecked=5%,empty_text=0``: limits on a verdict, for pipelines that must not go on beyond them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import RuleConfig
from mmcheck.core.arrays import Mask
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


def parse_limit(name: str, wanted: str, rules: Mapping[str, RuleConfig], *, given: str) -> FailOn:
    """Return one limit.

    Args:
        name: An action, a rule, or a finding's code.
        wanted: A number of rows, or a share: ``10``, ``5%``.
        rules: The rules that judge.
        given: What stood before the name, for messages: ``--fail-on ``.

    Raises:
        ConfigError: If the limit is no number of rows or per cent, or the name is nothing that a verdict can hold.
    """
    limit = _read_limit(name, wanted, given)
    _check_name(name, rules, given)
    return limit


def parse_share(name: str, wanted: str, *, given: str) -> float:
    """Return a limit that must be a share, in [0, 1].

    Args:
        name: What is limited.
        wanted: The limit as it was written: ``5%``.
        given: What stood before the name, for messages.

    Raises:
        ConfigError: If it is none.
    """
    limit = _read_limit(name, wanted, given)
    if not limit.is_share:
        raise ConfigError(
            f"{given}{name}={wanted}: this is an estimate, so its limit is a share.",
            hint=f"a share needs a % sign: {given}{name}=2%",
        )
    return limit.limit / 100


def _parse(text: str, rules: Mapping[str, RuleConfig]) -> FailOn:
    name, equals, wanted = (part.strip() for part in text.partition("="))
    if not equals or not name or _LIMIT.fullmatch(wanted) is None:
        raise ConfigError(
            f"--fail-on needs name=limit, but got {text.strip()!r}.",
            hint="the limit is a number of rows or a share: --fail-on unchecked=5%,quarantine=20%,empty_text=0",
        )
    return parse_limit(name, wanted, rules, given="--fail-on ")


def _read_limit(name: str, wanted: str, given: str) -> FailOn:
    match = _LIMIT.fullmatch(wanted.strip())
    if match is None:
        raise ConfigError(
            f"{given}{name} needs a number of rows or a share, but is {wanted!r}.",
            hint=f"for example {given}{name}=10 or {given}{name}=5%",
        )
    limit = FailOn(name, float(match["number"]), match["percent"] == "%")
    if limit.is_share and limit.limit > 100:
        raise ConfigError(f"{given}{name}={wanted}: a share is at most 100%.")
    if not limit.is_share and "." in match["number"]:
        raise ConfigError(
            f"{given}{name}={wanted}: a number of rows must be a whole number.",
            hint=f"a share needs a % sign: {given}{name}={100 * limit.limit:g}%",
        )
    return limit


def _check_name(name: str, rules: Mapping[str, RuleConfig], given: str) -> None:
    if name in ACTIONS:
        return
    rule = name.partition(".")[0]
    if rule not in rules:
        near = difflib.get_close_matches(name, [*ACTIONS, *rules], n=1)
        raise ConfigError(
            f"{given}{name}: this is no action, no rule of the config and no finding's code.",
            hint=f"did you mean {near[0]!r}?"
            if near
            else f"actions are: {', '.join(ACTIONS)}; rules: mmcheck config show.",
        )
    if not rules[rule].enabled:
        raise ConfigError(
            f"{given}{name}: the rule {rule!r} is off.", hint=f"judge with it: --set rules.{rule}.enabled=true"
        )


def mark_rows(verdicts: pa.Table, names: Collection[str]) -> dict[str, Mask]:
    """Return which rows have each action, or a finding of each rule or code, shape (n,) each.

    Args:
        verdicts: Verdicts with ``action`` and ``codes``.
        names: Actions, rules and codes.
    """
    codes = pc.list_flatten(verdicts["codes"])
    parents = pa.chunked_array(pc.list_parent_indices(verdicts["codes"]))
    found = {}
    for name in names:
        if name in ACTIONS:
            found[name] = pc.equal(verdicts["action"], name).to_numpy()
        else:
            hit = pc.or_(pc.equal(codes, name), pc.starts_with(codes, f"{name}."))
            found[name] = np.zeros(verdicts.num_rows, dtype=bool)
            found[name][parents.filter(hit).to_numpy()] = True
    return found


def _count_rows(run: RunFolder, names: Collection[str]) -> dict[str, int]:
    """Return how many rows have each action, or a finding of each rule or code."""
    counts = dict.fromkeys(names, 0)
    for shard in run.shards():
        for name, marked in mark_rows(read_part(run.verdicts_part(shard), ["action", "codes"]), names).items():
            counts[name] += int(marked.sum())
    return counts
