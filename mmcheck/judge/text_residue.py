"""What tools left in a text: one finding a row, named after the most telling kind, with the piece that is meant.

The counts by kind were measured; the pieces are read again from the texts of the rows that have any. Two rules share
this: a transcript is held to what can be spoken, a caption only to what no description contains.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from mmcheck.core.part_traits import RuleTraits
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable
from mmcheck.judge.table import JudgeTable
from mmcheck.metrics.transcript_cleaning import KINDS, read_transcript, show_piece


class _TextResidueRule(BaseRule):
    """Fires where a text has residue; the cause is its kind."""

    _text: ClassVar[str]

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return one finding for each text with residue."""
        counts = np.stack([np.nan_to_num(table.values(metric)) for metric in self.reads])
        rows = np.flatnonzero((counts > 0).any(axis=0) & applicable(self.options, table) & ~table.has_problem)
        chosen = pa.array(rows)
        texts = table.texts(self._text).take(chosen).to_pylist()
        languages = table.languages.take(chosen).to_pylist()
        present = counts[:, rows].T > 0
        kinds = [[kind for kind, there in zip(self.causes, row, strict=True) if there] for row in present.tolist()]
        return self.findings(
            rows,
            [found[0] for found in kinds],
            [
                self._message(text or "", language, found)
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


_LOOKED_AT = 20_000  # characters of a text that are read; our own choice: as the probe that measured it
_WHOLE = ("missing_value", "bare_value")
"""Kinds that the whole text is."""


class TranscriptResidueRule(_TextResidueRule):
    """Fires where a transcript holds what nobody says."""

    traits = RuleTraits(meaning="The transcript holds text that is not spoken")
    causes = tuple(KINDS)
    reads = tuple(f"transcript_text.{kind}" for kind in KINDS)
    _text = "transcript"


class CaptionResidueRule(_TextResidueRule):
    """Fires where a caption holds hidden or broken characters, a model's tokens, or is a word such as null."""

    traits = RuleTraits(meaning="The caption holds text that does not belong in a description")
    causes = ("control_tokens", "invisible_characters", "broken_characters", "missing_value")
    reads = tuple(f"caption_text.{kind}" for kind in causes)
    _text = "caption"
