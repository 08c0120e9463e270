"""Short forms and what they stand for: abbreviations, signs, contractions, letters with points, hyphens, spelling."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from mmcheck.metrics.spoken_tables import ABBREVIATIONS, CONTRACTED, CONTRACTIONS, UNMARKED

_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]\.?")
_MAX_INITIALS = 5  # letters of an abbreviation in capitals; our own choice: longer ones are shouted words
_PRONOUNS = ("I", "you", "we", "they", "he", "she", "it")
_NEGATED = ("do", "does", "did", "is", "was", "are", "were", "could", "would", "should", "have", "has", "had")
MAX_EXPANSION = 4
"""Words of a full form that has a short one. Our own choice: "und so weiter" has three."""


def expand(short: str, code: str) -> list[str]:
    """Return what an abbreviation stands for, with its capital; empty if it is none.

    Args:
        short: The word, with its point if it has one.
        code: Primary code of the language.
    """
    full = ABBREVIATIONS.get(code, {}).get(short.casefold(), ())
    return [match_case(form, short) for form in full]


def shorten(said: str, code: str) -> str | None:
    """Return the short form of up to ``MAX_EXPANSION`` words in lower case; None if there is none."""
    return _shorts(code).get(said)


def spell_letters(core: str) -> list[str]:
    """Return other spellings of letters that are said one by one: "U.S." and "US" are one; empty for other words."""
    if _INITIALS.fullmatch(core):
        letters = core.replace(".", "")
        return [letters, " ".join(letters)]
    if core.isupper() and core.isalpha() and 1 < len(core) <= _MAX_INITIALS:
        return ["".join(f"{char}." for char in core)]
    return []


def spell_english(core: str) -> list[str]:
    """Return other spellings of an English word: contractions, lost apostrophes, British and American."""
    low = core.casefold().replace("\u2019", "'")
    british, american = english_spellings()
    found = [table[low] for table in (UNMARKED, CONTRACTED, british, american) if low in table]
    if low not in CONTRACTED:
        found += [
            low.removesuffix(ending) + full
            for ending, full in CONTRACTIONS.items()
            if low.endswith(ending) and len(low) > len(ending)
        ]
    return [match_case(form, core) for form in found]


def spell_hyphens(core: str) -> list[str]:
    """Return a word with hyphens apart and joined; empty if it has none inside."""
    parts = [part for part in core.split("-") if part]
    return [" ".join(parts), "".join(parts)] if len(parts) > 1 else []


def match_case(form: str, model: str) -> str:
    """Return ``form`` with a capital where ``model`` has one."""
    return form[:1].upper() + form[1:] if model[:1].isupper() else form


@functools.cache
def english_spellings() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return British -> American and American -> British spellings, from the list that Whisper publishes."""
    from whisper_normalizer.english import EnglishSpellingNormalizer

    british: dict[str, str] = dict(EnglishSpellingNormalizer().mapping)
    american: dict[str, str] = {}
    for word in sorted(british):
        american.setdefault(british[word], word)
    return british, american


@functools.cache
def _shorts(code: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for short, fulls in ABBREVIATIONS.get(code, {}).items():
        for full in fulls:
            if not short.isalpha():
                found.setdefault(full.casefold(), short)
    if code == "en":
        for short, full in CONTRACTED.items():
            found.setdefault(full, short)
        found.update({f"{verb} not": f"{verb}n't" for verb in _NEGATED})
        for who in _PRONOUNS:
            for ending, full in CONTRACTIONS.items():
                if ending != "n't":
                    found.setdefault(f"{who}{full}".casefold(), f"{who}{ending}")
    return found
