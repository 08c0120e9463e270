"""Does Whisper judge the same in shorter windows as in full ones? From both kinds of scores of some clips.

Whisper was trained on 30 s windows. A window hardly longer than the clip saves most of the time, and whether a model
keeps its judgement in it has to be seen on the data at hand. What counts is not that the numbers are equal but that
what they tell apart stays as far apart: a clip's own text from another one, a whole text from one that stops early.

Means say little here. Real Whispers keep theirs in windows cut to the clip and turn single clips into babble, so each
clip is looked at by itself. That at most one clip in twenty breaks down is believed only when so many were tried that a
larger share would have shown itself (exact binomial bound).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.core.json_types import JsonObject

MIN_KEPT = 0.9
"""Share of a distance that must be left in shorter windows. Our own choice: a tenth of the distance is far below what
separates a wrong pair from a right one."""
MAX_SHIFT = 0.1
"""Most by which the values of nine clips in ten may move, as a share of the distance between what they tell apart. Our
own choice: as ``MIN_KEPT``."""
SHIFT_QUANTILE = 0.9
"""Quantile of the clips that has to keep to it. Our own choice: what moves more than one in ten moves the set."""
MAX_BROKEN = 0.05
"""Share of the clips that may break down. Our own choice: they are mostly in doubt then and are verified once more in
full windows, which is dear if it is more than a few."""
CONFIDENCE = 0.95
"""Probability with which a larger share would have shown itself. Our own choice: the usual one."""
_BROKEN_BY = 1.0
"""Nat by which the value of a clip's own text, or of its end, falls when the clip breaks down; where a model tells
little apart, a quarter of that distance. Our own choice: below any noise of the number format, and enough to make a
sound word look wrong. Measured on real speech: whisper-base loses as much in 31 of 52 clips without silence behind
them, in 1 with 2 s and in none with 5 s."""
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
    """Whether shorter windows may be used, and what was seen."""

    agree: bool
    reason: str
    """Sentence part."""
    numbers: dict[str, float]
    """Shares and distances, fit for JSON."""

    def describe(self) -> JsonObject:
        """Return it fit for JSON."""
        return {"agree": self.agree, "reason": self.reason, **self.numbers}


def clips_needed(broken: int) -> int:
    """Return how many clips must have been tried, so many of them broken, to believe in at most ``MAX_BROKEN``.

    The smallest n at which so few would be seen with a probability of at most 1 - ``CONFIDENCE``, were the share
    ``MAX_BROKEN`` (Clopper and Pearson, Biometrika 1934): 59 for none, 93 for one, 124 for two.

    Args:
        broken: Clips that broke down.
    """
    count = broken + 1
    while _at_most(broken, count) > 1 - CONFIDENCE:
        count += 1
    return count


def find_broken(full: WindowScores, short: WindowScores) -> NDArray[np.bool_]:
    """Return which clips break down in shorter windows, shape (n,).

    A clip does if its own text or the end behind it loses more than a nat, or if it prefers another text, where in full
    windows it clearly prefers its own.

    Args:
        full: Scores in 30 s windows.
        short: Scores of the same clips in shorter windows.
    """
    text, end = _median(full.own - full.other), _median(full.whole_end - full.cut_end)
    falls = full.own - short.own > min(_BROKEN_BY, _CLEAR * text)
    # A model that does not tell ends apart has none to lose.
    ends = full.whole_end - short.whole_end > (min(_BROKEN_BY, _CLEAR * end) if end > _MIN_DISTANCE else np.inf)
    # Only clear cases count: a pair that is wrong in the first place prefers either text by chance.
    turns = (full.own - full.other > _CLEAR * text) & (short.own <= short.other)
    return np.asarray(falls | ends | turns)


def compare_windows(full: WindowScores, short: WindowScores) -> WindowAgreement:
    """Return whether scores in shorter windows tell apart what scores in full windows do.

    Args:
        full: Scores in 30 s windows.
        short: Scores of the same clips, in the same order, in shorter windows.
    """
    count = len(full.own)
    text = _median(full.own - full.other), _median(short.own - short.other)
    end = _median(full.whole_end - full.cut_end), _median(short.whole_end - short.cut_end)
    shift = _most(np.abs(short.own - full.own))
    end_shift = _most(full.whole_end - short.whole_end)
    null_shift = _median(short.other) - _median(full.other)
    broken = int(find_broken(full, short).sum())
    numbers = {
        "clips": float(count),
        "broken": float(broken),
        "text_distance": _shown(text[0]),
        "end_distance": _shown(end[0]),
        "shift": _shown(shift),
        "end_shift": _shown(end_shift),
        "null_shift": _shown(null_shift),
    }
    if not broken and count < clips_needed(0):
        reason = f"only {count} clips were tried, fewer than {clips_needed(0)}"
        return WindowAgreement(agree=False, reason=reason, numbers=numbers)
    if not text[0] > _MIN_DISTANCE:
        return WindowAgreement(
            agree=False, reason="in full windows the model does not tell texts apart", numbers=numbers
        )
    numbers["text_distance_kept"] = _shown(text[1] / text[0])
    tells_ends = end[0] > _MIN_DISTANCE
    if tells_ends:
        numbers["end_distance_kept"] = _shown(end[1] / end[0])
    for is_worse, reason in (
        (numbers["text_distance_kept"] < MIN_KEPT, "shorter windows tell a clip's own text less from another one"),
        (numbers.get("end_distance_kept", 1.0) < MIN_KEPT, "shorter windows tell less where a text should end"),
        (shift > MAX_SHIFT * text[0], "shorter windows move the scores of the clips' own texts"),
        (tells_ends and end_shift > MAX_SHIFT * end[0], "shorter windows lower the scores of the clips' ends"),
        (abs(null_shift) > MAX_SHIFT * text[0], "shorter windows move the scores of other texts"),
        (count < clips_needed(broken), f"{broken} of {count} clips lose their text or its end in shorter windows"),
    ):
        if is_worse:
            return WindowAgreement(agree=False, reason=reason, numbers=numbers)
    return WindowAgreement(agree=True, reason="shorter windows tell apart what full ones do", numbers=numbers)


def _at_most(broken: int, count: int) -> float:
    """Return the probability of at most so many broken of ``count`` clips, where each breaks with ``MAX_BROKEN``."""
    return sum(comb(count, k) * MAX_BROKEN**k * (1 - MAX_BROKEN) ** (count - k) for k in range(broken + 1))


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _most(values: Floats) -> float:
    return float(np.quantile(values, SHIFT_QUANTILE)) if len(values) else float("nan")


def _shown(value: float) -> float:
    return round(value, 3)
