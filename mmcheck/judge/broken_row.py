"""A manifest row that could not be read: there is no sample to measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from mmcheck.config import RuleConfig
from mmcheck.core.types import Action, Metric
from mmcheck.judge.message import MessageTemplate
from mmcheck.judge.rule import RuleFindings, applicable, check_limits, condition_metrics
from mmcheck.judge.table import JudgeTable


class BrokenRowRule:
    """Fires where the format reported a problem; the cause is the format's own word.

    Args:
        name: Name of the rule in the config.
        options: Its section.

    Raises:
        ConfigError: If the message is not a sound template.
    """

    causes = (
        "ambiguous",
        "bad_duration",
        "bad_path",
        "bad_segment",
        "broken_csv",
        "broken_json",
        "broken_line",
        "dotted_key",
        "duplicate_key",
        "encoding",
        "manifest_cut_short",
        "missing_column",
        "missing_media",
        "not_an_object",
        "not_text",
        "nul_bytes",
        "ragged",
        "split_key",
        "text_too_long",
        "unclosed_quote",
    )

    def __init__(self, name: str, options: RuleConfig) -> None:
        self.name = name
        self.options = options
        self.metrics = condition_metrics(options)
        self._fixed = fixed_message(name, options)

    def check(self, known: Mapping[str, Metric]) -> list[str]:
        """Return a sentence for each condition that can never hold."""
        return check_limits(self.name, self.options, known)

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each broken row."""
        rows = np.flatnonzero(table.has_problem & applicable(self.options, table))
        chosen = pa.array(rows)
        causes = table.problem_causes.take(chosen).to_pylist()
        messages = table.problem_messages.take(chosen).to_pylist()
        return RuleFindings(
            rule=self.name,
            action=Action(self.options.action),
            rows=rows,
            causes=causes,
            messages=[self._fixed or message or "The manifest row cannot be read." for message in messages],
        )


def fixed_message(name: str, options: RuleConfig) -> str | None:
    """Return the message of a rule that has no numbers to fill in, or None if the config gives none.

    Raises:
        ConfigError: If the message uses a field all the same.
    """
    if options.message is None:
        return None
    return MessageTemplate(options.message, f"rules.{name}.message", fields=()).fill("", 0.0, 0.0)
