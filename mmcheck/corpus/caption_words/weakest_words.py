"""The words of captions that may be wrong, for people: the weakest one, what fits better, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats
from mmcheck.corpus.caption_words.learning import LearnedWords
from mmcheck.metrics.word_model import WordEvidence
from mmcheck.metrics.word_places import Token

LEAST_TOLD = 0.05
"""Probability from which a word is told of. Our own choice: the presets flag from 0.9; a stricter rule still finds what
it wants when a run is judged again."""


@dataclass(frozen=True, slots=True)
class WeakestWord:
    """What may be wrong in one caption."""

    word: str
    """The weakest word, in lower case."""
    other: str | None
    """What fits better in its place; None: the caption fits better without."""
    marks: list[list[float]]
    """First character, one past the last, and probability of each word that may be wrong, in order."""


def tell_words(
    captions: Sequence[Sequence[Token]], evidence: WordEvidence, cosine: Floats, learned: LearnedWords
) -> Iterator[WeakestWord | None]:
    """Yield what may be wrong in each caption; None where hardly anything can be.

    Args:
        captions: Captions in words, n of them.
        evidence: What speaks against each word.
        cosine: Cosines of the pairs, shape (n,).
        learned: What is known of the set's words.
    """
    places, scale = learned.places, learned.scale
    worst = scale.probability(scale.score(evidence.worst(), cosine))
    for row, tokens in enumerate(captions):
        known = np.array([place for token in tokens if (place := places.number.get(token.word)) is not None])
        if not len(known) or not worst[row] >= LEAST_TOLD:
            yield None
            continue
        against = evidence.against[row]
        chances = scale.probability(scale.score(against, np.full(len(against), cosine[row])))
        weakest = int(known[against[known].argmax()])
        other = int(evidence.other[row, weakest])
        marks = [
            [token.start, token.stop, round(float(chances[place]), 3)]
            for token in tokens
            if (place := places.number.get(token.word)) is not None and chances[place] >= LEAST_TOLD
        ]
        yield WeakestWord(places.words[weakest], None if other < 0 else places.words[other], marks)
