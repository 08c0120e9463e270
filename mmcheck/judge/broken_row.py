"""A manifest row that could not be read: there is no sample to measure."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mmcheck.core.part_traits import RuleTraits
from mmcheck.core.types import Action
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable
from mmcheck.judge.table import JudgeTable


class BrokenRowRule(BaseRule):
    """Fires where the format reported a problem; the cause is the format's own word."""

    traits = RuleTraits(meaning="The manifest row cannot be read", law=Action.QUARANTINE)
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
        "failed_download",
        "missing_text",
        "not_an_object",
        "not_text",
        "nul_bytes",
        "ragged",
        "split_key",
        "text_too_long",
        "unclosed_quote",
        "unsafe_member",
    )

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each broken row."""
        rows = np.flatnonzero(table.has_problem & applicable(self.options, table))
        chosen = pa.array(rows)
        causes = table.problem_causes.take(chosen).to_pylist()
        messages = table.problem_messages.take(chosen).to_pylist()
        return self.findings(rows, causes, [message or "The manifest row cannot be read." for message in messages])
