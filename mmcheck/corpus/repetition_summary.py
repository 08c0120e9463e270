"""What the summary tells of rows that repeat earlier ones exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmcheck.core.json_types import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class RepetitionSummary:
    """The rows beyond the first of each group of equal files and equal pairs."""

    media_copies: int
    """Rows with another file of the same bytes and text as an earlier row's."""
    pair_copies: int
    """Rows with the same file content and text as an earlier row."""
    sentences: Sequence[str]
    """One for each kind of copy that there is."""

    def to_json(self) -> JsonObject:
        """Return the summary as it is stored."""
        return {
            "media_copies": self.media_copies,
            "pair_copies": self.pair_copies,
            "sentences": list(self.sentences),
        }
