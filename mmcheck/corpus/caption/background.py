"""The images that captions are held against, and what is usual for captions of this set.

A bank of some thousand distinct images stands for all: the share of images that a caption fits is as well known from
2,000 as from a million. Before anything is said of a caption, the bank's own pairs must show that the model sees
something in this data at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.config import CaptionConfig
from mmcheck.core.arrays import Keys, Vectors
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import gather_bank
from mmcheck.metrics.caption_vagueness import (
    SMALLEST_SPREAD,
    Fit,
    fit_temperature,
    measure_fit,
    measure_spread,
    pick_unlike,
    tells_pairs_apart,
    trust_model,
)

PROBE = "image_text"
_CELLS = 2_000_000  # cosines in one go; our own choice: bounds memory (8 MB)
_CANDIDATES = 48  # fitting images looked at to find unlike ones among them; our own choice: a few are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Distinct images of the run and the scale on which captions are measured against them."""

    images: Vectors
    """Shape (m, d), rows of unit length."""
    keys: Keys
    """Content keys of the images, ascending, shape (m,)."""
    rows: NDArray[np.int64]
    """Number of each image's row in the run, shape (m,)."""
    temperature: float
    """Of the softmax over the images."""
    spread: float
    """Standard deviation that a specific caption's cosines have."""
    mean_own_z: float
    """How many standard deviations the bank's different captions fit their own image better than others, on average."""

    @property
    def trust(self) -> float:
        """Return how far the model's word counts against the caption's own, 0 to 1."""
        return trust_model(self.mean_own_z)

    def measure(self, images: Vectors, texts: Vectors, own: NDArray[np.int64]) -> tuple[Fit, NDArray[np.float64]]:
        """Return how captions fit the images, and how far each fits its own better than these.

        Args:
            images: The captions' own images, shape (n, d).
            texts: The captions, shape (n, d).
            own: Places of these images in the bank, as ``find_own`` returns them, shape (n,).

        Returns:
            The fit, and (own cosine - mean) / spread of a specific caption, shape (n,).
        """
        parts = [
            measure_fit(texts[chunk] @ self.images.T, own[chunk], self.temperature)
            for chunk in _chunks(len(texts), len(self.images))
        ]
        fit = Fit(
            entropy=np.concatenate([np.zeros(0), *(part.entropy for part in parts)]),
            spread=np.concatenate([np.zeros(0), *(part.spread for part in parts)]),
            mean=np.concatenate([np.zeros(0), *(part.mean for part in parts)]),
            num_fitting=np.concatenate([np.zeros(0), *(part.num_fitting for part in parts)]),
        )
        cosines = np.einsum("ij,ij->i", images, texts).astype(np.float64)
        return fit, (cosines - fit.mean) / self.spread

    def find_own(self, images: Keys) -> NDArray[np.int64]:
        """Return the place of each image, given by its key, in the bank, -1 where it is not there, shape (n,)."""
        return _find(self.keys, images)

    def pick_fitting(self, image: Vectors, text: Vectors, own: int, num_fitting: float, count: int) -> list[int]:
        """Return rows of the run whose images the caption fits about equally well, unlike its own and each other.

        Args:
            image: The caption's own image, shape (d,).
            text: The caption, shape (d,).
            own: Place of its own image in the bank, -1 where it is not there.
            num_fitting: How many of the bank fit, as measured.
            count: Rows wanted at most.
        """
        cosines = self.images @ text
        if own >= 0:
            cosines[own] = -np.inf
        taken = min(max(count, round(num_fitting)), len(cosines) - 1)
        limit = np.partition(cosines, len(cosines) - taken)[len(cosines) - taken]
        # The bank is in random order, so its first fitting images are a sample of them.
        candidates = np.flatnonzero(cosines >= limit)[:_CANDIDATES]
        return [int(self.rows[place]) for place in pick_unlike(self.images, candidates, image, count)]


@dataclass(frozen=True, slots=True)
class NoBackground:
    """Why captions cannot be held against the images of this set."""

    cause: str
    """A stable word."""
    sentence: str
    """For people."""


def gather_background(shards: Sequence[ShardTables], options: CaptionConfig, seed: int) -> Background | NoBackground:
    """Return the background of a run, or why there is none.

    Args:
        shards: The run's shards.
        options: Section ``analyses.caption`` of the config.
        seed: For the choice of images.
    """
    bank = gather_bank(shards, PROBE, ["image", "text"], size=options.bank_size, seed=seed)
    if not len(bank):
        return NoBackground("no_embeddings", "No pair has embeddings of image and caption.")
    keys, first = np.unique(bank.halves["image"], return_index=True)
    images = bank.vectors["image"][first]
    if len(keys) < options.min_images:
        return NoBackground(
            "few_images",
            f"The set has only {len(keys)} different images; {options.min_images} are needed to judge captions.",
        )
    distinct = np.unique(bank.halves["text"], return_index=True)[1]
    if len(distinct) == 1:
        return NoBackground("identical_captions", "All captions are the same.")
    own = _find(keys, bank.halves["image"])
    means, spreads = np.zeros(len(bank)), np.zeros(len(bank))
    for chunk in _chunks(len(bank), len(keys)):
        means[chunk], spreads[chunk] = measure_spread(bank.vectors["text"][chunk] @ images.T, own[chunk])
    temperature, spread = fit_temperature(spreads[distinct], len(keys) - 1)
    if spread < SMALLEST_SPREAD:
        return NoBackground("constant_embeddings", "The model gives all images, or all captions, the same embedding.")
    cosines = np.einsum("ij,ij->i", bank.vectors["image"], bank.vectors["text"]).astype(np.float64)
    own_z = (cosines - means) / np.maximum(spreads, SMALLEST_SPREAD)
    # One pair a caption: a thousand times "a photo" says nothing about the model.
    if not tells_pairs_apart(own_z[distinct]):
        return NoBackground(
            "model_cannot_judge",
            "For this model the captions fit their own images no better than others: it cannot judge this data, or the "
            "captions say nothing, or all belong to other images.",
        )
    return Background(
        images=images,
        keys=keys,
        rows=bank.rows[first],
        temperature=temperature,
        spread=spread,
        mean_own_z=float(own_z[distinct].mean()),
    )


def _find(keys: Keys, wanted: Keys) -> NDArray[np.int64]:
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1).astype(np.int64)


def _chunks(count: int, width: int) -> list[slice]:
    size = max(1, _CELLS // max(width, 1))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
