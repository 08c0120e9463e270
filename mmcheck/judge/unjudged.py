"""A pair that could not be held against the dataset: too few pairs, a model that cannot tell, an unverifiable caption.

The alignment analysis says why it gave no posterior. Such a pair is not wrong, but nothing says that it is right
either, so it is not kept. Where another rule of the config looks at the pair's raw values (a similarity, an error
rate), that rule has judged it, and this one is silent. Of a sample with two pairs each is looked at for itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import RuleConfig
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.core.part_traits import RuleTraits
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable
from mmcheck.judge.table import JudgeTable


class UnjudgedRule(BaseRule):
    """Fires where the alignment analysis could not judge a pair that it was meant to judge.

    Args:
        name: Name of the rule in the config.
        options: Its section.

    Raises:
        ConfigError: If the message is not a sound template.
    """

    traits = RuleTraits(default_action="unchecked")
    reads = tuple(kind.posterior for kind in PAIR_KINDS)
    causes = (
        "too_few_pairs",
        "captions_all_alike",
        "constant_embeddings",
        "model_cannot_tell",
        "misaligned_throughout",
        "unverifiable_caption",
        "no_vectors",
    )

    def __init__(self, name: str, options: RuleConfig) -> None:
        super().__init__(name, options)
        self._judged_otherwise: frozenset[PairKind] = frozenset()

    def look_at(self, rules: Mapping[str, RuleConfig]) -> None:
        """Learn which kinds of pairs other rules of the config judge by raw values."""
        read = {rule.metric for rule in rules.values() if rule.enabled}
        self._judged_otherwise = frozenset(kind for kind in PAIR_KINDS if read & set(kind.raw_metrics))

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each pair without a judgement."""
        applies = applicable(self.options, table)
        known = pa.array(self.causes, pa.string())
        found: list[tuple[int, str, str]] = []
        for kind in PAIR_KINDS:
            if kind in self._judged_otherwise:
                continue
            causes = table.words(kind.judged_by, kind.cause_column)
            rows = np.flatnonzero(applies & pc.is_in(causes, value_set=known).to_numpy(zero_copy_only=False))
            chosen = pa.array(rows)
            reasons = table.words(kind.judged_by, kind.reason_column).take(chosen).to_pylist()
            found += (
                (row, cause, _sentence(kind, reason))
                for row, cause, reason in zip(rows.tolist(), causes.take(chosen).to_pylist(), reasons, strict=True)
            )
        found.sort(key=lambda item: item[0])
        return self.findings(
            np.array([row for row, _, _ in found], dtype=np.int64),
            [cause for _, cause, _ in found],
            [message for _, _, message in found],
        )


def _sentence(kind: PairKind, reason: str | None) -> str:
    text = (reason or "there is no evidence whether they match").strip().rstrip(".")
    halves = kind.halves
    return f"{halves[:1].upper()}{halves[1:]} were not judged: {text}."
