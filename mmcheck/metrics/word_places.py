"""The words of captions, and which of them stand in the same place in other captions of the set.

No tagger and no word list: a word is what stands between spaces (a single character in scripts without them), and
another one may take its place where both were seen after the same word or before the same word, but hardly ever
together. That holds for colours, numbers, nouns and places alike, in any language.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Rows
from mmcheck.metrics.caption_words import word_spans
from mmcheck.metrics.text_normalization import is_continuous_char

MAX_ALTERNATIVES = 16
"""Other words that are tried in the place of one, the commonest first. Our own choice: measured on quality sets of 300
and 1,000 rows, 64 find no more and blur mixed captions."""
_TOGETHER = 0.3
"""Share of the chance rate up to which two words count as hardly ever together. Our own choice: measured on quality
sets; words of one kind (colours, numbers) have 0.1 to 0.2, a colour and its noun 1."""
_EXPECTED = 0.5
"""Captions that must hold both words by chance, before their absence says anything. Our own choice: below that, most
rare words never meet."""
_START, _END = "\x02", "\x03"


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a caption."""

    start: int
    """Its first character."""
    stop: int
    """One past its last character."""
    word: str
    """In lower case."""


def read_tokens(caption: str) -> list[Token]:
    """Return the words of a caption in order; in scripts without spaces, its single characters."""
    tokens = []
    for start, stop in word_spans(caption):
        piece = caption[start:stop]
        if any(map(is_continuous_char, piece)):
            tokens += [Token(start + at, start + at + 1, char.lower()) for at, char in enumerate(piece)]
        else:
            tokens.append(Token(start, stop, piece.lower()))
    return tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPlaces:
    """The set's common words and what may take their places."""

    words: tuple[str, ...]
    """Common words, the commonest first."""
    number: Mapping[str, int]
    """Word -> its place among them."""
    alternatives: tuple[Rows, ...]
    """For each word the numbers of those that may take its place."""

    def presence(self, captions: Sequence[Sequence[Token]]) -> Floats32:
        """Return which captions hold which words, shape (n, v), 0 or 1."""
        found = np.zeros((len(captions), len(self.words)), dtype=np.float32)
        for row, tokens in enumerate(captions):
            for token in tokens:
                place = self.number.get(token.word)
                if place is not None:
                    found[row, place] = 1
        return found


def find_places(captions: Sequence[Sequence[Token]], *, least: int, most: int) -> WordPlaces:
    """Return the words that at least ``least`` captions hold (``most`` words at most), and their alternatives.

    Args:
        captions: Captions in words; their order changes nothing.
        least: Captions that must hold a word.
        most: Words that are looked at, the commonest ones.
    """
    counts = Counter(word for tokens in captions for word in {token.word for token in tokens})
    common = sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))
    words = tuple(common[:most])
    number = {word: place for place, word in enumerate(words)}
    bare = WordPlaces(words=words, number=number, alternatives=())
    presence = bare.presence(captions)
    allowed = _share_neighbours(captions, number) & _exclude_each_other(presence)
    np.fill_diagonal(allowed, False)
    # The commonest words have the lowest numbers, so the first ones are the commonest.
    alternatives = tuple(np.flatnonzero(row)[:MAX_ALTERNATIVES].astype(np.int64) for row in allowed)
    return WordPlaces(words=words, number=number, alternatives=alternatives)


def _share_neighbours(captions: Sequence[Sequence[Token]], number: Mapping[str, int]) -> NDArray[np.bool_]:
    """Return which words were seen after the same word, or before the same word, shape (v, v)."""
    after: dict[str, set[int]] = defaultdict(set)
    before: dict[str, set[int]] = defaultdict(set)
    for tokens in captions:
        padded = [_START, *(token.word for token in tokens), _END]
        for left, word, right in zip(padded, padded[1:], padded[2:], strict=False):
            if word in number:
                after[left].add(number[word])
                before[right].add(number[word])
    found = np.zeros((len(number), len(number)), dtype=bool)
    for neighbours in (after, before):
        for numbers in neighbours.values():
            members = np.fromiter(numbers, dtype=np.int64)
            found[np.ix_(members, members)] = True
    return found


def _exclude_each_other(presence: Floats32) -> NDArray[np.bool_]:
    """Return which words hardly ever stand in one caption, shape (v, v)."""
    counts = presence.sum(axis=0, dtype=np.float64)
    expected = np.outer(counts, counts) / max(len(presence), 1)
    together = (presence.T @ presence).astype(np.float64)
    return np.asarray((together <= _TOGETHER * expected) & (expected >= _EXPECTED))
