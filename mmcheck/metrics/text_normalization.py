"""Text as it is compared: Whisper's own normalisers, so that word error rates mean what published ones mean.

English goes through Whisper's English normaliser (contractions, numbers, British spellings, fillers), all else
through its basic one. Three things are ours: combining marks are kept, because the basic normaliser as published
takes the vowels out of Hindi, Tamil or Thai (a known fault of it); brackets are taken out before, because the
published patterns need quadratic time on text full of open ones; and in twenty languages what is written in one way
and said in another is made one ("25", "&", "z. B.", see ``spoken_normal``), as the English rules do it for numbers.

Normalising twice may differ from normalising once in English ("one" after "twenty," joins into one number), so
compare only texts that were normalised the same number of times.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

from mmcheck.core.languages import primary_code
from mmcheck.metrics.spoken_normal import unify_numbers, write_out

_CONTINUOUS_LANGUAGES = frozenset({"zh", "yue", "wuu", "cmn", "ja", "th", "lo", "km", "my", "bo", "dz"})
_ENGLISH = frozenset({"en", "eng", "english"})

_CONTINUOUS_RANGES: tuple[tuple[int, int], ...] = (
    (0x0E00, 0x0E7F),  # Thai
    (0x0E80, 0x0EFF),  # Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # ideographic iteration mark, zero
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAA7F),  # Myanmar extended A
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9D),  # half-width Katakana
    (0x20000, 0x323AF),  # Han extensions B to H
)
"""First and last code point of the scripts that are written without spaces between words. Given by Unicode."""
_BRACKETED = re.compile(r"[<\[][^>\]]*[>\]]")
_PARENTHESISED = re.compile(r"\(([^)]+?)\)")
_SPACES = re.compile(r"\s+")
_NUMBER_SYMBOLS = ".$%\u00a2\u20ac\u00a3"
_OPENERS = re.compile(r"[<\[(]")
_LONG_NUMBER = re.compile(r"\d{200,}")


def normalize(text: str, language: str | None) -> str:
    """Return ``text`` in the form in which references and hypotheses are compared.

    Lower case, no punctuation, no words in brackets, single spaces, none at the ends; numbers as digits, signs and
    abbreviations as words where the language is known; English moreover with contractions written out and American
    spelling. May be empty.

    Args:
        text: Any text.
        language: Language code (``en``, ``en-US``, ``de`` ...); None is treated as not English.
    """
    text = _without_brackets(text)
    code = primary_code(language)
    if code in _ENGLISH and not _LONG_NUMBER.search(text):
        text = write_out(text, "en")
        try:
            # The English rules keep . $ % for numbers and leave some behind that belong to none.
            words = _english()(text).split()
            # Letters of mathematics ("J" in Fraktur) are capitals once more when they were made plain ones.
            return " ".join(word for word in words if word.strip(_NUMBER_SYMBOLS)).lower()
        except (ValueError, OverflowError, ZeroDivisionError, IndexError, KeyError, AssertionError):
            # The number rules stumble over rare digits (superscripts, other scripts) and over numbers of thousands of
            # digits; the plain rules never do.
            pass
        return _basic(text)
    return unify_numbers(_basic(write_out(text, code)), code)


def is_scriptio_continua(language: str | None, text: str) -> bool:
    """Return whether ``text`` is written without spaces between words, so that characters are counted, not words.

    The script decides where there are letters (a Chinese manifest may hold English rows), the language otherwise.

    Args:
        language: Language code or None.
        text: Any text.
    """
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return primary_code(language) in _CONTINUOUS_LANGUAGES
    return 2 * sum(map(is_continuous_char, letters)) >= len(letters)


def is_continuous_char(char: str) -> bool:
    """Return whether ``char`` belongs to a script without spaces between words (Han, Kana, Thai, Lao, Khmer ...)."""
    point = ord(char)
    return point >= 0x0E00 and any(low <= point <= high for low, high in _CONTINUOUS_RANGES)


def _without_brackets(text: str) -> str:
    """Do the normalisers' first step in linear time, and leave them no opening bracket to search from."""
    text = text.lower()
    for pattern, closers in ((_BRACKETED, ">]"), (_PARENTHESISED, ")")):
        last = max(text.rfind(closer) for closer in closers) + 1
        text = pattern.sub("", text[:last]) + text[last:]
    return _SPACES.sub(" ", _OPENERS.sub(" ", text))


def _basic(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = "".join(" " if unicodedata.category(char)[0] in "SPC" else char for char in text).lower()
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


@functools.cache
def _english() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    normalizer: Callable[[str], str] = EnglishTextNormalizer()
    return normalizer
