"""How many pairs of each kind a run holds, how many were compared and how many judged: what `clean` stands for.

A set whose pairs no model compared may be clean in its files and texts, and that has to be said in these words. Pairs
that are too few to be judged by the set itself need a way out: the raw limits of the config, with where they come from.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmcheck.config import Config, RuleConfig
from mmcheck.core.pair_kinds import PAIR_KINDS, Comparison, PairKind
from mmcheck.core.sentences import count_noun
from mmcheck.judge.message import show_number
from mmcheck.judge.table import JudgeTable
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_summary import PairSummary, RunSummary

_TOO_LITTLE = ("too_few_pairs", "captions_all_alike", "no_vectors")
"""Causes for which the model may be fine: only the set gives nothing to compare with."""


class ComparedPairs:
    """Counts as the shards go by."""

    def __init__(self) -> None:
        self._counts: dict[PairKind, Counter[str]] = {kind: Counter() for kind in PAIR_KINDS}
        self._causes: dict[PairKind, Counter[str]] = {kind: Counter() for kind in PAIR_KINDS}

    def add(self, table: JudgeTable) -> None:
        """Count one group of shards."""
        for kind in PAIR_KINDS:
            whole = table.has(kind.medium) & table.has(kind.text) & ~table.has_problem
            by = kind.compared_by(table.probes)
            if by is None:
                compared = judged = np.zeros(table.num_rows, dtype=bool)
            else:
                compared = table.has_values(by.probe, by.metrics)
                judged = np.isfinite(table.values(by.posterior))
                causes = table.words(by.judged_by, by.cause_column).filter(~judged).drop_null()
                self._causes[kind].update(causes.to_pylist())
            counts = self._counts[kind]
            counts["pairs"] += int((whole | compared).sum())
            counts["compared"] += int(compared.sum())
            counts["judged"] += int(judged.sum())

    def describe(self, run: RunFolder, config: Config) -> dict[str, PairSummary]:
        """Return what summary.json says under ``pairs``, by kind; kinds that the run does not hold are left out.

        ``pairs``, ``compared`` and ``judged`` are counts, ``by_raw_limit`` those that only a raw limit judged. There is
        a ``warning`` where pairs were not compared or not judged, a ``note`` where raw limits decided, and
        ``raw_limits_off`` where they could.

        Args:
            run: The run.
            config: The config that it is judged with.
        """
        return {kind.name: self._describe(kind, run, config) for kind in PAIR_KINDS if self._counts[kind]["pairs"]}

    def _describe(self, kind: PairKind, run: RunFolder, config: Config) -> PairSummary:
        counts = self._counts[kind]
        by = kind.compared_by(run.record.probes)
        raw = (
            {name: rule for name, rule in config.rules.items() if rule.metric in kind.raw_metrics}
            if by is None or by.probe == kind.probe
            else {}
        )
        in_force = {name: rule for name, rule in raw.items() if rule.enabled}
        left = counts["compared"] - counts["judged"]
        found: PairSummary = {
            "pairs": counts["pairs"],
            "compared": counts["compared"],
            "judged": counts["judged"],
            "by_raw_limit": left if in_force else 0,
        }
        lacking = sum(self._causes[kind][cause] for cause in _TOO_LITTLE)
        if by is None:
            found["warning"] = (
                f"{_number(kind, counts['pairs'])} NOT compared: {_why_not(kind, run)}. "
                f"The verdicts on these rows are based on {_based_on(config, run)} alone."
            )
        elif left and not in_force and by.judged_by not in run.record.analyses:
            found["warning"] = (
                f"{_number(kind, left)} compared but NOT judged: the analysis {by.judged_by} did not run, and no rule "
                "looks at the raw values."
            )
        notes = []
        if by is not None and by.probe != kind.probe:
            notes.append(_tell_second(kind, by, counts["compared"], run))
        part = run.record.probes.get(kind.probe)
        if part is not None and part.is_given:
            pairs = f"{kind.pairs[:1].upper()}{kind.pairs[1:]}"
            notes.append(f"{pairs} were compared {part.told_given}; no model was run.")
        if left and in_force:
            notes.append(
                f"{_number(kind, left)} judged by raw limits alone: {_tell_limits(in_force, kind, run)}. "
                "That finds gross mismatches; pairs that pass are not known to be right."
            )
        if notes:
            found["note"] = " ".join(notes)
        off = {name: rule for name, rule in raw.items() if not rule.enabled}
        if lacking and off and not in_force:
            found["raw_limits_off"] = {"pairs": lacking, "rules": list(off), "limits": _tell_limits(off, kind, run)}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do about pairs that the set gives too little to judge by."""

    sentence: str
    """Why, and what the command does."""
    command: str
    """The command in full."""
    limits: tuple[str, ...]
    """The limits that it sets, and where they come from."""


