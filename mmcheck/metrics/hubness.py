"""Scores of image-text pairs that are corrected for hubs, against a bank that stands for the whole set.

Some images are near every text and some texts near every image (hubs); their raw cosines are high whether the pair is
right or wrong. Each score here takes from a pair's cosine what its two halves reach with strangers anyway. Strangers
are the rows of a bank; the pair itself, its copies and near-copies are no strangers and are left out, so that a row
that occurs twice changes nothing. All work is done in blocks: rows times bank, never all rows times all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Mask

TEMPERATURE = 0.01
"""Of the softmax in s-CLIPLoss. Taken from the paper (Wang et al., 2024), which has it for every model."""
NEAR_COSINE = 0.95
"""Cosine from which two vectors are nearly the same. Our own choice: as analyses.duplicates.image_similarity."""
_NEAR_PART, _NEAR_MOST = 0.25, 0.9999
"""Part of the way from 1 to the cosine of random pairs that a near one may lie off, where all are alike, and the
largest such limit. Our own choice: a quarter; equal vectors differ by rounding."""
_BLOCK_CELLS = 1 << 21  # cells of a block of similarities: 8 MB in single precision; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """What one half of each row reaches with the strangers in the bank."""

    nearest: Floats32
    """The k + 1 largest cosines with strangers, descending, shape (n, k + 1); NaN where there are fewer strangers."""
    log_mean_exp: Floats32
    """Log of the mean of exp(cosine / TEMPERATURE) over the strangers, shape (n,); NaN without strangers."""
    mean: Floats32
    """Mean cosine with strangers, shape (n,); NaN without strangers."""
    spread: Floats32
    """Standard deviation of the cosine over strangers, shape (n,); NaN without strangers."""
    num_strangers: NDArray[np.int32]
    """How many rows of the bank are strangers, shape (n,)."""

    def level(self, neighbours: int) -> Floats32:
        """Return the mean of the ``neighbours`` largest cosines with strangers (of all, if there are fewer)."""
        return _row_mean(self.nearest[:, :neighbours])


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponentials:
    """What a softmax over the strangers needs of one half of each row, arrays of one shape."""

    log_mean_exp: Floats32
    """As in ``Neighbourhood``."""
    num_strangers: NDArray[np.int32]
    """As in ``Neighbourhood``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhoods:
    """Both sides of a block of rows."""

    image: Neighbourhood
    """Of each image among the bank's texts."""
    text: Neighbourhood
    """Of each text among the bank's images."""
    rank: Floats32
    """Share of the strange images that fit the text at least as well as its own, shape (n,); NaN without strangers."""
    copies: NDArray[np.int32]
    """Rows of the bank that are near-copies of the pair in both halves (itself included, if it is in the bank)."""


def find_neighbourhoods(
    images: Floats32,
    texts: Floats32,
    bank_images: Floats32,
    bank_texts: Floats32,
    *,
    neighbours: int,
    image_limit: float,
    text_limit: float,
    with_exponentials: bool = True,
) -> Neighbourhoods:
    """Return what each row's halves reach with the strangers in the bank.

    A row of the bank is a stranger unless its image or its text is nearly the row's own.

    Args:
        images: Unit vectors, shape (n, d).
        texts: Unit vectors, shape (n, d).
        bank_images: Unit vectors, shape (m, d).
        bank_texts: Unit vectors, shape (m, d).
        neighbours: k.
        image_limit: Cosine above which two images are nearly the same.
        text_limit: Cosine above which two texts are nearly the same.
        with_exponentials: Whether ``log_mean_exp`` is wanted; it costs as much as all the rest.
    """
    parts: list[tuple[Neighbourhood, Neighbourhood, Floats32, NDArray[np.int32]]] = []
    for start, stop in blocks(len(images), max(1, len(bank_images))):
        like_image = images[start:stop] @ bank_images.T > image_limit
        like_text = texts[start:stop] @ bank_texts.T > text_limit
        known = like_image | like_text
        own = np.einsum("ij,ij->i", images[start:stop], texts[start:stop])
        backward = texts[start:stop] @ bank_images.T
        above = ((backward >= own[:, None]) & ~known).sum(axis=1, dtype=np.int32)
        parts.append(
            (
                neighbourhood(images[start:stop] @ bank_texts.T, known, neighbours, with_exponentials),
                neighbourhood(backward, known, neighbours, with_exponentials),
                share_of(above, known),
                (like_image & like_text).sum(axis=1, dtype=np.int32),
            )
        )
    return Neighbourhoods(
        image=_join([part[0] for part in parts], neighbours),
        text=_join([part[1] for part in parts], neighbours),
        rank=np.concatenate([np.zeros(0, dtype=np.float32), *(part[2] for part in parts)]),
        copies=np.concatenate([np.zeros(0, dtype=np.int32), *(part[3] for part in parts)]),
    )


