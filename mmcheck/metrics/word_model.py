"""What each word of a caption adds to its image's embedding, and how much better another word would fit an image.

An image's embedding is taken to be the sum of what the words of its caption stand for, and a normal rest:
image = A' x + noise, where x says which words the caption holds. A is learned by ridge regression on the set's own
pairs. It is drawn towards what the same words do to the captions' embeddings, since a CLIP model holds the two side by
side: a word that few images show is known from its captions, a common one from the images themselves. The
log-likelihood ratio of the caption with one word exchanged, or left out, then follows in closed form (that of linear
discriminant analysis; Fisher 1936), and no caption has to be encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats, Floats32, Rows, Vectors

_TEXT_RIDGE = 1.0
"""Ridge of the regression of captions on their words. Our own choice: worth one more caption a word."""
_IMAGE_RIDGE = 3.0
"""Ridge that draws images' words towards those of captions. Our own choice: measured on quality sets, 3 does better
than 30 and 300."""
LEAST_EFFECT = 1.0
"""Squared distance, in standard deviations of the rest, by which a word must move an image to be judged. Our own
choice: what moves it less (articles, "photo") cannot speak for or against itself by more than half a nat."""
NOTHING = -1e3
"""Evidence against a word that the caption does not hold, or that does not matter. Our own choice: below any that
occurs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordModel:
    """What words do to embeddings."""

    middle: Floats
    """Mean image, shape (d,)."""
    usual: Floats
    """Share of captions that hold each word, shape (v,)."""
    shifts: Floats
    """What each word adds to an image, shape (v, d)."""
    text_shifts: Floats
    """What each word adds to a caption's embedding, shape (v, d)."""
    weighted: Floats
    """``shifts`` times the inverse covariance of the rest, shape (v, d)."""
    products: Floats
    """``weighted`` times ``shifts``, shape (v, v)."""

    def rest(self, images: Vectors, presence: Floats32) -> Floats:
        """Return what the words of the captions leave unexplained of the images, shape (n, d)."""
        return np.asarray((images - self.middle) - (presence - self.usual) @ self.shifts)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordEvidence:
    """What speaks against each word of each caption."""

    against: Floats
    """Log-likelihood ratio for another word in its place, or for none, shape (n, v); ``NOTHING`` where the caption does
    not hold the word, or the word does not matter."""
    other: Rows
    """Which other word fits best; -1: none, the caption fits best as it is or without the word, shape (n, v)."""

    def worst(self) -> Floats:
        """Return the evidence against the weakest word of each caption, shape (n,); ``NOTHING`` where none is known."""
        return np.asarray(self.against.max(axis=1, initial=NOTHING))


class WordSums:
    """Sums over pairs from which models of different shrinkage are made.

    Args:
        images: Embeddings, shape (n, d).
        texts: Embeddings of the captions, shape (n, d).
        presence: Which captions hold which words, shape (n, v).
    """

    def __init__(self, images: Vectors, texts: Vectors, presence: Floats32) -> None:
        # Double precision: the order of the pairs may not change what is found.
        words, self._images = presence.astype(np.float64), images.astype(np.float64)
        texts_ = texts.astype(np.float64)
        self._middle, self._usual = self._images.mean(axis=0), words.mean(axis=0)
        self._words = words - self._usual
        self._images -= self._middle
        gram = self._words.T @ self._words
        self._values, self._vectors = np.linalg.eigh(gram)
        self._text_shifts = self._solve(_TEXT_RIDGE, self._words.T @ (texts_ - texts_.mean(axis=0)))
        told = self._words @ self._text_shifts
        scale = float((told * self._images).sum() / max((told**2).sum(), 1e-9))
        by_text = scale * self._text_shifts
        self._shifts = by_text + self._solve(_IMAGE_RIDGE, self._words.T @ self._images - gram @ by_text)
        rest = self._images - self._words @ self._shifts
        self._covariance = rest.T @ rest / len(rest)

    def _solve(self, ridge: float, right: Floats) -> Floats:
        lengths = np.maximum(self._values, 0) + ridge
        return np.asarray(self._vectors @ ((self._vectors.T @ right) / lengths[:, None]))

    def model(self, shrinkage: float) -> WordModel:
        """Return the model.

        Args:
            shrinkage: How far the covariance of the rest is drawn to that of white noise, in (0, 1] (Ledoit and Wolf,
                Journal of Multivariate Analysis 2004, have this form).
        """
        width = len(self._covariance)
        level = max(float(np.trace(self._covariance)) / width, 1e-12)
        inverse = np.linalg.inv((1 - shrinkage) * self._covariance + shrinkage * level * np.eye(width))
        weighted = self._shifts @ inverse
        return WordModel(
            middle=self._middle,
            usual=self._usual,
            shifts=self._shifts,
            text_shifts=self._text_shifts,
            weighted=weighted,
            products=weighted @ self._shifts.T,
        )


def weigh_words(model: WordModel, images: Vectors, presence: Floats32, alternatives: Sequence[Rows]) -> WordEvidence:
    """Return what speaks against each word.

    A caption may leave something unsaid: that an image also shows another thing is no evidence against a word. So what
    the other word would gain beside the word is taken off what it gains in its place.

    Args:
        model: What words do to embeddings.
        images: Embeddings, shape (n, d).
        presence: Which captions hold which words, shape (n, v).
        alternatives: For each word the numbers of those that may take its place.
    """
    pull = model.rest(images, presence) @ model.weighted.T
    own = np.diag(model.products)
    without = -pull - own / 2
    beside = np.maximum(pull - own / 2, 0)
    against = np.full(presence.shape, NOTHING)
    other = np.full(presence.shape, -1, dtype=np.int64)
    for word in np.flatnonzero(presence.any(axis=0) & (own >= LEAST_EFFECT)).tolist():
        rows = np.flatnonzero(presence[:, word])
        found = without[rows, word]
        others = alternatives[word]
        if len(others):
            distance = own[others] + own[word] - 2 * model.products[word, others]
            gain = pull[np.ix_(rows, others)] - pull[rows, word][:, None] - distance / 2
            gain[presence[np.ix_(rows, others)] > 0] = NOTHING
            best = gain.argmax(axis=1)
            is_better = gain[np.arange(len(rows)), best] > np.maximum(found, 0)
            other[rows, word] = np.where(is_better, others[best], -1)
            gain = np.where(gain > 0, gain - beside[np.ix_(rows, others)], gain)
            found = np.maximum(found, gain.max(axis=1))
        against[rows, word] = found
    return WordEvidence(against=against, other=other)
