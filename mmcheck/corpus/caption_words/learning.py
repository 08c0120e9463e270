"""What the words of this set stand for, learned from its own pairs and held against planted wrong words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats32, Keys, Mask, Rows, Vectors
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.core.sentences import count_noun
from mmcheck.corpus.embeddings import EmbeddingBank, normalise
from mmcheck.metrics.planted_words import PlantedWords, plant_words
from mmcheck.metrics.word_model import NOTHING, WordEvidence, WordModel, WordSums, weigh_words
from mmcheck.metrics.word_places import Token, WordPlaces, find_places
from mmcheck.metrics.word_scale import WordScale, fit_scale, tell_apart

LEAST_CAPTIONS = 4
"""Captions that must hold a word before it is judged. Our own choice: one planted and three that show what it means."""
MOST_WORDS = 1024
"""Words that are judged, the commonest first. Our own choice: bounds time and memory; a square of them takes 8 MB."""
FOLDS = 5
"""Parts of the sample; each is judged by what the others show, or a wrong word would explain itself. Our own choice."""
SHRINKAGES = (0.1, 0.3, 0.6, 0.9)
"""How far the covariance is drawn to white noise; the one that finds most planted words is taken. Our own choice: small
sets and weak models want much, large ones little."""
MIN_WORDS = 8
"""Words with alternatives below which nothing is judged. Our own choice: fewer are a template, not a description."""
MIN_TOLD_APART = 0.6
"""Chance that a planted wrong word looks worse than none, below which the model does not see words. Our own choice: a
fifth of the way from chance to certainty; weak models on quality sets have 0.75, good ones 0.9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLearned:
    """Why the set does not show which words are wrong."""

    cause: str
    """Stable word."""
    reason: str
    """Half a sentence for people."""
    places: WordPlaces
    """The words of the set all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedWords:
    """What is known of the set's words."""

    places: WordPlaces
    """The words and their alternatives."""
    models: tuple[WordModel, ...]
    """For each fold what the others show, and last what all of them show."""
    keys: Keys
    """Content keys of the pairs that were learned from, ascending."""
    scale: WordScale
    """How evidence is read."""
    told_apart: float
    """Chance that a planted wrong word has more against it than a pair of the set, in [0, 1]."""
    num_pairs: int
    """Pairs that were learned from."""

    def weigh(self, keys: Keys, images: Vectors, presence: Floats32) -> WordEvidence:
        """Return the evidence against the words of pairs, none of them by a model that saw the pair itself.

        Args:
            keys: Content keys, shape (n,).
            images: Embeddings, shape (n, d).
            presence: Which captions hold which words, shape (n, v).
        """
        place = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
        which = np.where(self.keys[place] == keys, _folds(keys), FOLDS) if len(self.keys) else np.full(len(keys), FOLDS)
        return _weigh(self.models, which, images, presence, self.places.alternatives)


def learn_words(
    bank: EmbeddingBank, captions: Sequence[Sequence[Token]], is_sound: Mask, *, least: int, seed: int
) -> LearnedWords | NotLearned:
    """Return what the pairs of the bank show of the set's words.

    Args:
        bank: Images and texts of a sample of the set.
        captions: Their captions in words.
        is_sound: Which of them are probably no mismatched pairs, shape (m,): those are learned from.
        least: Pairs that are wanted.
        seed: For the words that are planted.
    """
    sound = np.flatnonzero(is_sound)
    whole = find_places(captions, least=LEAST_CAPTIONS, most=MOST_WORDS)
    if len(sound) < least:
        reason = f"there are only {count_noun(len(sound), IMAGE_CAPTION.pair)} to learn words from; {least} are needed"
        return NotLearned(cause="too_few_pairs", reason=reason, places=whole)
    told = [captions[row] for row in sound.tolist()]
    places = find_places(told, least=LEAST_CAPTIONS, most=MOST_WORDS)
    if sum(len(others) > 0 for others in places.alternatives) < MIN_WORDS:
        reason = "the captions hardly share any words, so that none can be compared with others in its place"
        return NotLearned(cause="too_few_words", reason=reason, places=whole)
    images, texts, keys = bank.vectors["image"][sound], bank.vectors["text"][sound], bank.keys[sound]
    presence = places.presence(told)
    planted = plant_words(presence, places.alternatives, np.random.default_rng(seed))
    which = _folds(keys)
    sums = [WordSums(images[part], texts[part], presence[part]) for part in _parts(which)]
    tried = []
    for shrinkage in SHRINKAGES:
        models = tuple(part.model(shrinkage) for part in sums)
        own = _weigh(models, which, images, presence, places.alternatives).worst()
        wrong = _weigh(models, which, images, planted.presence, places.alternatives).worst()
        tried.append((tell_apart(own, wrong[planted.is_planted]), models, own, wrong))
    told_apart, models, own, wrong = max(tried, key=lambda found: found[0])
    if told_apart < MIN_TOLD_APART:
        reason = "the embeddings do not show which words a caption holds, so that no wrong one could be found"
        return NotLearned(cause="words_not_seen", reason=reason, places=whole)
    changed = _planted_texts(models, which, texts, planted)
    there = planted.is_planted
    scale = fit_scale(
        own,
        np.einsum("ij,ij->i", images, texts).astype(np.float64),
        wrong[there],
        np.einsum("ij,ij->i", images, changed)[there].astype(np.float64),
        own > NOTHING,
    )
    return LearnedWords(
        places=places, models=models, keys=keys, scale=scale, told_apart=told_apart, num_pairs=len(sound)
    )


def _folds(keys: Keys) -> Rows:
    return (keys % np.uint64(FOLDS)).astype(np.int64)


def _parts(which: Rows) -> list[Rows]:
    """Return, for each fold, the pairs of the others, and last all of them."""
    return [np.flatnonzero(which != fold) for fold in range(FOLDS)] + [np.arange(len(which))]


def _weigh(
    models: Sequence[WordModel], which: Rows, images: Vectors, presence: Floats32, alternatives: Sequence[Rows]
) -> WordEvidence:
    against = np.full(presence.shape, NOTHING)
    other = np.full(presence.shape, -1, dtype=np.int64)
    for number, model in enumerate(models):
        rows = np.flatnonzero(which == number)
        if len(rows):
            found = weigh_words(model, images[rows], presence[rows], alternatives)
            against[rows], other[rows] = found.against, found.other
    return WordEvidence(against=against, other=other)


def _planted_texts(models: Sequence[WordModel], which: Rows, texts: Vectors, planted: PlantedWords) -> Vectors:
    """Return what the captions' embeddings would be with the planted words, as the others' captions have it."""
    changed = texts.copy()
    for number, model in enumerate(models):
        rows = np.flatnonzero((which == number) & planted.is_planted)
        changed[rows] += model.text_shifts[planted.given[rows]] - model.text_shifts[planted.taken[rows]]
    return normalise(changed)
