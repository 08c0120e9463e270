"""Clusters of embeddings: how many, where, and how evenly the set is spread over them.

k-means by faiss on a sample of distinct rows, because the map must come in a minute for a hundred thousand pairs on two
cores. It cuts every set into round pieces of like spread: a cluster is a region to look at, not a class that was found
in the data, and nothing is quarantined on its account.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Vectors
from mmcheck.coverage.constants import MAX_CLUSTERS, MIN_CLUSTERS, RADIUS_QUANTILE

Labels = NDArray[np.int32]

_ITERATIONS = 25  # rounds of k-means; our own choice: more move few rows
_CHUNK = 16_384  # vectors in one go; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How evenly rows are spread over clusters."""

    num_clusters: int
    """Clusters that hold anything."""
    effective: float
    """Number of equal clusters of the same entropy: exp(-sum p ln p) (Hill number of order 1; Jost, Oikos 2006)."""
    gini: float
    """Gini coefficient of the sizes (Gini 1912): 0 all equal, towards 1 one cluster holds all."""
    half: int
    """Fewest clusters that hold half of the rows together."""


def choose_num_clusters(num_rows: int) -> int:
    """Return sqrt(n / 2), the rule of thumb of Mardia et al. (Multivariate Analysis, 1979), within the bounds."""
    return int(min(max(round(math.sqrt(num_rows / 2)), MIN_CLUSTERS), MAX_CLUSTERS))


def train_centroids(vectors: Vectors, reduced: Vectors, num_clusters: int, seed: int) -> Vectors:
    """Return the centroids of Lloyd's k-means (IEEE Trans. Inf. Theory 28, 1982) by faiss.

    It starts from greedy k-means++ (Arthur and Vassilvitskii, SODA 2007) by scikit-learn: a random start, even the best
    of several, overlooks small groups far from all others, which are what a reader wants to see. The start is chosen on
    few axes, where it costs a tenth.

    Args:
        vectors: Distinct rows in an order that depends on their content alone, shape (m, d), m >= 1.
        reduced: The same rows on their principal axes, shape (m, a).
        num_clusters: Wanted clusters; no more than m are made.
        seed: For the first centroids.

    Returns:
        Array of shape (min(num_clusters, m), d).
    """
    import faiss
    from sklearn.cluster import kmeans_plusplus

    count = min(num_clusters, len(vectors))
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    _, start = kmeans_plusplus(reduced, count, random_state=seed % 2**31)
    kmeans = faiss.Kmeans(
        vectors.shape[1],
        count,
        niter=_ITERATIONS,
        seed=seed % 2**31,
        min_points_per_centroid=1,
        max_points_per_centroid=max(1, len(vectors)),
    )
    kmeans.train(rows, init_centroids=rows[start])
    return np.asarray(kmeans.centroids, dtype=np.float32)


def assign(vectors: Vectors, centroids: Vectors) -> tuple[Labels, NDArray[np.float32]]:
    """Return the nearest centroid of each row and the Euclidean distance to it.

    Args:
        vectors: Shape (n, d).
        centroids: Shape (k, d), k >= 1.

    Returns:
        Labels of shape (n,) in 0..k-1 (the lowest of equally near ones) and distances of shape (n,), >= 0.
    """
    labels = np.zeros(len(vectors), dtype=np.int32)
    distances = np.zeros(len(vectors), dtype=np.float32)
    squares = np.einsum("ij,ij->i", centroids, centroids)
    for start in range(0, len(vectors), _CHUNK):
        part = vectors[start : start + _CHUNK]
        gaps = squares[None, :] - 2.0 * (part @ centroids.T)
        nearest = gaps.argmin(axis=1)
        lengths = np.einsum("ij,ij->i", part, part)
        best = gaps[np.arange(len(part)), nearest] + lengths
        labels[start : start + len(part)] = nearest
        distances[start : start + len(part)] = np.sqrt(np.maximum(best, 0.0))
    return labels, distances


def measure_balance(sizes: NDArray[np.int64]) -> Balance:
    """Return how evenly the rows are spread.

    Args:
        sizes: Rows a cluster, shape (k,), >= 0.
    """
    held = np.sort(sizes[sizes > 0].astype(np.float64))
    if not len(held):
        return Balance(num_clusters=0, effective=0.0, gini=0.0, half=0)
    shares = held / held.sum()
    ranks = np.arange(1, len(held) + 1)
    gini = float(((2 * ranks - len(held) - 1) * shares).sum() / len(held))
    half = int(np.searchsorted(np.cumsum(shares[::-1]), 0.5 - 1e-12) + 1)
    return Balance(
        num_clusters=len(held),
        effective=float(np.exp(-(shares * np.log(shares)).sum())),
        gini=max(gini, 0.0),
        half=half,
    )


def measure_radii(labels: Labels, distances: NDArray[np.float32], num_clusters: int) -> Floats:
    """Return the distance from each centroid within which 95 % of its rows lie.

    A cluster of few or equal rows gets at least half of the median radius: one row is no measure of spread.

    Args:
        labels: Shape (n,).
        distances: Shape (n,).
        num_clusters: k.

    Returns:
        Array of shape (k,), >= 0.
    """
    radii = np.zeros(num_clusters)
    order = np.lexsort((distances, labels))
    bounds = np.searchsorted(labels[order], np.arange(num_clusters + 1))
    for cluster, (start, stop) in enumerate(itertools.pairwise(bounds.tolist())):
        if stop > start:
            radii[cluster] = np.quantile(distances[order[start:stop]], RADIUS_QUANTILE)
    held = radii[radii > 0]
    floor = 0.5 * float(np.median(held)) if len(held) else 0.0
    return np.maximum(radii, floor)


def find_excess(counts: NDArray[np.int64], sizes: NDArray[np.int64], share: float) -> Floats:
    """Return how likely it is by chance that so many or more rows of each cluster have a mark (binomial).

    Args:
        counts: Marked rows of each cluster, shape (k,).
        sizes: Rows of each cluster, shape (k,).
        share: Share of marked rows in the whole set, 0..1.

    Returns:
        Array of shape (k,), 0..1.
    """
    from scipy.special import bdtrc

    chances = np.ones(len(counts))
    some = counts > 0
    chances[some] = bdtrc(counts[some] - 1, sizes[some], share)
    return chances


def find_rare(
    there: NDArray[np.int64], num_there: int, here: NDArray[np.int64], num_here: int
) -> tuple[Floats, Floats]:
    """Return how much rarer each region is here than there, and how likely that is by chance.

    Given the rows of both sets in a region, those of this set are binomial if the region has the same share in both
    (the conditional test of two Poisson rates; Przyborowski and Wilenski, Biometrika 31, 1940).

    Args:
        there: Rows of the other set in each region, shape (k,).
        num_there: All rows of the other set.
        here: Rows of this set in each region, shape (k,).
        num_here: All rows of this set.

    Returns:
        Share here divided by share there (infinite where the other set has none), and the probability of seeing so few
        or fewer; both of shape (k,).
    """
    from scipy.special import bdtr

    ratios, chances = np.full(len(there), np.inf), np.ones(len(there))
    if not num_here or not num_there:
        return ratios, chances
    held = there > 0
    ratios[held] = (here[held] / num_here) / (there[held] / num_there)
    chances[held] = bdtr(here[held], there[held] + here[held], num_here / (num_here + num_there))
    return ratios, chances
