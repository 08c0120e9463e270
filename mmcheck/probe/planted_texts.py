"""Faults planted into a pair of recording and transcript, so that the model itself shows what such a fault looks like.

Most transcripts of a set are right, so most planted ones are wrong in just the way that was planted. What the model
says of them is the null that the analysis ``speech`` compares the set's own transcripts with, whatever the model.

A word drawn at random is too easy to tell: real wrong words fit their sentence. So a word is replaced by one that
follows the same word elsewhere in the set, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmcheck.metrics.text_normalization import normalize

MIN_WORDS = 3
"""Words; shorter texts have nothing to spare. Our own choice: two are left."""
MAX_FOLLOWERS = 32
"""Words kept that follow a word. Our own choice: bounds memory."""

Chance = Callable[[str, int], int]
"""Gives a number from 0 to below the second argument, by the first."""
Followers = Mapping[str, Sequence[str]]
"""Normalised word -> words that follow it somewhere in the set."""


def split_words(text: str, *, is_scriptio_continua: bool) -> list[str]:
    """Return the words of a text, or its characters in scripts without spaces."""
    return list("".join(text.split())) if is_scriptio_continua else text.split()


def find_followers(texts: Iterable[Sequence[str]], language: str | None) -> dict[str, list[str]]:
    """Return which words follow each word.

    Args:
        texts: The words of each text; in an order that does not depend on the rows', since the first words are kept.
        language: Of all of them.
    """
    found: dict[str, dict[str, str]] = {}
    for words in texts:
        plain = [normalize(word, language) for word in words]
        for place in range(1, len(words)):
            after = found.setdefault(plain[place - 1], {})
            if plain[place] and len(after) < MAX_FOLLOWERS:
                after.setdefault(plain[place], _core(words[place])[1])
    return {word: list(after.values()) for word, after in found.items() if word and len(after) > 1}


def plant_cut(words: Sequence[str], chance: Chance) -> list[str] | None:
    """Return the words without the last one or the last third of them, as chance has it; None if there are too few."""
    if len(words) < MIN_WORDS:
        return None
    dropped = 1 if chance("cut", 2) else max(1, len(words) // 3)
    return list(words[:-dropped])


def plant_word_fault(
    words: Sequence[str], followers: Followers, donors: Sequence[str], language: str | None, chance: Chance
) -> list[str] | None:
    """Return the words with one replaced, or, as chance has it, with an inner one left out; None if that cannot be.

    Args:
        words: The text.
        followers: Of the language.
        donors: Words of other texts, for where nothing else is known to follow.
        language: Of all of them.
        chance: Decides what, where and by what.
    """
    if len(words) < MIN_WORDS:
        return None
    if chance("fault", 2):
        place = 1 + chance("place", len(words) - 2)
        return [*words[:place], *words[place + 1 :]]
    swapped = _swap(words, followers, donors, language, chance)
    # A word may differ from another only in the marks around it, which are kept: then nothing was planted.
    return None if swapped == list(words) else swapped


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


def _swap(
    words: Sequence[str], followers: Followers, donors: Sequence[str], language: str | None, chance: Chance
) -> list[str] | None:
    plain = [normalize(word, language) for word in words]
    own = set(plain)

    def strangers(candidates: Iterable[str]) -> list[str]:
        return [word for word in candidates if (form := normalize(word, language)) and form not in own]

    places = list(range(1, len(words)))
    first = chance("place", len(places))
    for place in places[first:] + places[:first]:
        fitting = strangers(followers.get(plain[place - 1], ()))
        if fitting and plain[place]:
            return _replaced(words, place, fitting[chance("word", len(fitting))])
    others = strangers(donors)
    if not others:
        return None
    return _replaced(words, chance("place", len(words)), others[chance("word", len(others))])


def _replaced(words: Sequence[str], place: int, word: str) -> list[str]:
    """Return the words with another one at a place; the punctuation around it stays."""
    before, _, after = _core(words[place])
    return [*words[:place], before + _core(word)[1] + after, *words[place + 1 :]]


def _core(word: str) -> tuple[str, str, str]:
    """Return the word in three parts: what stands before its first letter or digit, it, and what stands behind."""
    kept = [place for place, char in enumerate(word) if char.isalnum()]
    if not kept:
        return "", word, ""
    return word[: kept[0]], word[kept[0] : kept[-1] + 1], word[kept[-1] + 1 :]