def advise(summary: RunSummary, folder: str) -> Advice | None:
    """Return the command that judges by raw limits what the set is too small for, or None if there is no need of it.

    Args:
        summary: The content of summary.json.
        folder: The run folder.
    """
    parts = summary.get("pairs", {})
    needy = [kind for kind in PAIR_KINDS if "raw_limits_off" in parts.get(kind.name, {})]
    if not needy:
        return None
    off = [parts[kind.name]["raw_limits_off"] for kind in needy]
    told = " and ".join(count_noun(part["pairs"], *_nouns(kind)) for kind, part in zip(needy, off, strict=True))
    rules = [name for part in off for name in part["rules"]]
    options = " ".join(f"--set rules.{name}.enabled=true" for name in rules)
    return Advice(
        sentence=f"The set gives too little to judge {told} by. To use raw limits, without measuring again:",
        command=f"mmcheck judge {shlex.quote(folder)} {options}",
        limits=tuple(part["limits"] for part in off),
    )


def tell_limits(summary: RunSummary) -> str:
    """Return in a few words what was not done with the pairs of a run; "" if they were compared and judged."""
    parts = summary.get("pairs", {})
    warned = [kind for kind in PAIR_KINDS if "warning" in parts.get(kind.name, {})]
    if not warned:
        return ""
    compared = any(parts[kind.name]["compared"] for kind in warned)
    who = "pairs" if len(warned) == len(parts) else " and ".join(kind.pairs for kind in warned)
    looked_at = "columns" if summary.get("probes") == {} else "files and texts"
    return f"{looked_at} checked; {who} NOT {'judged' if compared else 'compared'}"


def _nouns(kind: PairKind) -> tuple[str, str]:
    return kind.pair, kind.pairs


def _number(kind: PairKind, count: int) -> str:
    return f"{count_noun(count, *_nouns(kind))} {'was' if count == 1 else 'were'}"


def _why_not(kind: PairKind, run: RunFolder) -> str:
    reason = run.record.skipped_probes.get(kind.probe)
    return f"the probe {kind.probe} did not run ({reason or 'it is not enabled'})"


def _based_on(config: Config, run: RunFolder) -> str:
    """Return what is left to judge by where no model compared the pairs."""
    if not config.judged_columns:
        return "their files and texts"
    told = f"the manifest's own columns that rules look at ({', '.join(config.judged_columns)})"
    return f"their files and texts and {told}" if run.record.probes else told


def _tell_second(kind: PairKind, by: Comparison, count: int, run: RunFolder) -> str:
    model = run.record.probes[by.probe].model
    return f"{_number(kind, count)} compared by the second verifier alone ({model or by.probe}): {_why_not(kind, run)}."


def _tell_limits(rules: Mapping[str, RuleConfig], kind: PairKind, run: RunFolder) -> str:
    told = []
    for name, rule in rules.items():
        limits = [
            f"{side} {show_number(value)}"
            for side, value in (("at least", rule.min), ("at most", rule.max))
            if value is not None
        ]
        source = f", {rule.source}" if rule.source else ""
        told.append(f"{name}: {rule.metric} {' and '.join(limits)}{source}")
    part = run.record.probes.get(kind.probe)
    model = part.model if part is not None else ""
    return "; ".join(told) + (f"; this run's model is {model}" if model else "")
