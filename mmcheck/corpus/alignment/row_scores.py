"""What the alignment analysis knows of every row for one modality."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import AnyFloats
from mmcheck.corpus.alignment.fit import SliceVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RowScores:
    """Values of every row of the run; NaN where there is none."""

    score: NDArray[np.float32]
    """Shape (n,)."""
    posterior: NDArray[np.float32]
    """Shape (n,)."""
    p_value: NDArray[np.float32]
    """Shape (n,)."""
    reason: NDArray[np.int16]
    """Place in ``reasons``, shape (n,); -1 where the row was judged or has nothing to judge."""
    reasons: list[tuple[str, str]] = field(default_factory=list)
    """Cause and reason."""
    bases: list[str] = field(default_factory=list)
    """What the judgement rests on, where that is not the set itself: one sentence part for all rows, or none."""

    @classmethod
    def empty(cls, count: int) -> RowScores:
        """Return values for ``count`` rows of which nothing is known."""
        score, posterior, p_value = (np.full(count, np.nan, dtype=np.float32) for _ in range(3))
        return cls(score=score, posterior=posterior, p_value=p_value, reason=np.full(count, -1, dtype=np.int16))

    def set_verdict(self, rows: NDArray[np.bool_], verdict: SliceVerdict, scores: AnyFloats) -> None:
        """Set the values of a slice's rows, or why they have none.

        Args:
            rows: Mask of the slice's rows, shape (n,).
            verdict: Of the slice.
            scores: Of all rows, shape (n,).
        """
        if verdict.state != "judged":
            self.set_reason(rows, verdict.state, verdict.reason)
            return
        self.score[rows] = scores[rows]
        self.posterior[rows] = verdict.posterior(scores[rows])
        self.p_value[rows] = verdict.p_value(scores[rows])

    def set_reason(self, rows: NDArray[np.bool_], cause: str, reason: str) -> None:
        """Say why rows have no values.

        Args:
            rows: Mask, shape (n,).
            cause: Stable word.
            reason: Sentence part.
        """
        if rows.any():
            self.reasons.append((cause, reason))
            self.reason[rows] = len(self.reasons) - 1
