"""Words that were run together: "thecaptainhidthebicycle", "TheCaptainHid", "the_captain_hid".

A long word of a language that builds long words (German, Finnish) is no such thing, so a word is only taken apart
where the parts are common words of the language with articles, pronouns or prepositions among them: "the", "und" and
"de" do not stand inside compounds. Words of a single change of case (JavaScript, McDonald) are left alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mmcheck.core.languages import primary_code
from mmcheck.metrics.word_tables import word_frequencies

MIN_LETTERS = 16
"""Letters from which a word may be several. Our own choice: words of fewer are read as they stand."""
_LONG = re.compile(rf"[^\W\d_]{{{MIN_LETTERS},}}(?:['\u2019][^\W\d_]+)?")
_UNDERSCORE = re.compile(r"(?<=[^\W_])_+(?=[^\W_])|\u2581+")
_CAMEL = re.compile(r"(?<=[a-z\u00df-\u00f6\u00f8-\u00ff])(?=[A-Z\u00c0-\u00d6\u00d8-\u00de])")
_CAMEL_WORD = re.compile(r"[^\W\d_]{8,}")
_MIN_CAMEL = 2
"""Parts that inner capitals may make of a word; more are joined words. Our own choice: "iPhone" and "McDonald" have
two."""
_MIN_WORDS = 4  # words that must be found in a token; our own choice: two and three make names and compounds
_MIN_SMALL = 2  # small words that must be among them; our own choice: sentences have them, names and compounds do not
_SMALL_WORD = 10**-3.5
"""Frequency of articles, pronouns and prepositions. Our own choice: 300 in a million words and more."""
RAREST = {1: 10**-4.0, 2: 10**-3.7, 3: 10**-5.3}
"""By length, the frequency below which a part may be any syllable. Our own choice: keeps the common words of one to
three letters alone."""
RARE = 10**-6.5
"""The same for longer ones. Our own choice: one in three millions, near the end of the word lists."""
_DEAREST = 1.7
"""Negative log-probability a letter (natural logarithm) above which the parts are syllables of a word, not words. Our
own choice: between those of sentences and of long words."""
_CERTAIN = 28
"""Letters from which a token is no word of a language without compounds: unknown names may be among its parts. Our own
choice: longer than the words that people write."""
_CERTAIN_COMPOUND = 50
"""The same for languages with compounds. Our own choice: longer than the compounds that people write."""
_DEAREST_CERTAIN = 2.4  # as ``_DEAREST``, for tokens that are certainly no word; our own choice: leaves room for a name
_UNKNOWN = (8.0, 2.6)
"""Negative log-probability of an unknown part, and of each of its letters. Our own choice: a rare word, and a letter
among some fifteen."""
_SHORTEST_NAME = 4  # letters of the shortest unknown part; our own choice: shorter ones are syllables
_LONGEST_NAME = 12  # letters of the longest unknown part; our own choice: longer ones are several words
_COMPOUNDING = frozenset({"de", "nl", "sv", "da", "nb", "no", "nn", "fi", "hu", "is", "et", "tr"})
LONGEST = 20
"""Letters of the longest known part. Our own choice: longer words are rare."""
_TOO_LONG = 2000  # letters beyond which a token is not looked at; our own choice: bounds time
_LETTERS = {
    "en": "ai",
    "es": "aeoy",
    "fr": "ay\u00e0",
    "it": "aeio\u00e8",
    "pt": "aeo\u00e0\u00e9",
    "ru": "\u0430\u0432\u0438\u043a\u043e\u0441\u0443\u044f",
    "sv": "i\u00e5\u00f6",
    "pl": "aiouwz",
    "cs": "aikosuvz",
}
"""Words of one letter; elsewhere single letters are no words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedWords:
    """Several words that stand as one."""

    start: int
    """Place of the first character in the text."""
    stop: int
    """Place after the last one."""
    words: tuple[str, ...]
    """The words, as written."""


def split_joined(text: str, language: str | None = None) -> str:
    """Return ``text`` with spaces between words that were run together or joined by underscores.

    Args:
        text: Any text.
        language: Its language code; English words are looked for where there is none.
    """
    text = _UNDERSCORE.sub(" ", text)
    for found in reversed(find_joined(text, language)):
        text = text[: found.start] + " ".join(found.words) + text[found.stop :]
    return text


def find_underscores(text: str) -> list[str]:
    """Return the words of ``text`` that are joined by underscores or by the mark of word pieces (U+2581)."""
    if "_" not in text and "\u2581" not in text:
        return []
    return [word for word in text.split() if _UNDERSCORE.search(word)]


def find_joined(text: str, language: str | None = None) -> list[JoinedWords]:
    """Return the places where several words of ``text`` stand as one, in order."""
    found = []
    for match in _CAMEL_WORD.finditer(text):
        parts = _CAMEL.split(match.group())
        if len(parts) > _MIN_CAMEL:
            found.append(JoinedWords(start=match.start(), stop=match.end(), words=tuple(parts)))
    taken = {place.start for place in found}
    for match in _LONG.finditer(text):
        if match.start() in taken:
            continue
        words = _segment(match.group(), primary_code(language) or "en")
        if words is not None:
            found.append(JoinedWords(start=match.start(), stop=match.end(), words=words))
    return sorted(found, key=lambda place: place.start)


def _segment(token: str, language: str) -> tuple[str, ...] | None:
    """Return the most likely words that make up ``token``; None where it is a word, or no words of the language."""
    lower = token.lower()
    frequencies = word_frequencies(language)
    if frequencies is None or lower in frequencies or len(lower) > _TOO_LONG or len(lower) != len(token):
        return None
    is_certain = len(lower) >= (_CERTAIN_COMPOUND if language in _COMPOUNDING else _CERTAIN)
    letters = _LETTERS.get(language, "")
    stops = _cut(lower, frequencies, letters, _DEAREST_CERTAIN if is_certain else _DEAREST, names=False)
    if not stops and is_certain:
        stops = _cut(lower, frequencies, letters, _DEAREST_CERTAIN, names=True)
    words = [token[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]
    small = sum(frequencies.get(word.lower(), 0.0) >= _SMALL_WORD and (is_certain or len(word) > 1) for word in words)
    wanted = 1 if is_certain else _MIN_SMALL
    return tuple(words) if len(words) >= _MIN_WORDS and small >= wanted else None


def _cut(text: str, frequencies: Mapping[str, float], letters: str, dearest: float, *, names: bool) -> list[int]:
    """Return where the likeliest words of ``text`` end; nothing where they are dearer than ``dearest`` a letter."""
    best = [0.0] + [math.inf] * len(text)
    before = [0] * (len(text) + 1)
    for stop in range(1, len(text) + 1):
        for start in range(max(0, stop - LONGEST), stop):
            if best[start] == math.inf:
                continue
            word = text[start:stop]
            if len(word) == 1 and word not in letters:
                continue
            frequency = frequencies.get(word, 0.0)
            if frequency >= RAREST.get(len(word), RARE):
                cost = best[start] - math.log(frequency)
            elif names and _SHORTEST_NAME <= len(word) <= _LONGEST_NAME:
                cost = best[start] + _UNKNOWN[0] + _UNKNOWN[1] * len(word)
            else:
                continue
            if cost < best[stop]:
                best[stop], before[stop] = cost, start
    if best[-1] > dearest * len(text):
        return []
    stops = [len(text)]
    while before[stops[-1]]:
        stops.append(before[stops[-1]])
    return stops[::-1]
