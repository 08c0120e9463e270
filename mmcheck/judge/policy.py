"""The policy: rules in, one verdict a sample out.

The rules of the config come first. Then two laws hold whatever the config says: a broken row is quarantined, and a
sample that could not be measured is never kept or merely flagged. Judging holds no clock time and no randomness, so
judging twice gives equal tables.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import COLUMN_PREFIX, REVIEW_RULE, RuleConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.types import Action, Metric
from mmcheck.judge.blind_model import without_blind
from mmcheck.judge.columns import column_name, is_column
from mmcheck.judge.precedence import SEVERITY, check_unless, give_way
from mmcheck.judge.rule import RULES, Rule, RuleFindings, WholeRunRule
from mmcheck.judge.table import JudgeTable
from mmcheck.store.schema import FINDING, VERDICTS

_RANK = {action: rank for rank, action in enumerate(SEVERITY)}
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Policy:
    """The rules of a config, ready to judge.

    Args:
        rules: Name -> section, in the order of the config; disabled ones are left out.

    Raises:
        ConfigError: Naming every fault of the rules at once.
    """

    def __init__(self, rules: Mapping[str, RuleConfig]) -> None:
        self.digest = digest_value({name: options.model_dump(mode="json") for name, options in rules.items()})
        self.rules: list[Rule] = []
        self.inactive: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        """Rule name -> why it cannot fire in this run; filled by ``check_metrics``."""
        faults: list[ConfigError] = []
        for name, options in rules.items():
            try:
                _check_name(name, options)
                check_unless(name, options, rules)
                if options.enabled:
                    self.rules.append(RULES.get(options.rule)(name, options))
            except ConfigError as error:
                faults.append(error)
        _raise_all(faults)
        self._laws = _laws()
        for rule in (*self.rules, *self._laws):
            rule.look_at(rules)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the metrics that the rules read, each once, in the order of the rules."""
        return tuple(dict.fromkeys(metric for rule in self.rules for metric in rule.metrics))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the manifest's own columns that the rules read, each once, in the order of the rules."""
        return tuple(column_name(metric) for metric in self.metrics if is_column(metric))

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """Return the columns that rules look at over the whole run."""
        found = (name for rule in self.rules if isinstance(rule, WholeRunRule) for name in rule.unique_columns)
        return tuple(dict.fromkeys(found))

    def rules_on(self, column: str) -> list[str]:
        """Return the names of the rules that read a column of the manifest."""
        return [rule.name for rule in self.rules if f"{COLUMN_PREFIX}{column}" in rule.metrics]

    def check_metrics(self, known: Mapping[str, Metric], enabled: Collection[str]) -> None:
        """Check the rules against the metrics and note which of them are inactive. Call it before ``judge``.

        Args:
            known: Full name -> metric, of every probe and analysis that there is, enabled or not.
            enabled: Names of the probes and analyses of this run.

        Raises:
            ConfigError: Naming every unknown metric, with the nearest one, and every impossible threshold.
        """
        faults: list[str] = []
        inactive: dict[str, str] = {}
        missing: dict[str, str] = {}
        described = {name.partition(".")[0] for name in known}
        for rule in self.rules:
            for metric in rule.metrics:
                if is_column(metric):
                    continue  # whether the manifest has it is known from its rows alone
                probe = metric.partition(".")[0]
                if metric not in known and (probe in described or probe not in (*PROBES.names(), *ANALYSES.names())):
                    faults.append(f"rules.{rule.name}: unknown metric {metric!r}" + _nearest(metric, known))
                elif probe not in enabled:
                    missing.setdefault(rule.name, probe)
                    inactive.setdefault(rule.name, f"{metric} is not measured: {probe} is not enabled")
                elif not _is_fed(probe, enabled):
                    missing.setdefault(rule.name, probe)
                    inactive.setdefault(rule.name, f"{metric} is not measured: no probe that {probe} reads is enabled")
            faults += rule.check(known)
        if faults:
            count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
            lines = "\n".join(f"  {fault}" for fault in faults)
            raise ConfigError(f"the rules have {count}:\n{lines}", hint="`mmcheck list` prints all metrics.")
        self.inactive, self._missing = inactive, missing

    def missed(self, halves: Collection[str], unset: Collection[str]) -> list[str]:
        """Return the inactive rules that would have had something to judge in a set, sorted.

        Args:
            halves: Columns of media and texts that any sample of the set has.
            unset: Probes that run only where the config says more, such as which model.
        """
        return sorted(name for name in self.inactive if _concerns(self._missing[name], halves, unset))

    def judge(self, table: JudgeTable) -> pa.Table:
        """Return one verdict a sample, in the verdicts schema of the run folder."""
        rank = np.zeros(table.num_rows, dtype=np.int8)
        found: list[RuleFindings] = []
        active = [rule for rule in self.rules if rule.name not in self.inactive]
        applied = {
            rule.name: without_blind(rule.apply(table), rule.options, table)
            for rule in active
            if not rule.traits.is_last
        }
        for findings in give_way(applied, self.rules, table.num_rows):
            _add(found, rank, findings)
        for law in self._laws:
            if not law.traits.is_last:
                _add(found, rank, law.apply(table).only(rank < _RANK[Action.UNCHECKED]))
        for rule in active:
            if rule.traits.is_last:
                _add(found, rank, rule.apply(table).only(rank < _RANK[Action.QUARANTINE]))
        for law in self._laws:
            if law.traits.is_last:
                _add(found, rank, law.apply(table).only(rank < _RANK[Action.UNCHECKED]))
        offsets, findings = _assemble(found, table.num_rows)
        words = pa.array([action.value for action in SEVERITY], pa.string())
        columns = {
            "sample_id": table.ids,
            "action": words.take(pa.array(rank)),
            "codes": pa.ListArray.from_arrays(offsets, findings.field("code")),
            "findings": pa.ListArray.from_arrays(offsets, findings),
            "policy_digest": pa.repeat(pa.scalar(self.digest, pa.string()), table.num_rows),
            "decided_by": pa.repeat(pa.scalar("policy", pa.string()), table.num_rows),
        }
        return pa.table(columns, schema=VERDICTS)


