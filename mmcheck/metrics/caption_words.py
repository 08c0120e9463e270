"""A caption as words, in any script. Scripts without spaces are cut by length, which is enough for counting."""

from __future__ import annotations

import math

import regex

from mmcheck.metrics.text_normalization import is_continuous_char

# Letters with their marks (Python's \w would tear Hindi vowel signs off), inner apostrophes and hyphens included. Not
# marks alone: the sign that draws a heart in colours is one.
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['\u2019\u02bc-][\p{L}\p{M}\p{N}]+)*")

_CHARS_PER_WORD = 2.0
"""Characters of a Chinese or Japanese word. Our own choice: rounded from the means of common corpora, about 1.6 and
2."""
_CHARS_PER_WORD_INDOCHINA = 4.0
"""The same in the scripts of South-East Asia. Our own choice: rounded from the means of common corpora."""


def split_words(text: str) -> list[str]:
    """Return the words of ``text`` in order, as written. A run of a script without spaces counts as one here."""
    return list(_WORD.findall(text))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where each word of ``split_words`` begins and ends."""
    return [match.span() for match in _WORD.finditer(text)]


def count_words(text: str) -> int:
    """Return the number of words; in scripts without spaces an estimate from the number of characters."""
    count = 0
    for word in split_words(text):
        continuous = [char for char in word if is_continuous_char(char)]
        if not continuous:
            count += 1
            continue
        indochina = sum(ord(char) < 0x3000 or 0xA9E0 <= ord(char) <= 0xAA7F for char in continuous)
        estimate = indochina / _CHARS_PER_WORD_INDOCHINA + (len(continuous) - indochina) / _CHARS_PER_WORD
        count += max(1, math.ceil(estimate)) + (1 if len(continuous) < len(word) else 0)
    return count


def repetition_tokens(text: str) -> list[str]:
    """Return what to look for repeats in: words in lower case, single characters for scripts without spaces."""
    tokens: list[str] = []
    for word in split_words(text.lower()):
        if any(is_continuous_char(char) for char in word):
            tokens.extend(word)
        else:
            tokens.append(word)
    return tokens
