"""A transcript in other spellings, each with which of its words stand for which of the given ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mmcheck.metrics.plain_spelling import tidy_words, vary_habits
from mmcheck.metrics.spoken_forms import MAX_FORMS, FormSpan, find_forms
from mmcheck.metrics.spoken_numbers import NUMERALS, read_numerals, write_numerals
from mmcheck.metrics.text_normalization import is_scriptio_continua

MAX_SPELLINGS = 8
"""Spellings of one text that are tried. Our own choice: they share one encoding, and each costs a pass of the decoder
(a tenth of a clip)."""
_NUMERALS = re.compile(f"[{NUMERALS}]{{2,}}")  # one alone is a part of words as well
_DIGITS = re.compile("[0-9]{1,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One spelling of a text."""

    words: tuple[str, ...]
    """Its words, at least one."""
    runs: tuple[tuple[int, int], ...]
    """How many given words and how many of its words belong together, in order: (1, 1) for a word that stands for one,
    (1, 2) for "25" that is "twenty five" here. Neither number is 0."""
    joint: str = " "
    """What stands between words; nothing in scripts without spaces, where each character is a word."""

    @property
    def text(self) -> str:
        """The spelling as a text."""
        return self.joint.join(self.words)

    def group(self, given: Sequence[str], own: Sequence[str]) -> list[tuple[tuple[str, ...], range]] | None:
        """Return given pieces with the indexes of the pieces that stand for them; None if they are not of these texts.

        What stands for one another is told as finely as both are cut.

        Args:
            given: The given text in pieces of one word or several (characters, in scripts without spaces).
            own: The spelling in such pieces.
        """
        borders = {(0, 0)}
        place = spelled = 0
        for count, width in self.runs:
            steps = range(1, count + 1) if count == width else ()
            borders |= {(place + step, spelled + step) for step in steps}
            place, spelled = place + count, spelled + width
            borders.add((place, spelled))
        given_at, own_at = self._count(given), self._count(own)
        if max(given_at) != place or max(own_at) != spelled:
            return None
        shared = sorted(border for border in borders if border[0] in given_at and border[1] in own_at)
        return [
            (tuple(given[given_at[left[0]] : given_at[right[0]]]), range(own_at[left[1]], own_at[right[1]]))
            for left, right in pairwise(shared)
        ]

    def _count(self, pieces: Sequence[str]) -> dict[int, int]:
        """Return the number of words before each piece -> the index of the piece."""
        found, words = {0: 0}, 0
        for index, piece in enumerate(pieces, 1):
            words += len(piece.split()) if self.joint else len("".join(piece.split()))
            found[words] = index
        return found


def spell_otherwise(
    text: str, language: str | None, *, doubted: Collection[int] = (), limit: int = MAX_SPELLINGS
) -> list[Spelling]:
    """Return other spellings of a text, the most promising first; none equals the text or another one.

    First the text without what is not heard; then the doubted places (all, where none is named) in their other form,
    together, numbers alone, all but numbers, then each by itself, and the same with the forms behind; last all places.

    Args:
        text: A transcript. In scripts without spaces numerals alone are written otherwise.
        language: Its code.
        doubted: Indexes of words that a recogniser finds unlikely. A place counts as doubted with its neighbours, and
            of these words the case and the marks behind them are varied, too.
        limit: Spellings returned at most.
    """
    if is_scriptio_continua(language, text):
        return _spell_numerals(text, limit)
    words = text.split()
    if not words:
        return []
    spans = _add_habits(words, find_forms(words, language), doubted)
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


def _add_habits(words: Sequence[str], spans: list[FormSpan], doubted: Collection[int]) -> list[FormSpan]:
    """Return the places with those doubted words that may have another case or another mark behind them."""
    by_word = {span.start: span for span in spans if span.stop == span.start + 1 and span.kind == "other"}
    taken = {word for span in spans if span.start not in by_word for word in range(span.start, span.stop)}
    for place in sorted(set(doubted) - taken):
        habits = vary_habits(words[place], is_first=place == 0) if 0 <= place < len(words) else ()
        known = by_word[place].forms if place in by_word else ()
        if forms := tuple(dict.fromkeys((*habits[:MAX_FORMS], *known))):
            by_word[place] = FormSpan(start=place, stop=place + 1, forms=forms, kind="other")
    others = [span for span in spans if span.start not in by_word]
    return sorted([*others, *by_word.values()], key=lambda span: span.start)


def _spell_numerals(text: str, limit: int) -> list[Spelling]:
    """Return a text without spaces with its numbers in digits, and in Chinese numerals."""
    characters = list("".join(text.split()))
    found = []
    for pattern, convert in ((_NUMERALS, read_numerals), (_DIGITS, write_numerals)):
        runs = [
            (match.start(), match.end(), list(convert(match[0]))) for match in pattern.finditer("".join(characters))
        ]
        if runs:
            found.append(replace(write_runs(characters, runs), joint=""))
    return found[:limit]


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
