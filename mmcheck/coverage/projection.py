"""Embeddings as points on a flat map that a person reads.

PCA to 50 axes, then t-SNE on a sample of at most 2,000 rows; every other row is put where its neighbours in the sample
lie. t-SNE keeps neighbours together and nothing else: distances between islands, and their areas, mean nothing, and
the page says so. The sample is chosen by content, so the same set gives the same map in whatever order it is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Vectors
from mmcheck.coverage.constants import LONELY_DEVIATIONS, LONELY_NEIGHBOUR

Points = NDArray[np.float32]

MAX_POINTS = 2000
"""Rows that t-SNE lays out. Our own choice: its cost grows faster than linearly."""
_MIN_POINTS = 30
"""Rows from which t-SNE is used. Taken from its usual perplexity of 30, which must be below the number of rows."""
_AXES = 50  # principal components that are kept; taken from the advice of scikit-learn's documentation of t-SNE
_PERPLEXITY = 30.0  # perplexity of t-SNE; taken from scikit-learn's default
_NEIGHBOURS = 3  # Laid-out rows that another row is placed among; our own choice: enough for a mean
_NEAR = 0.1
"""Distance on the map (of its side) within which these must lie to be averaged. Our own choice: else the row would
stand between two islands."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Principal axes of a sample."""

    mean: Vectors
    """Shape (d,)."""
    directions: Vectors
    """Shape (d, a), a <= 50, of unit length, by falling variance."""

    def reduce(self, vectors: Vectors) -> Vectors:
        """Return rows of shape (n, d) on the axes, shape (n, a)."""
        return np.asarray((vectors - self.mean) @ self.directions, dtype=np.float32)


def fit_axes(vectors: Vectors) -> Axes:
    """Return the principal axes (Pearson 1901) of rows of shape (m, d), m >= 1.

    The sign of an axis is arbitrary; here its largest component is positive, so that equal rows give equal maps.
    """
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = vectors - mean
    covariance = (centred.T @ centred).astype(np.float64) / max(len(vectors) - 1, 1)
    values, directions = np.linalg.eigh(covariance)
    order = np.argsort(-values, kind="stable")[:_AXES]
    directions = directions[:, order]
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.where(directions[largest, np.arange(directions.shape[1])] < 0, -1.0, 1.0)
    return Axes(mean, np.ascontiguousarray(directions, dtype=np.float32))


class Projection:
    """A map: points for a sample, and places for all others.

    Args:
        vectors: Distinct rows ordered by content, shape (m, d), m >= 1; the first 2,000 are laid out.
        axes: Their principal axes.
        seed: For t-SNE.
    """

    def __init__(self, vectors: Vectors, axes: Axes, seed: int) -> None:
        import faiss

        self.axes = axes
        reduced = self.axes.reduce(vectors[:MAX_POINTS])
        self.method = "t-SNE" if len(reduced) >= _MIN_POINTS else "PCA"
        self.points = _frame(_lay_out(reduced, seed) if self.method == "t-SNE" else reduced[:, :2])
        """Places of the sample, shape (min(m, 2000), 2), within 0..1."""
        self._index = faiss.IndexFlatL2(reduced.shape[1])
        self._index.add(np.ascontiguousarray(reduced))

    def place(self, vectors: Vectors) -> Points:
        """Return the places of rows of shape (n, d), shape (n, 2), within 0..1; a row of the sample lies on its point.

        A place is the mean of the three nearest sampled rows, weighted by 1 / distance^2, without those whose points
        lie far from the nearest one's: a mean between two islands would lie in the sea.
        """
        if not len(vectors):
            return np.zeros((0, 2), dtype=np.float32)
        count = min(_NEIGHBOURS, len(self.points))
        squares, nearest = self._index.search(np.ascontiguousarray(self.axes.reduce(vectors)), count)
        found = self.points[nearest]
        weights = 1.0 / np.maximum(squares, 1e-9)
        weights *= np.linalg.norm(found - found[:, :1], axis=2) <= _NEAR
        weights /= weights.sum(axis=1, keepdims=True)
        places = np.einsum("nk,nkj->nj", weights, found)
        exact = squares[:, 0] < 1e-7
        places[exact] = found[exact, 0]
        return np.asarray(places, dtype=np.float32)


def find_lonely(vectors: Vectors, axes: Axes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which of the first 2,000 rows have no neighbours, the loneliest first, and how lonely they are.

    Lonely means: the distance to the fifth nearest of the given rows is larger than usual by more than 3.5 robust
    standard deviations (median and MAD of its logarithm; Iglewicz and Hoaglin, How to Detect Outliers, 1993).

    Args:
        vectors: Distinct rows, shape (m, d).
        axes: Their principal axes.

    Returns:
        Row numbers, and their distance divided by the median distance.
    """
    import faiss

    if len(vectors) <= 4 * LONELY_NEIGHBOUR:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    reduced = np.ascontiguousarray(axes.reduce(vectors))
    index = faiss.IndexFlatL2(reduced.shape[1])
    index.add(reduced)
    squares, _ = index.search(reduced[:MAX_POINTS], LONELY_NEIGHBOUR + 1)
    gaps = np.log(np.sqrt(np.maximum(squares[:, -1].astype(np.float64), 1e-12)))
    middle = float(np.median(gaps))
    scale = 1.4826 * float(np.median(np.abs(gaps - middle)))
    if scale < 1e-9:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    lonely = np.flatnonzero(gaps > middle + LONELY_DEVIATIONS * scale)
    order = lonely[np.argsort(-gaps[lonely], kind="stable")]
    return order, np.exp(gaps[order] - middle)


def _lay_out(reduced: Vectors, seed: int) -> Points:
    """Return t-SNE points (van der Maaten and Hinton, JMLR 2008; Barnes-Hut, JMLR 2014)."""
    from sklearn.manifold import TSNE

    # The rows are on their principal axes already; scaled as scikit-learn's own start "pca" is.
    start = reduced[:, :2] / max(float(reduced[:, 0].std()), 1e-12) * 1e-4
    model = TSNE(
        n_components=2,
        perplexity=min(_PERPLEXITY, (len(reduced) - 1) / 3),
        init=start,
        random_state=seed % 2**31,
        max_iter=500,
    )
    return np.asarray(model.fit_transform(reduced), dtype=np.float32)


def _frame(points: Vectors) -> Points:
    """Return points of shape (m, 1 or 2) in the unit square, shape kept, shape (m, 2)."""
    flat = np.zeros((len(points), 2), dtype=np.float64)
    flat[:, : points.shape[1]] = points[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    width = float((high - low).max())
    if width < 1e-9:
        return np.full((len(points), 2), 0.5, dtype=np.float32)
    return np.asarray(0.5 + (flat - (low + high) / 2) / width, dtype=np.float32)
