"""A pair that could not be held against the dataset: too few pairs, a model that cannot tell, an unverifiable caption.

The alignment analysis says why it gave no posterior. Such a pair is not wrong, but nothing says that it is right
either, so it is not kept. Where another rule of the config looks at the pair's raw values (a similarity, an error
rate), that rule has judged it, and this one is silent.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import RuleConfig
from mmcheck.core.types import Action, Metric, Status
from mmcheck.judge.broken_row import fixed_message
from mmcheck.judge.rule import RuleFindings, applicable, check_limits, condition_metrics, nothing
from mmcheck.judge.table import JudgeTable

ANALYSIS = "alignment"
RAW_METRICS = {
    "image": ("image_text.similarity",),
    "audio": ("transcript.mean_log_prob", "transcript.error_rate", "transcript.wer", "transcript.cer"),
}
"""Modality -> metrics by which a rule judges a pair without its null."""


class UnjudgedRule:
    """Fires where the alignment analysis could not judge a pair that it was meant to judge.

    Args:
        name: Name of the rule in the config.
        options: Its section.

    Raises:
        ConfigError: If the message is not a sound template.
    """

    causes = (
        "too_few_pairs",
        "captions_all_alike",
        "constant_embeddings",
        "model_cannot_tell",
        "misaligned_throughout",
        "unverifiable_caption",
    )

    def __init__(self, name: str, options: RuleConfig) -> None:
        self.name = name
        self.options = options
        self.metrics = (f"{ANALYSIS}.posterior", *condition_metrics(options))
        self._fixed = fixed_message(name, options)
        self._judged_otherwise: frozenset[str] = frozenset()

    def look_at(self, rules: Mapping[str, RuleConfig]) -> None:
        """Learn which modalities other rules of the config judge by raw values."""
        read = {rule.metric for rule in rules.values() if rule.enabled}
        self._judged_otherwise = frozenset(kind for kind, names in RAW_METRICS.items() if read & set(names))

    def check(self, known: Mapping[str, Metric]) -> list[str]:
        """Return a sentence for each condition that can never hold."""
        return check_limits(self.name, self.options, known)

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each pair without a judgement."""
        left = applicable(self.options, table) & table.has_status(ANALYSIS, Status.NOT_APPLICABLE)
        for modality in self._judged_otherwise:
            left &= ~table.has(modality)
        causes = table.causes(ANALYSIS)
        left &= pc.is_in(causes, value_set=pa.array(self.causes, pa.string())).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(left)
        if not len(rows):
            return nothing(self.name, self.options)
        chosen = pa.array(rows)
        reasons = table.reasons(ANALYSIS).take(chosen).to_pylist()
        return RuleFindings(
            rule=self.name,
            action=Action(self.options.action),
            rows=rows,
            causes=causes.take(chosen).to_pylist(),
            messages=[self._fixed or _sentence(reason) for reason in reasons],
        )


def _sentence(reason: str | None) -> str:
    text = (reason or "nothing tells whether the two belong together").strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
