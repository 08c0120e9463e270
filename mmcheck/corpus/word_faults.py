"""Which kind of word fault a transcript has, read off its words and off what was heard instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

KINDS = ("wrong_word", "missing_words", "inserted_words", "cut_audio")
BREAKS_OFF = -28.0
"""Level of a recording's end (dB against its loud parts) above which the sound breaks off instead of running out."""
MAX_WORDS = 8
"""Words that a finding names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordFault:
    """A fault and the words that show it."""

    kind: str
    """One of ``KINDS``."""
    words: tuple[str, ...]
    """Words of the transcript that are not heard, or, for ``missing_words``, heard words that it lacks."""


def find_word_fault(evidence: Mapping[str, Any], *, ends_unheard: bool, breaks_off: bool | None) -> WordFault:
    """Return the most probable kind of fault of a transcript that probably has one.

    With an alignment the kind is that of the most steps: what stands only in the transcript was inserted, what was
    only heard is missing. Unheard words at the very end mean a recording cut short, unless its sound runs out by
    itself; then they were added. Without an alignment the ending decides between a cut recording and a wrong word.

    Args:
        evidence: Of the transcript probe: ``surprises`` (place, word, nat), ``words`` with their log-probabilities,
            ``alignment`` where it transcribed.
        ends_unheard: Whether the last words look like those of a cut recording.
        breaks_off: Whether the sound breaks off at the end; None if that is not known.
    """
    steps = [(str(kind), str(given or ""), str(heard or "")) for kind, given, heard in evidence.get("alignment") or []]
    at_end = "inserted_words" if breaks_off is False else "cut_audio"
    if not steps:
        return WordFault(kind=at_end if ends_unheard else "wrong_word", words=_unlikely(evidence, ends_unheard))
    tail = [given for kind, given, _ in takewhile(lambda step: step[0] == "delete", reversed(steps))]
    if tail and (ends_unheard or len(tail) > 1):
        return WordFault(kind=at_end, words=tuple(tail[::-1][:MAX_WORDS]))
    inserted = [given for kind, given, _ in steps if kind == "delete"]
    missing = [heard for kind, _, heard in steps if kind == "insert"]
    swapped = [given for kind, given, _ in steps if kind == "substitute"]
    if missing and len(missing) > max(len(inserted), len(swapped) - 1):
        return WordFault(kind="missing_words", words=tuple(missing[:MAX_WORDS]))
    if inserted and len(inserted) > max(len(missing), len(swapped) - 1):
        return WordFault(kind="inserted_words", words=tuple(inserted[:MAX_WORDS]))
    if ends_unheard and not swapped:
        return WordFault(kind=at_end, words=_unlikely(evidence, True))
    return WordFault(kind="wrong_word", words=tuple(swapped[:MAX_WORDS]) or _unlikely(evidence, False))


def _unlikely(evidence: Mapping[str, Any], at_end: bool) -> tuple[str, ...]:
    """Return the last two words, or the most surprising one (the least likely one where surprise was not measured)."""
    words = [(str(word), float(value)) for word, value in evidence.get("words") or []]
    if at_end:
        return tuple(word for word, _ in words[-2:])
    surprises = evidence.get("surprises")
    if surprises:
        return (str(surprises[0][1]),)
    return tuple(word for word, _ in sorted(words, key=_value)[:1])


def _value(word: tuple[str, float]) -> float:
    return word[1]
