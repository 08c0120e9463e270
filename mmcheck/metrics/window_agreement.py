"""Does Whisper judge the same in windows cut to the clips as in full ones? From both kinds of scores of a few clips.

Whisper was trained on 30 s windows. A window as long as the clip saves most of the time, and whether a model keeps its
judgement in it has to be seen on the data at hand. What counts is not that the numbers are equal but that what they
tell apart stays as far apart: a clip's own text from another one, a whole text from one that stops early.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcheck.core.arrays import Floats

MIN_KEPT = 0.9
"""Share of a distance that must be left in cut windows. Our own choice: a tenth of the distance is far below what
separates a wrong pair from a right one."""
MAX_SHIFT = 0.1
"""Most by which the values of own texts may move, as a share of their distance from other texts. Our own choice: as
``MIN_KEPT``."""
_CLEAR = 0.25  # share of the usual distance from which a clip clearly prefers its own text; our own choice: a quarter
_MIN_DISTANCE = 0.25
"""Distance (nat) below which full windows tell nothing apart, so that nothing could be lost. Our own choice: a factor
of 1.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowScores:
    """Scores of the same n clips in one kind of window, natural log-probabilities, each of shape (n,)."""

    own: Floats
    """Mean over the tokens of the clip's own text."""
    other: Floats
    """The same of another clip's text."""
    whole_end: Floats
    """Of the end behind the own text."""
    cut_end: Floats
    """Of the end behind the own text without its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAgreement:
    """Whether cut windows may be used, and what was seen."""

    agree: bool
    reason: str
    """Sentence part."""
    numbers: dict[str, float]
    """Shares and distances, fit for JSON."""

    def describe(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {"agree": self.agree, "reason": self.reason, **self.numbers}


def compare_windows(full: WindowScores, fitted: WindowScores) -> WindowAgreement:
    """Return whether scores in windows cut to the clips tell apart what scores in full windows do.

    Args:
        full: Scores in 30 s windows.
        fitted: Scores of the same clips, in the same order, in windows cut to each clip.
    """
    text = _median(full.own - full.other), _median(fitted.own - fitted.other)
    end = _median(full.whole_end - full.cut_end), _median(fitted.whole_end - fitted.cut_end)
    shift = _median(np.abs(fitted.own - full.own))
    numbers = {
        "clips": float(len(full.own)),
        "text_distance": round(text[0], 3),
        "end_distance": round(end[0], 3),
        "shift": round(shift, 3),
    }
    if not text[0] > _MIN_DISTANCE:
        return WindowAgreement(
            agree=False, reason="in full windows the model does not tell texts apart", numbers=numbers
        )
    numbers["text_distance_kept"] = round(text[1] / text[0], 3)
    if end[0] > _MIN_DISTANCE:
        numbers["end_distance_kept"] = round(end[1] / end[0], 3)
    # Only clear cases count: a pair that is wrong in the first place prefers either text by chance.
    turned = (full.own - full.other > _CLEAR * text[0]) & (fitted.own <= fitted.other)
    for is_worse, reason in (
        (numbers["text_distance_kept"] < MIN_KEPT, "cut windows tell a clip's own text less from another one"),
        (numbers.get("end_distance_kept", 1.0) < MIN_KEPT, "cut windows tell less where a text should end"),
        (bool(turned.any()), "in cut windows some clips prefer another text to their own"),
        (shift > MAX_SHIFT * text[0], "cut windows move the scores of the clips' own texts"),
    ):
        if is_worse:
            return WindowAgreement(agree=False, reason=reason, numbers=numbers)
    return WindowAgreement(agree=True, reason="cut windows tell apart what full ones do", numbers=numbers)


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else float("nan")
