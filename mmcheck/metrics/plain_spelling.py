"""A transcript without what is not heard: dots of a cut prompt, quotes, brackets, typographic marks, lower case."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmcheck.metrics.spoken_tables import CURRENCIES, SIGNS

_EDGES = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb\u201e()[]{}\u00bf\u00a1.,;:!?\u2026\u2013\u2014"
"""Marks around a word that are no part of it."""
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
     "\u2013": "-", "\u2014": "-", "\u2026": ".."}
)  # fmt: skip
_UNHEARD = re.compile(r"\.{2,}|[\"()\[\]{}]")
_SPOKEN_SIGNS = frozenset(sign for signs in (*SIGNS.values(), *CURRENCIES.values()) for sign in signs)


def split_edges(word: str) -> tuple[str, str, str]:
    """Return a word in three parts: the marks before it, it, and the marks behind it.

    Args:
        word: Any text without spaces; of marks alone everything stands before.
    """
    core = word.strip(_EDGES)
    if not core:
        return word, "", ""
    start = word.index(core)
    return word[:start], core, word[start + len(core) :]


def tidy_words(words: Sequence[str]) -> list[str]:
    """Return, for each word, what of it is spoken, as a recogniser would write it; "" where it is a mark alone.

    A text in capitals comes back in lower case. The text begins with a capital and, if it has several words, ends in
    a mark of a sentence's end. Tidying what was tidied changes nothing.

    Args:
        words: A text, split at spaces. One without any letter or digit comes back as it is.
    """
    letters = [char for word in words for char in word if char.isupper() or char.islower()]
    is_shouted = len(words) > 1 and len(letters) > 1 and all(char.isupper() for char in letters)
    tidied = [_tidy(word.lower() if is_shouted else word) for word in words]
    kept = [index for index, word in enumerate(tidied) if word]
    if not kept:
        return list(words)
    first, last = kept[0], kept[-1]
    tidied[first] = tidied[first][:1].upper() + tidied[first][1:]
    ending = tidied[last].rstrip(",;:-")
    if len(kept) > 1 and ending:
        tidied[last] = ending + "." if ending[-1].isalnum() else ending
    return tidied


def vary_habits(word: str, *, is_first: bool) -> tuple[str, ...]:
    """Return a word with what recognisers write by habit: another mark behind it, the other case of its first letter.

    Args:
        word: One word of a text.
        is_first: Whether it is the text's first one, whose case is settled.
    """
    before, core, after = split_edges(word)
    if not core:
        return ()
    flipped = core[:1].swapcase() + core[1:]
    cores = [core] if is_first or flipped == core or not core[1:].islower() else [core, flipped]
    marks = [after, *(mark for mark in (",", "") if mark != after)] if after in _LOOSE_MARKS else [after]
    forms = [before + spelled + mark for spelled in cores for mark in marks]
    # The other case first: a capital is what is doubted most.
    return tuple(dict.fromkeys(form for form in [*forms[len(marks) :], *forms[: len(marks)]] if form != word))


_LOOSE_MARKS = frozenset(("", ",", ";", ":"))
"""Marks inside a sentence, which are set by taste."""


def _tidy(word: str) -> str:
    plain = _UNHEARD.sub("", word.translate(_PLAIN))
    if plain.startswith("'") and plain.rstrip(".,;:!?").endswith("'"):
        plain = plain[1:].replace("'", "")
    return plain if plain in _SPOKEN_SIGNS or any(char.isalnum() for char in plain) else ""
