"""Which words of a transcript both verifiers doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from mmcheck.core.json_types import LoadedJson

MAX_WORDS = 8
"""Words that the evidence names of each kind. Our own choice: a sentence stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtedWords:
    """Words by who doubts them, in the order of the text."""

    both: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    """Only the first verifier."""
    second: tuple[str, ...] = ()
    """Only the second verifier."""


def compare_words(first: LoadedJson, second: LoadedJson, *, first_limit: float, second_limit: float) -> DoubtedWords:
    """Return which words are doubted by both verifiers, and which by one.

    Args:
        first: Evidence of the transcript probe: ``words`` and ``surprises``.
        second: Evidence of the transcript_second probe: ``words``.
        first_limit: Surprise (nat) above which the first verifier doubts a word.
        second_limit: Log-probability (nat) below which the second one does.
    """
    words = [str(word) for word, _ in second.get("words") or []]
    low = {
        place
        for place, (_, value) in enumerate(second.get("words") or [])
        if value is not None and value < second_limit
    }
    known = [str(word) for word, _ in first.get("words") or []]
    places = _places(known, words)
    high = {
        places[int(place)]
        for place, _, surprise in first.get("surprises") or []
        if float(surprise) > first_limit and int(place) in places
    }
    return DoubtedWords(
        both=tuple(words[place] for place in sorted(low & high)),
        first=tuple(words[place] for place in sorted(high - low)),
        second=tuple(words[place] for place in sorted(low - high)),
    )


def _places(known: Sequence[str], words: Sequence[str]) -> dict[int, int]:
    """Return where the first verifier's words stand among the second's, which leaves out words of nothing but marks."""
    if list(known) == list(words):
        return {place: place for place in range(len(words))}
    matcher = SequenceMatcher(a=[_plain(word) for word in known], b=[_plain(word) for word in words], autojunk=False)
    return {
        block.a + offset: block.b + offset for block in matcher.get_matching_blocks() for offset in range(block.size)
    }


def _plain(word: str) -> str:
    return "".join(char for char in word.casefold() if char.isalnum())
