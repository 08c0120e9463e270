"""How long a text is whatever its script: two Chinese characters say as much as a word of six Latin letters.

Published limits in characters (COYO-700M's 5, NeMo Curator's 40 a second) were set on texts in Latin letters, so
characters of denser scripts are counted as several letters. The weights are our own choice: rounded from the lengths of
the same text in many languages. The Universal Declaration of Human Rights takes about 10,700 characters in English,
about 3,000 in Chinese, 4,600 in Korean and 4,800 in Japanese, where about half are Kana.
"""

from __future__ import annotations

import unicodedata

_WEIGHTS: tuple[tuple[int, int, float], ...] = (
    (0x1100, 0x11FF, 1.0),  # Hangul letters that stand alone
    (0x1200, 0x139F, 2.0),  # Ethiopic: a character is a consonant with its vowel
    (0x13A0, 0x13FF, 2.0),  # Cherokee, likewise
    (0x1400, 0x167F, 2.0),  # Canadian syllabics, likewise
    (0x2E80, 0x2FDF, 3.0),  # Han radicals
    (0x3005, 0x3007, 3.0),  # Han iteration mark, zero
    (0x3041, 0x30FF, 2.0),  # Hiragana, Katakana
    (0x31F0, 0x31FF, 2.0),  # Katakana extensions
    (0x3400, 0x4DBF, 3.0),  # Han extension A
    (0x4E00, 0x9FFF, 3.0),  # Han
    (0xA000, 0xA48F, 2.5),  # Yi syllables
    (0xAC00, 0xD7A3, 2.5),  # Hangul syllables
    (0xF900, 0xFAFF, 3.0),  # Han compatibility
    (0xFF66, 0xFF9D, 2.0),  # half-width Katakana
    (0x20000, 0x323AF, 3.0),  # Han extensions B to H
)
"""First and last code point of a block, and Latin letters that one of its characters is worth. Our own choice: how much
each says; see docs/metrics.md."""
_FIRST = 0x1100  # first code point of these blocks; given by Unicode
_SPOKEN_DIGIT = 4.0  # letters of a spoken digit; our own choice: "seven", "drei", "sept"


def char_length(char: str) -> float:
    """Return how many Latin letters a character is worth; 0 for one that cannot be seen."""
    point = ord(char)
    if point >= _FIRST:
        for low, high, weight in _WEIGHTS:
            if low <= point <= high:
                return weight
    # Format characters, and the selectors that say how the character before them is drawn.
    return 0.0 if unicodedata.category(char) == "Cf" or 0xFE00 <= point <= 0xFE0F else 1.0


def text_length(text: str) -> float:
    """Return the length of ``text`` in Latin letters; for text in Latin letters the number of its characters.

    A Han character counts as 3, a Hangul syllable as 2.5, Kana and the characters of other syllabic scripts as 2, all
    else as 1, invisible characters not at all.
    """
    if text.isascii():
        return float(len(text))
    return sum(map(char_length, unicodedata.normalize("NFC", text)))


def spoken_length(text: str) -> float:
    """Return how long ``text`` is when it is said, in Latin letters.

    As ``text_length``, without blanks and punctuation. A digit counts as 4, since it is spoken as a word.
    """
    total = 0.0
    for char in unicodedata.normalize("NFC", text):
        if char.isdigit():
            total += _SPOKEN_DIGIT
        elif char.isalnum():
            total += char_length(char)
    return total