def neighbourhood(similarity: Floats32, known: Mask, neighbours: int, with_exponentials: bool = True) -> Neighbourhood:
    """Return the neighbourhood of one half, from a block of cosines.

    Args:
        similarity: Shape (n, m). Overwritten.
        known: True where a column is no stranger, shape (n, m).
        neighbours: k.
        with_exponentials: Whether ``log_mean_exp`` is wanted; else it is NaN.
    """
    count = (~known).sum(axis=1, dtype=np.int32)
    with np.errstate(invalid="ignore", divide="ignore"):
        similarity[known] = 0
        mean = similarity.sum(axis=1) / count
        squares = np.einsum("ij,ij->i", similarity, similarity) / count
        spread = np.sqrt(np.maximum(squares - mean**2, 0))
        similarity[known] = -np.inf
        wanted = min(neighbours + 1, similarity.shape[1])
        nearest = np.full((len(similarity), neighbours + 1), np.nan, dtype=np.float32)
        log_mean = np.full(len(similarity), np.nan)
        if wanted:
            top = np.partition(similarity, similarity.shape[1] - wanted, axis=1)[:, -wanted:]
            top = np.sort(top, axis=1)[:, ::-1]
            nearest[:, :wanted] = np.where(np.isfinite(top), top, np.nan)
            if with_exponentials:
                peak = top[:, :1]
                total = np.exp((similarity - peak) / TEMPERATURE).sum(axis=1)
                log_mean = np.log(total / count) + peak[:, 0] / TEMPERATURE
    absent = count == 0
    for column in (mean, spread, log_mean):
        column[absent] = np.nan
    return Neighbourhood(
        nearest=nearest,
        log_mean_exp=log_mean.astype(np.float32),
        mean=mean.astype(np.float32),
        spread=spread.astype(np.float32),
        num_strangers=count,
    )


def share_of(count: NDArray[np.int32], known: Mask) -> Floats32:
    """Return counts as shares of each row's strangers, shape (n,); NaN where there are none.

    Args:
        count: Shape (n,).
        known: True where a column is no stranger, shape (n, m).
    """
    strangers = (~known).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(strangers > 0, count / strangers, np.nan), dtype=np.float32)


def csls(own: Floats32, image_level: Floats32, text_level: Floats32) -> Floats32:
    """Return the cross-domain similarity local scaling of pairs (Conneau et al., ICLR 2018, arXiv 1710.04087, eq. 4).

    Adding a constant to all cosines changes nothing.

    Args:
        own: Cosine of the pair, shape (n,).
        image_level: Mean cosine of the image with its k nearest strangers among the texts, shape (n,).
        text_level: Mean cosine of the text with its k nearest strangers among the images, shape (n,).
    """
    return np.asarray(2 * own - image_level - text_level, dtype=np.float32)


def s_clip_loss(own: Floats32, image: Neighbourhood | Exponentials, text: Neighbourhood | Exponentials) -> Floats32:
    """Return the pairs' s-CLIPLoss (Wang et al., NeurIPS 2024, arXiv 2405.19547), the mean in place of the sum.

    own - (t / 2) [log mean_j exp(cos(i, j) / t) + log mean_j exp(cos(j, i) / t)], t = TEMPERATURE, over strangers and
    the pair itself. The mean makes it independent of the bank's size.

    Args:
        own: Cosine of the pair, any shape.
        image: The images' strangers.
        text: The texts' strangers.
    """
    terms = []
    for side in (image, text):
        count = side.num_strangers
        with np.errstate(divide="ignore"):
            term = side.log_mean_exp.astype(np.float64) + np.log(count)
        terms.append(np.logaddexp(term, own / TEMPERATURE) - np.log(count + 1))
    return np.asarray(own - TEMPERATURE / 2 * (terms[0] + terms[1]), dtype=np.float32)


def near_limit(vectors: Floats32, least: float = NEAR_COSINE) -> float:
    """Return the cosine above which two vectors of a set are nearly the same: ``least``, or more where all are alike.

    Some models put everything into a narrow cone. There the limit is three quarters of the way from the 99th percentile
    of random pairs to 1.

    Args:
        vectors: Unit vectors in random order, shape (m, d).
        least: The limit for a set whose random pairs lie well below it.
    """
    size = len(vectors)
    if size < 2:
        return least
    offsets = range(1, min(8, size - 1) + 1)
    cosines = [np.einsum("ij,ij->i", vectors, np.roll(vectors, -offset, axis=0)) for offset in offsets]
    usual = float(np.quantile(np.concatenate(cosines), 0.99))
    # Equal vectors differ by rounding.
    return min(max(least, 1 - _NEAR_PART * (1 - usual)), _NEAR_MOST)


def cross_centred_asymmetry(similarity: Floats32) -> float:
    """Return how much farther each row's best column lies above expectation than its worst below.

    Expectation is that of an additive model (row mean plus column mean), so hubs do not count. A model that knows the
    data finds partners, whoever they stand beside in the manifest: about 1.3 to 2.1. One that does not gives noise, as
    far below as above: 0.9 to 1.15 (measured on synthetic scenes, blurred ones, and models turned at random).

    Args:
        similarity: Shape (n, m).
    """
    left = similarity - similarity.mean(axis=1, keepdims=True) - similarity.mean(axis=0) + similarity.mean()
    below = float(np.median(-left.min(axis=1)))
    return float(np.median(left.max(axis=1))) / below if below > 0 else 1.0


def blocks(num_rows: int, num_columns: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of blocks of rows so small that a block of similarities stays in the cache's reach."""
    size = max(16, min(4096, _BLOCK_CELLS // max(1, num_columns)))
    for start in range(0, num_rows, size):
        yield start, min(start + size, num_rows)


def _row_mean(values: Floats32) -> Floats32:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _join(parts: list[Neighbourhood], neighbours: int) -> Neighbourhood:
    if not parts:
        empty = np.zeros(0, dtype=np.float32)
        return Neighbourhood(
            nearest=np.zeros((0, neighbours + 1), dtype=np.float32),
            log_mean_exp=empty,
            mean=empty,
            spread=empty,
            num_strangers=np.zeros(0, dtype=np.int32),
        )
    return Neighbourhood(
        nearest=np.concatenate([part.nearest for part in parts]),
        log_mean_exp=np.concatenate([part.log_mean_exp for part in parts]),
        mean=np.concatenate([part.mean for part in parts]),
        spread=np.concatenate([part.spread for part in parts]),
        num_strangers=np.concatenate([part.num_strangers for part in parts]),
    )
