"""What the summary tells of labels that contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmcheck.core.json_types import JsonObject
from mmcheck.corpus.sentence_to_count import SentenceToCount
from mmcheck.metrics.label_conflict import ConflictScale


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencySummary:
    """What was compared, and what it came to."""

    compared: Mapping[str, int]
    """Metric without the analysis -> rows that had others to compare with."""
    examples: Mapping[str, Sequence[str]]
    """The same -> ids of the worst rows, the worst first."""
    counted: Sequence[SentenceToCount]
    """For judging to complete."""
    scale: ConflictScale | None
    """Cosines from which captions of one image count as contradictions; None where the set teaches none."""
    sentences: Sequence[str]
    """Whole ones, without those to count."""

    def to_json(self) -> JsonObject:
        """Return the summary as it is stored; the scale is rounded, and left out where there is none."""
        return {
            "compared": dict(self.compared),
            "examples": {name: list(ids) for name, ids in self.examples.items()},
            "counted": [sentence.to_json() for sentence in self.counted],
            **({} if self.scale is None else {"scale": _round(self.scale)}),
            "sentences": list(self.sentences),
        }


def _round(scale: ConflictScale) -> JsonObject:
    names = ("like", "unlike", "small_gap", "large_gap")
    return {name: round(float(getattr(scale, name)), 4) for name in names}
