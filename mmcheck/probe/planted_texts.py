"""Faults planted into a pair of recording and transcript, so that the model itself shows what such a fault looks like.

Most transcripts of a set are right, so most planted ones are wrong in just the way that was planted. What the model
says of them is the null that the analysis ``speech`` compares the set's own transcripts with, whatever the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mmcheck.metrics.text_normalization import normalize

MIN_WORDS = 3
"""Shorter texts have nothing to spare."""

Chance = Callable[[str, int], int]
"""Gives a number from 0 to below the second argument, by the first."""


def split_words(text: str, *, is_scriptio_continua: bool) -> list[str]:
    """Return the words of a text, or its characters in scripts without spaces."""
    return list("".join(text.split())) if is_scriptio_continua else text.split()


def plant_cut(words: Sequence[str], chance: Chance) -> list[str] | None:
    """Return the words without the last one or the last third of them, as chance has it; None if there are too few."""
    if len(words) < MIN_WORDS:
        return None
    dropped = 1 if chance("cut", 2) else max(1, len(words) // 3)
    return list(words[:-dropped])


def plant_swap(words: Sequence[str], donors: Sequence[str], language: str | None, chance: Chance) -> list[str] | None:
    """Return the words with one replaced by another word of the set; None if there is none to take.

    Args:
        words: The text.
        donors: Words of other texts.
        language: Of both.
        chance: Decides where and by what.
    """
    if len(words) < MIN_WORDS:
        return None
    place = chance("place", len(words))
    own = {normalize(word, language) for word in words}
    others = [word for word in donors if (plain := normalize(word, language)) and plain not in own]
    if not others:
        return None
    return [*words[:place], others[chance("word", len(others))], *words[place + 1 :]]


def cut_frames(features: NDArray[np.float32], chance: Chance) -> int:
    """Return how many frames are left when the last 15 to 40 % of the sound are cut off.

    What counts is the part between the first and the last loud frame: silence at the end is no loss.

    Args:
        features: Log-mel features, shape (bands, frames).
        chance: Decides how much.
    """
    level = features.max(axis=0)
    low, high = np.quantile(level, [0.05, 0.95])
    loud = np.flatnonzero(level > (low + high) / 2)
    first, last = (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, features.shape[1])
    return max(2, first + int((last - first) * (0.6 + 0.05 * chance("audio", 6))))
