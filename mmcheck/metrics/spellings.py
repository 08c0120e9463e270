"""A transcript in other spellings, each with which of its words stand for which of the given ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmcheck.metrics.plain_spelling import tidy_words
from mmcheck.metrics.spoken_forms import FormSpan, find_forms
from mmcheck.metrics.text_normalization import is_scriptio_continua

MAX_SPELLINGS = 8
"""Spellings of one text that are tried. Our own choice: they share one encoding, and each costs a pass of the decoder
(a tenth of a clip)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One spelling of a text."""

    words: tuple[str, ...]
    """Its words, at least one."""
    runs: tuple[tuple[int, int], ...]
    """How many given words and how many of its words belong together, in order: (1, 1) for a word that stands for one,
    (1, 2) for "25" that is "twenty five" here. Neither number is 0."""

    @property
    def text(self) -> str:
        """The spelling as a text."""
        return " ".join(self.words)

    def group(self, given: Sequence[str]) -> list[tuple[tuple[str, ...], range]]:
        """Return given words with the indexes of the words that stand for them, in order.

        Runs of equally many words are taken word by word, others as a whole.

        Args:
            given: The given words.
        """
        groups: list[tuple[tuple[str, ...], range]] = []
        place = own = 0
        for count, spelled in self.runs:
            step = 1 if count == spelled else count
            for offset in range(0, count, step):
                first = own + (offset if step == 1 else 0)
                width = 1 if count == spelled else spelled
                groups.append((tuple(given[place + offset : place + offset + step]), range(first, first + width)))
            place, own = place + count, own + spelled
        return groups


def spell_otherwise(
    text: str, language: str | None, *, doubted: Collection[int] = (), limit: int = MAX_SPELLINGS
) -> list[Spelling]:
    """Return other spellings of a text, the most promising first; none equals the text or another one.

    First the text without what is not heard; then the doubted places (all, where none is named) in their other form,
    together, numbers alone, all but numbers, then each by itself, and the same with the forms behind; last all places.

    Args:
        text: A transcript in a script with spaces; there are no other spellings of one without.
        language: Its code.
        doubted: Indexes of words that a recogniser finds unlikely. A place counts as doubted with its neighbours.
        limit: Spellings returned at most.
    """
    words = text.split()
    if not words or is_scriptio_continua(language, text):
        return []
    spans = find_forms(words, language)
    weak = [
        index
        for index, span in enumerate(spans)
        if not doubted or any(span.start - 1 <= word <= span.stop for word in doubted)
    ]
    found: dict[str, Spelling] = {}
    for choice in _choose(spans, weak):
        spelling = _write(words, spans, choice)
        if spelling.text != text and spelling.text not in found:
            found[spelling.text] = spelling
        if len(found) >= limit:
            break
    return list(found.values())


def _choose(spans: Sequence[FormSpan], weak: Sequence[int]) -> Iterator[dict[int, int]]:
    """Yield which form stands at which place, the most promising first."""
    yield {}
    numbers = [index for index in weak if spans[index].kind == "number"]
    others = [index for index in weak if spans[index].kind != "number"]
    deepest = max((len(spans[index].forms) for index in weak), default=0)
    for level in range(deepest):
        for chosen in (weak, numbers, others):
            yield dict.fromkeys(chosen, level)
        for index in weak:
            yield {index: level}
        if level == 0:
            yield dict.fromkeys(range(len(spans)), 0)


def write_runs(words: Sequence[str], replaced: Iterable[tuple[int, int, Sequence[str]]]) -> Spelling:
    """Return a text with some runs of words replaced by others.

    Args:
        words: The given words, at least one.
        replaced: First index, index behind the last one, and the words that stand there instead, in order. No words
            at all are allowed: the neighbours then stand for the run as well.
    """
    pieces: list[tuple[int, Sequence[str]]] = []
    place = 0
    for start, stop, other in replaced:
        pieces += [(1, [word]) for word in words[place:start]]
        pieces.append((stop - start, list(other)))
        place = stop
    pieces += [(1, [word]) for word in words[place:]]
    merged: list[tuple[int, list[str]]] = []
    ahead = 0
    for count, other in pieces:
        if other:
            merged.append((count + ahead, list(other)))
            ahead = 0
        elif merged:
            merged[-1] = (merged[-1][0] + count, merged[-1][1])
        else:
            ahead += count
    return Spelling(
        words=tuple(word for _, other in merged for word in other),
        runs=tuple((count, len(other)) for count, other in merged),
    )


def _write(words: Sequence[str], spans: Sequence[FormSpan], choice: dict[int, int]) -> Spelling:
    """Return the text with the chosen forms, tidied."""
    chosen = [
        (span.start, span.stop, span.forms[min(choice[index], len(span.forms) - 1)].split())
        for index, span in enumerate(spans)
        if index in choice
    ]
    spelling = write_runs(words, chosen)
    tidied = tidy_words(spelling.words)
    return chain_runs(spelling, [(place, place + 1, [word] if word else []) for place, word in enumerate(tidied)])


def chain_runs(first: Spelling, replaced: Iterable[tuple[int, int, Sequence[str]]]) -> Spelling:
    """Return a spelling with some of its own words replaced, still told by the words that were given first.

    Args:
        first: The spelling.
        replaced: As in ``write_runs``, by the words of the spelling.
    """
    second = write_runs(first.words, replaced)
    # Bounds at which both have a border; between two of them words belong together.
    given_at = {own: given for given, own in _bounds(first.runs)}
    borders = [(given_at[middle], last) for middle, last in _bounds(second.runs) if middle in given_at]
    runs = tuple((right[0] - left[0], right[1] - left[1]) for left, right in pairwise(borders))
    return Spelling(words=second.words, runs=runs)


def _bounds(runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    bounds = [(0, 0)]
    for left, right in runs:
        bounds.append((bounds[-1][0] + left, bounds[-1][1] + right))
    return bounds
