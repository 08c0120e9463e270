"""What is usual in a set, from a bank of its pairs: how like random images, random captions and random pairs are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats, Vectors
from mmcheck.corpus.constants import SCALE_MIN_PAIRS
from mmcheck.corpus.embeddings import EmbeddingBank
from mmcheck.metrics.caption_vagueness import REFERENCE_QUANTILE, tells_pairs_apart

_ROLLS = 8  # shifts that give random pairings of the bank; our own choice: 16,384 of a full bank
_SMALLEST = 1e-6  # least deviation that is divided by; our own choice: smaller ones are rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class SetScale:
    """What random rows of the set are like."""

    random_text: float
    """Median cosine of two captions."""
    random_image: float
    """Median cosine of two images."""
    random_gap: float
    """Cosine of a specific caption with its own image minus that with others: the 0.9 quantile of all, so that it stays
    the specific ones' where most captions say nothing."""
    is_judged: bool
    """Whether captions fit their own images better than others at all."""


def measure_scale(bank: EmbeddingBank) -> SetScale | None:
    """Return what is usual, or None where there are fewer than 20 different pairs.

    Args:
        bank: Pairs in random order with embeddings ``image`` and ``text`` and the keys of these halves.
    """
    if len(bank) < SCALE_MIN_PAIRS:
        return None
    images, texts = bank.vectors["image"], bank.vectors["text"]
    image_keys, text_keys = bank.halves["image"], bank.halves["text"]
    own = _cosines(images, texts)
    found: dict[str, list[Floats]] = {"text": [], "image": [], "pair": []}
    lead: list[Floats] = []
    for shift in range(1, _ROLLS + 1):
        other_image, other_text = np.roll(images, shift, axis=0), np.roll(texts, shift, axis=0)
        new_image = image_keys != np.roll(image_keys, shift)
        new_text = text_keys != np.roll(text_keys, shift)
        found["image"].append(_cosines(images, other_image)[new_image])
        found["text"].append(_cosines(texts, other_text)[new_text])
        apart = new_image & new_text
        pair = _cosines(images, other_text)
        found["pair"].append(pair[apart])
        lead.append(np.where(apart, own - pair, np.nan))
    random = {name: np.concatenate(parts) for name, parts in found.items()}
    if not all(len(cosines) for cosines in random.values()):
        return None
    with_lead = np.isfinite(np.stack(lead)).any(axis=0)
    mean_lead = np.nanmean(np.stack(lead)[:, with_lead], axis=0)
    return SetScale(
        random_text=float(np.median(random["text"])),
        random_image=float(np.median(random["image"])),
        random_gap=float(np.quantile(mean_lead, REFERENCE_QUANTILE)),
        is_judged=tells_pairs_apart(mean_lead / max(float(random["pair"].std()), _SMALLEST)),
    )


def _cosines(first: Vectors, second: Vectors) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", first, second), dtype=np.float64)
