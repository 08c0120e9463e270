"""A sample that could not be measured is never kept.

This is the law of the design in code. The policy always applies it; a config can only choose a stricter action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from mmcheck.config import RuleConfig
from mmcheck.core.arrays import Mask
from mmcheck.core.errors import ConfigError
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.core.part_traits import RuleTraits
from mmcheck.core.types import Action, Status
from mmcheck.judge.column_values import is_missing
from mmcheck.judge.columns import column_name, is_column
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable
from mmcheck.judge.table import JudgeTable


class UnmeasuredRule(BaseRule):
    """Fires where a probe failed, where a pair was not compared, or where nothing was measured at all.

    Args:
        name: Name of the rule in the config.
        options: Its section; the action is ``unchecked`` or ``quarantine``.

    Raises:
        ConfigError: If the action is weaker than the law, or the message is not a sound template.
    """

    traits = RuleTraits(
        meaning="The pair was not measured, so it cannot be judged",
        default_action="unchecked",
        law=Action.UNCHECKED,
        is_last=True,
    )
    causes = ("probe_failed", "pair_not_measured", "half_a_pair", "nothing_measured")

    def __init__(self, name: str, options: RuleConfig) -> None:
        if options.action == "flag":
            raise ConfigError(
                f"rules.{name}.action: a sample that could not be measured is never kept, so it cannot be `flag`.",
                hint="use `unchecked` (the default) or `quarantine`.",
            )
        super().__init__(name, options)
        self._columns: tuple[str, ...] = ()

    def look_at(self, rules: Mapping[str, RuleConfig]) -> None:
        """Learn which columns of the manifest other rules of the config judge by."""
        read = (rule.metric for rule in rules.values() if rule.enabled and rule.metric is not None)
        self._columns = tuple(dict.fromkeys(column_name(metric) for metric in read if is_column(metric)))

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return one finding for each sample that could not be measured: the most telling cause."""
        left = applicable(self.options, table)
        found: list[tuple[int, str, str]] = []
        for probe in table.probes:
            rows = _take(left, table.has_status(probe, Status.FAILED))
            reasons = table.reasons(probe).take(pa.array(rows)).to_pylist()
            found += (
                (row, "probe_failed", f"The probe {probe} failed: {reason or 'it gave no reason'}")
                for row, reason in zip(rows.tolist(), reasons, strict=True)
            )
        for kind, mask in _pairs_not_measured(table).items():
            rows = _take(left, mask)
            by = kind.compared_by(table.probes)
            reasons = table.reasons(kind.probe if by is None else by.probe).take(pa.array(rows)).to_pylist()
            found += (
                (
                    row,
                    "pair_not_measured",
                    f"The {kind.medium_noun} and its {kind.text_noun} were not compared: {reason or 'no value'}",
                )
                for row, reason in zip(rows.tolist(), reasons, strict=True)
            )
        for kind, mask in _halves(table).items():
            rows = _take(left, mask)
            has_medium = table.has(kind.medium)
            found += (
                (
                    row,
                    "half_a_pair",
                    f"There is no {kind.text_noun if has_medium[row] else kind.medium_noun}, so there is no pair to "
                    "judge",
                )
                for row in rows.tolist()
            )
        rows = _take(left, _nothing_measured(table, self._columns))
        found += ((row, "nothing_measured", "No probe had anything to measure here") for row in rows.tolist())
        found.sort(key=lambda item: item[0])
        return self.findings(
            np.array([row for row, _, _ in found], dtype=np.int64),
            [cause for _, cause, _ in found],
            [message.rstrip(".") + "." for _, _, message in found],
        )


def _take(left: Mask, mask: Mask) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows of ``mask`` that nobody took yet, and take them."""
    rows = np.flatnonzero(left & mask)
    left[rows] = False
    return rows


def _nothing_measured(table: JudgeTable, columns: Sequence[str]) -> Mask:
    """Return where no probe has a value, and no column that a rule judges by has one either."""
    measured = np.zeros(table.num_rows, dtype=bool)
    if not table.probes:
        for name in columns:
            measured |= np.array([not is_missing(value) for value in table.column(name)], dtype=bool)
    for probe in table.probes:
        measured |= table.has_values(probe)
    return ~measured


def _halves(table: JudgeTable) -> dict[PairKind, Mask]:
    """Return for each kind the rows that hold one half without the other.

    A medium beside a whole pair is fine (the cover picture of a recording); a text is not: its medium is lost.
    """
    whole = np.zeros(table.num_rows, dtype=bool)
    for kind in PAIR_KINDS:
        whole |= table.has(kind.medium) & table.has(kind.text)
    found = {}
    for kind in PAIR_KINDS:
        has_medium, has_text = table.has(kind.medium), table.has(kind.text)
        # By a vector that was given a pair is compared although its row names no medium.
        compared = table.has_values(kind.probe, kind.comparisons) if kind.probe in table.probes else whole & False
        found[kind] = (has_medium & ~has_text & ~whole) | (has_text & ~has_medium & ~compared)
    return found


def _pairs_not_measured(table: JudgeTable) -> dict[PairKind, Mask]:
    """Return for each kind whose probe ran where it should have compared a pair and did not.

    A sample with both halves must have been compared, an empty text included. One with a single half (an image without
    any caption) must at least have been compared as another pair, or nobody ever checked what belongs to what.
    """
    ran = {kind: by for kind in PAIR_KINDS if (by := kind.compared_by(table.probes)) is not None}
    compared = {kind: table.has_values(by.probe, by.metrics) for kind, by in ran.items()}
    any_compared = np.zeros(table.num_rows, dtype=bool)
    for mask in compared.values():
        any_compared |= mask
    found = {}
    for kind in ran:
        has_medium, has_text = table.has(kind.medium), table.has(kind.text)
        whole, half = has_medium & has_text, has_medium ^ has_text
        found[kind] = ~compared[kind] & (whole | (half & ~any_compared))
    return found
