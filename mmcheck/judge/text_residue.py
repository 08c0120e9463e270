"""What tools left in a text: one finding a row, named after the most telling kind, with the piece that is meant.

The counts by kind were measured; the pieces are read again from the texts of the rows that have any. Two rules share
this: a transcript is held to what can be spoken, a caption only to what no description contains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from mmcheck.config import RuleConfig
from mmcheck.core.types import Action, Metric
from mmcheck.judge.broken_row import fixed_message
from mmcheck.judge.rule import RuleFindings, applicable, check_limits, condition_metrics
from mmcheck.judge.table import JudgeTable
from mmcheck.metrics.transcript_cleaning import KINDS, read_transcript, show_piece


class _TextResidueRule:
    """Fires where a text has residue; the cause is its kind.

    Args:
        name: Name of the rule in the config.
        options: Its section.

    Raises:
        ConfigError: If the message is not a sound template.
    """

    causes: ClassVar[tuple[str, ...]]
    _text: ClassVar[str]
    _probe: ClassVar[str]

    def __init__(self, name: str, options: RuleConfig) -> None:
        self.name = name
        self.options = options
        self.metrics = (*(f"{self._probe}.{kind}" for kind in self.causes), *condition_metrics(options))
        self._fixed = fixed_message(name, options)

    def check(self, known: Mapping[str, Metric]) -> list[str]:
        """Return a sentence for each condition that can never hold."""
        return check_limits(self.name, self.options, known)

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return one finding for each text with residue."""
        counts = np.stack([np.nan_to_num(table.values(f"{self._probe}.{kind}")) for kind in self.causes])
        rows = np.flatnonzero((counts > 0).any(axis=0) & applicable(self.options, table) & ~table.has_problem)
        chosen = pa.array(rows)
        texts = table.texts(self._text).take(chosen).to_pylist()
        languages = table.languages.take(chosen).to_pylist()
        present = counts[:, rows].T > 0
        kinds = [[kind for kind, there in zip(self.causes, row, strict=True) if there] for row in present.tolist()]
        return RuleFindings(
            rule=self.name,
            action=Action(self.options.action),
            rows=rows,
            causes=[found[0] for found in kinds],
            messages=[
                self._fixed or self._message(text or "", language, found)
                for text, language, found in zip(texts, languages, kinds, strict=True)
            ],
        )

    def _message(self, text: str, language: str | None, kinds: list[str]) -> str:
        residue = read_transcript(text[:_LOOKED_AT], language).residue
        parts = [
            f"{KINDS[kind]} ({show_piece(kind, residue[kind])})" if kind in residue else KINDS[kind] for kind in kinds
        ]
        if kinds[0] in _WHOLE:
            return f"The {self._text} is {parts[0]}."
        listed = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
        return f"The {self._text} contains {listed}."


_LOOKED_AT = 20_000
_WHOLE = ("missing_value", "bare_value")
"""Kinds that the whole text is."""


class TranscriptResidueRule(_TextResidueRule):
    """Fires where a transcript holds what nobody says."""

    causes = tuple(KINDS)
    _text = "transcript"
    _probe = "transcript_text"


class CaptionResidueRule(_TextResidueRule):
    """Fires where a caption holds hidden or broken characters, a model's tokens, or is a word such as null."""

    causes = ("control_tokens", "invisible_characters", "broken_characters", "missing_value")
    _text = "caption"
    _probe = "caption_text"
