"""Which kind of word fault a transcript has, read off its words, what was heard instead, and how the sound ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from mmcheck.core.json_types import LoadedJson

KINDS = ("wrong_word", "missing_words", "inserted_words", "cut_audio")
MAX_WORDS = 8
"""Words that a finding names. Our own choice: a sentence stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordFault:
    """A fault and the words that show it."""

    kind: str
    """One of ``KINDS``."""
    words: tuple[str, ...]
    """Words of the transcript that are not heard, or, for ``missing_words``, heard words that it lacks."""


def find_word_fault(
    evidence: LoadedJson, *, limit: float, is_end_unheard: bool, breaks_off: bool, is_cut: bool = False
) -> WordFault | None:
    """Return the most probable kind of fault of a transcript that probably has one.

    With an alignment the kind is that of the most steps: what stands only in the transcript was inserted, what was only
    heard is missing. Unheard words at the very end were cut off the recording if its sound breaks off, and added to the
    transcript otherwise. Without an alignment only the end can be told from a wrong word.

    Args:
        evidence: Of the transcript probe: ``words`` with their log-probabilities, ``surprises``, and ``alignment``
            where it transcribed.
        limit: Surprise (nat) above which a word counts as unlikely.
        is_end_unheard: Whether the last words are probably not heard.
        breaks_off: Whether the recording ends at full sound.
        is_cut: Whether the transcript probably stops before the speech does. What is heard after its end is that fault
            and no other; None if nothing else is wrong.
    """
    end = "cut_audio" if breaks_off else "inserted_words"
    low = _unlikely_words(evidence, limit)
    steps = _steps(evidence)
    if is_cut and steps:
        while steps and steps[-1][0] == "insert":
            steps.pop()
        if all(kind == "equal" for kind, _, _ in steps):
            return None
    if not steps:
        last = last_words(evidence)
        return WordFault(kind=end, words=last) if is_end_unheard else WordFault(kind="wrong_word", words=low)
    tail = [given for kind, given, _ in takewhile(lambda step: step[0] == "delete", reversed(steps))]
    if tail and (is_end_unheard or len(tail) > 1):
        return WordFault(kind=end, words=tuple(tail[::-1][-MAX_WORDS:]))
    inserted = [given for kind, given, _ in steps if kind == "delete"]
    missing = [heard for kind, _, heard in steps if kind == "insert"]
    swapped = _swapped(steps)
    if is_end_unheard and breaks_off:
        return WordFault(kind=end, words=last_words(evidence))
    if missing and len(missing) > max(len(inserted), len(swapped) - 1):
        return WordFault(kind="missing_words", words=tuple(missing[:MAX_WORDS]))
    if inserted and len(inserted) > max(len(missing), len(swapped) - 1):
        return WordFault(kind="inserted_words", words=tuple(inserted[:MAX_WORDS]))
    return WordFault(kind="wrong_word", words=tuple((swapped or low)[:MAX_WORDS]))


def find_cut(evidence: LoadedJson) -> tuple[str, ...]:
    """Return the words heard after the transcript's end, or the transcript's last words where nothing else is known."""
    steps = evidence.get("alignment") or []
    tail = [str(heard or "") for kind, _, heard in takewhile(lambda step: step[0] == "insert", reversed(steps))]
    return tuple(tail[::-1][:MAX_WORDS]) or last_words(evidence)


def find_doubted(evidence: LoadedJson, limit: float) -> tuple[str, ...]:
    """Return the words in whose place others were heard, or else those that are least likely.

    Args:
        evidence: As for ``find_word_fault``.
        limit: Surprise (nat) above which a word counts as unlikely; the least likely one always does.
    """
    return tuple(_swapped(_steps(evidence))[:MAX_WORDS]) or _unlikely_words(evidence, limit)


def _steps(evidence: LoadedJson) -> list[tuple[str, str, str]]:
    return [(str(kind), str(given or ""), str(heard or "")) for kind, given, heard in evidence.get("alignment") or []]


def _swapped(steps: Sequence[tuple[str, str, str]]) -> list[str]:
    return [given for kind, given, _ in steps if kind == "substitute"]


def _unlikely_words(evidence: LoadedJson, limit: float) -> tuple[str, ...]:
    found = [(int(place), str(word), float(nat)) for place, word, nat in evidence.get("surprises") or []]
    kept = [entry for entry in found if entry[2] > limit] or found[:1]
    return tuple(word for _, word, _ in sorted(kept)[:MAX_WORDS])


def last_words(evidence: LoadedJson) -> tuple[str, ...]:
    """Return the last two words of the transcript."""
    return tuple(str(word) for word, _ in (evidence.get("words") or [])[-2:])
