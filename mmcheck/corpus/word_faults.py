"""Which kind of word fault a transcript has, read off its words and off what was heard instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

KINDS = ("wrong_word", "missing_words", "inserted_words", "cut_audio")
MAX_WORDS = 8
"""Words that a finding names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordFault:
    """A fault and the words that show it."""

    kind: str
    """One of ``KINDS``."""
    words: tuple[str, ...]
    """Words of the transcript that are not heard, or, for ``missing_words``, heard words that it lacks."""


def find_word_fault(evidence: Mapping[str, Any], *, limit: float, is_cut: bool) -> WordFault:
    """Return the most probable kind of fault of a transcript that probably has one.

    With an alignment the kind is that of the most steps: what stands only in the transcript was inserted, what was only
    heard is missing. Unheard words at the very end mean a recording cut short. Without an alignment the place of the
    unlikely words decides between a cut recording and a wrong word.

    Args:
        evidence: Of the transcript probe: ``words`` with their log-probabilities, ``alignment`` where it transcribed.
        limit: Log-probability (nat) below which a word counts as unlikely.
        is_cut: Whether the last words look like those of a cut recording.
    """
    words = [(str(word), float(value)) for word, value in evidence.get("words") or []]
    low = [word for word, value in words if value < limit] or [word for word, _ in sorted(words, key=_value)[:1]]
    steps = [(str(kind), str(given or ""), str(heard or "")) for kind, given, heard in evidence.get("alignment") or []]
    if not steps:
        ends_low = bool(words) and words[-1][0] in low[-1:]
        return WordFault(kind="cut_audio" if is_cut and ends_low else "wrong_word", words=tuple(low[:MAX_WORDS]))
    tail = [given for kind, given, _ in takewhile(lambda step: step[0] == "delete", reversed(steps))]
    if tail and (is_cut or len(tail) > 1):
        return WordFault(kind="cut_audio", words=tuple(tail[::-1][:MAX_WORDS]))
    inserted = [given for kind, given, _ in steps if kind == "delete"]
    missing = [heard for kind, _, heard in steps if kind == "insert"]
    swapped = [given for kind, given, _ in steps if kind == "substitute"]
    if missing and len(missing) > max(len(inserted), len(swapped) - 1):
        return WordFault(kind="missing_words", words=tuple(missing[:MAX_WORDS]))
    if inserted and len(inserted) > max(len(missing), len(swapped) - 1):
        return WordFault(kind="inserted_words", words=tuple(inserted[:MAX_WORDS]))
    if is_cut and not swapped:
        return WordFault(kind="cut_audio", words=tuple(low[-MAX_WORDS:]))
    return WordFault(kind="wrong_word", words=tuple((swapped or low)[:MAX_WORDS]))


def _value(word: tuple[str, float]) -> float:
    return word[1]
