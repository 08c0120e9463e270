"""A metric below its min or above its max: most policies need no other rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import RuleConfig
from mmcheck.core.errors import ConfigError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Action, Metric
from mmcheck.judge.message import MessageTemplate, show_number
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable, check_limits, condition_metrics, nothing
from mmcheck.judge.table import JudgeTable


class ThresholdRule(BaseRule):
    """Fires where a metric lies outside ``min`` and ``max``, which themselves are kept.

    A sample without the value never fires: what could not be measured is the business of ``unmeasured``.

    Args:
        name: Name of the rule in the config.
        options: Its section; ``metric`` and ``min`` or ``max`` are set.

    Raises:
        ConfigError: If the message is not a sound template.
    """

    causes: ClassVar[tuple[str, ...]] = ("below_min", "above_max")

    def __init__(self, name: str, options: RuleConfig) -> None:
        if options.metric is None:
            raise ConfigError(f"rules.{name}: a threshold rule needs `metric: <probe>.<metric>`.")
        self.name = name
        self.options = options
        self.metric = options.metric
        self.metrics = (options.metric, *condition_metrics(options))
        self._description = ""
        # Not that of BaseRule: this one has numbers.
        self._template = None if options.message is None else MessageTemplate(options.message, f"rules.{name}.message")

    @classmethod
    def find_fault(cls, options: RuleConfig) -> str | None:
        """Return what is wrong with the keys of a section, or None."""
        if options.metric is None:
            return f"a {options.rule} rule needs `metric: <probe>.<metric>`"
        if options.min is None and options.max is None:
            return f"a {options.rule} rule needs `min`, `max` or both"
        return None

    def check(self, known: Mapping[str, Metric]) -> list[str]:
        """Return a sentence for each limit that its metric can never reach."""
        if self.metric in known:
            self._description = known[self.metric].description.strip().rstrip(".")
        return check_limits(self.name, self.options, known)

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each row whose value lies outside the limits."""
        values = table.values(self.metric)
        low = np.full(len(values), False) if self.options.min is None else values < self.options.min
        high = np.full(len(values), False) if self.options.max is None else values > self.options.max
        rows = np.flatnonzero((low | high) & applicable(self.options, table))
        if not len(rows):
            return nothing(self.name, self.options)
        observed = values[rows]
        is_low = low[rows]
        limit = np.where(
            is_low,
            np.nan if self.options.min is None else self.options.min,
            np.nan if self.options.max is None else self.options.max,
        )
        return RuleFindings(
            rule=self.name,
            action=Action(self.options.action),
            rows=rows,
            causes=["below_min" if below else "above_max" for below in is_low.tolist()],
            messages=[
                self._message(*seen) + rests
                for *seen, rests in zip(observed.tolist(), limit.tolist(), self._bases(table, rows), strict=True)
            ],
            metric=self.metric,
            observed=observed,
            limit=limit,
        )

    def _bases(self, table: JudgeTable, rows: NDArray[np.int64]) -> list[str]:
        """Return for each row a sentence on what the value rests on, where that is not the set itself; else ""."""
        name = self.metric.partition(".")[0]
        for kind in PAIR_KINDS:
            if name in kind.analyses or self.metric == kind.posterior:
                told = table.words(name, kind.basis_column).take(pa.array(rows)).to_pylist()
                return [f" {text[:1].upper()}{text[1:]}." if text else "" for text in told]
        return [""] * len(rows)

    def _message(self, observed: float, limit: float) -> str:
        if self._template is not None:
            return self._template.fill(self.metric, observed, limit)
        side = "below the minimum" if observed < limit else "above the maximum"
        meaning = f" ({self._description})" if self._description else ""
        return f"{self.metric}{meaning} is {show_number(observed, beside=limit)}, {side} {show_number(limit)}."