def _laws() -> list[Rule]:
    """Return the rules that hold whatever the config says. Only mmcheck's own can be such."""
    kinds = {entry.name: RULES.get(entry.name) for entry in RULES if not entry.package}
    return [
        kind(name, RuleConfig.model_validate({"rule": name, "action": kind.traits.law.value}))
        for name, kind in kinds.items()
        if kind.traits.law is not None
    ]


def _is_fed(analysis: str, enabled: Collection[str]) -> bool:
    """Return whether a probe that an analysis reads is part of the run; true for probes and for what reads any."""
    reads = ANALYSES.get(analysis).traits.reads if analysis in ANALYSES else ()
    return not reads or any(probe in enabled for probe in reads)


def _concerns(part: str, halves: Collection[str], unset: Collection[str]) -> bool:
    """Return whether a probe or an analysis that did not run would have looked at such a set."""
    probes = ANALYSES.get(part).traits.reads if part in ANALYSES else (part,)
    known = [probe for probe in probes if probe in PROBES]
    if known and all(probe in unset for probe in known):
        return False
    wanted = {half for probe in known for half in PROBES.get(probe).traits.halves}
    return not wanted or any(half in halves for half in wanted)


def _add(found: list[RuleFindings], rank: NDArray[np.int8], findings: RuleFindings) -> None:
    if len(findings):
        found.append(findings)
        rank[findings.rows] = np.maximum(rank[findings.rows], _RANK[findings.action])


def _assemble(found: list[RuleFindings], num_rows: int) -> tuple[pa.Array, pa.StructArray]:
    """Return list offsets and the flat findings.

    They stand in the order of the rows; within a row the most severe comes first, then the order of the rules decides.
    """
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *(part.rows for part in found)])
    ranks = [np.full(len(part), _RANK[part.action], np.int8) for part in found]
    order = pa.array(np.lexsort((-np.concatenate([np.zeros(0, dtype=np.int8), *ranks]), rows)))
    offsets = np.zeros(num_rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=num_rows), out=offsets[1:])
    columns = {
        "rule": _texts([part.rule] * len(part) for part in found),
        "code": _texts(_codes(part) for part in found),
        "action": _texts([part.action.value] * len(part) for part in found),
        "message": _texts(part.messages for part in found),
        "metric": _texts([part.metric] * len(part) for part in found),
        "observed": _numbers((part.observed, len(part)) for part in found),
        "limit": _numbers((part.limit, len(part)) for part in found),
    }
    flat = [columns[field.name].take(order) for field in FINDING]
    return pa.array(offsets), pa.StructArray.from_arrays(flat, fields=list(FINDING))


def _codes(part: RuleFindings) -> list[str]:
    code_of = {cause: f"{part.rule}.{cause}" for cause in set(part.causes)}
    return [code_of[cause] for cause in part.causes]


def _texts(parts: Iterable[Sequence[str | None]]) -> pa.Array:
    return pa.array(list(chain.from_iterable(parts)), pa.string())


def _numbers(parts: Iterable[tuple[NDArray[np.float64] | None, int]]) -> pa.Array:
    filled = [np.full(length, np.nan) if values is None else values for values, length in parts]
    values = np.concatenate([np.zeros(0), *filled])
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _check_name(name: str, options: RuleConfig) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"rules.{name}: {name!r} cannot be a rule's name, because codes are <rule>.<cause>; "
            "use letters, digits, _ and - only."
        )
    if name == REVIEW_RULE:
        raise ConfigError(f"rules.{name}: findings by people have this name; give the rule another one.")
    if name in RULES and name != options.rule:
        raise ConfigError(f"rules.{name}: {name!r} is a kind of rule, but this is a rule of kind {options.rule!r}.")


def _nearest(metric: str, known: Mapping[str, Metric]) -> str:
    probe, _, short = metric.partition(".")
    by_kind = [name for kind in PAIR_KINDS if (name := f"{probe}.{kind.name}_{short}") in known]
    if by_kind:
        return f"; each kind of pair has its own: {' and '.join(by_kind)}"
    if not short or probe in ("columns", "col", "row", "manifest", "metadata"):
        return f"; a column of the manifest is written {COLUMN_PREFIX}{short or probe}"
    near = difflib.get_close_matches(metric, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _raise_all(faults: list[ConfigError]) -> None:
    if len(faults) == 1:
        raise faults[0]
    if faults:
        lines = "\n".join(f"  {fault.message}" for fault in faults)
        hints = " ".join(dict.fromkeys(fault.hint for fault in faults if fault.hint))
        raise ConfigError(f"the rules have {len(faults)} faults:\n{lines}", hint=hints or None)
