"""Captions with one word exchanged for another that stands in its place elsewhere: what a wrong word looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats32, Mask, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedWords:
    """Captions with a wrong word."""

    presence: Floats32
    """Which captions hold which words now, shape (n, v)."""
    is_planted: Mask
    """Whether a word could be exchanged, shape (n,)."""
    taken: Rows
    """The word that was there, shape (n,); -1 where none was exchanged."""
    given: Rows
    """The word that took its place, shape (n,); -1 where none was exchanged."""


def plant_words(presence: Floats32, alternatives: Sequence[Rows], rng: np.random.Generator) -> PlantedWords:
    """Return the captions, each with one of its words exchanged.

    Args:
        presence: Which captions hold which words, shape (n, v).
        alternatives: For each word the numbers of those that may take its place.
        rng: Chooses a word of the caption, and then what takes its place.
    """
    planted = presence.copy()
    taken, given = (np.full(len(presence), -1, dtype=np.int64) for _ in range(2))
    for row, held in enumerate(presence):
        choices = {
            word: others
            for word in np.flatnonzero(held).tolist()
            if len(others := alternatives[word][held[alternatives[word]] == 0])
        }
        if choices:
            word = int(rng.choice(list(choices)))
            other = int(rng.choice(choices[word]))
            planted[row, word], planted[row, other] = 0, 1
            taken[row], given[row] = word, other
    return PlantedWords(presence=planted, is_planted=taken >= 0, taken=taken, given=given)
