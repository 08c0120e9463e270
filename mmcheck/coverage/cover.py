"""What a set holds: its embeddings in clusters, on a map, and against another set.

Rows are read shard by shard, three times at most; memory holds some numbers a row and a bank of at most 25,600 sampled
rows. Bank, centroids and map depend on the rows' content and the seed alone, not on their order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Keys, Mask, Rows, Vectors
from mmcheck.core.pair_kinds import IMAGE_CAPTION, PAIR_KINDS, PairKind
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import gather_bank, read_embeddings, vector_keys
from mmcheck.corpus.groups import is_new
from mmcheck.coverage.clusters import Labels, assign, choose_num_clusters, find_rare, measure_radii, train_centroids
from mmcheck.coverage.constants import (
    CONTRAST_CHANCE,
    MIN_ROWS,
    MISSING,
    NEAR_EMPTY,
    OVER,
    SPREAD_DEVIATIONS,
    SPREAD_FACTOR,
)
from mmcheck.coverage.projection import MAX_POINTS, Points, Projection, find_lonely, fit_axes

_ROWS_PER_CENTROID = 256  # rows a cluster that k-means learns from; taken from faiss, which by default takes no more
_MIN_BANK, _MAX_BANK = 8192, 25_600
"""Rows that k-means learns from, at least and at most. Our own choice: bounds time and memory."""
_MIN_VARIANCE = 1e-5
"""Variance of the vectors below which all rows are the same. Our own choice: smaller ones are rounding."""


@dataclass(frozen=True, slots=True)
class View:
    """One kind of stored embedding that can be clustered."""

    name: str
    """Name of the kind of pair, whose media are clustered; ``text`` for the texts."""
    kind: PairKind
    """Whose media, or texts."""
    is_of_texts: bool = False
    """Whether the texts are clustered."""

    @property
    def probes(self) -> tuple[str, ...]:
        """Return the probes that may have stored it; the first that did is read."""
        return tuple(dict.fromkeys((self.kind.embedded_by, self.kind.probe)))

    @property
    def medium(self) -> str:
        """Return the samples' column with the medium."""
        return self.kind.medium

    @property
    def text(self) -> str:
        """Return the samples' column with the text."""
        return self.kind.text

    @property
    def column(self) -> str:
        """Return the samples' column with what is clustered."""
        return self.text if self.is_of_texts else self.medium

    @property
    def one(self) -> str:
        """Return what people call one of those clustered."""
        return self.kind.text_noun if self.is_of_texts else self.kind.medium_noun

    @property
    def many(self) -> str:
        """Return what people call several of them."""
        return self.kind.texts_noun if self.is_of_texts else self.kind.media_noun


# The order in which views are offered; of the texts only captions have embeddings.
VIEWS = {
    IMAGE_CAPTION.name: View(IMAGE_CAPTION.name, IMAGE_CAPTION),
    "text": View("text", IMAGE_CAPTION, is_of_texts=True),
    **{kind.name: View(kind.name, kind) for kind in PAIR_KINDS if kind is not IMAGE_CAPTION},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """One view of a set, clustered. Arrays have one entry a row that has the embedding, in the run's order."""

    state: str
    """``clustered``; ``too_few`` rows, ``constant`` embeddings or ``absent`` ones: then only ``rows`` is filled."""
    rows: Rows
    """Number of the row in the run, shape (n,), ascending."""
    keys: Keys
    """Content keys of the embeddings, shape (n,)."""
    labels: Labels
    """Cluster, shape (n,), 0 is the largest."""
    distances: NDArray[np.float32]
    """Euclidean distance to the centroid of unit vectors, shape (n,), 0..2."""
    centroids: Vectors
    """Shape (k, d)."""
    radii: Floats
    """Distance within which 95 % of a cluster's rows lie, shape (k,)."""
    points: Points
    """Places on the map, shape (n, 2), 0..1; (0, 2) if none was wanted."""
    method: str
    """How the map was made: ``t-SNE``, ``PCA`` or ""."""
    mapped: Rows
    """Positions (in these arrays) of the rows that the map was laid out with, shape (m,)."""
    lonely: Rows
    """Positions of mapped rows without neighbours, the loneliest first."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Return the rows of each cluster, shape (k,)."""
        return np.bincount(self.labels, minlength=len(self.centroids)).astype(np.int64)

    def typical(self, count: int, avoid: Mask) -> list[Rows]:
        """Return the positions of the distinct rows nearest to each centroid.

        Args:
            count: At most so many a cluster.
            avoid: Rows to take only where a cluster has no others, shape (n,): a misaligned text names nothing.
        """
        order = np.lexsort((self.keys, self.distances, avoid, self.labels))
        bounds = np.searchsorted(self.labels[order], np.arange(len(self.centroids) + 1))
        found = []
        for start, stop in itertools.pairwise(bounds.tolist()):
            # Equal rows stand together, so that few need to be looked at unless a cluster is one row many times.
            _, first = np.unique(self.keys[order[start:stop]], return_index=True)
            found.append(order[start + np.sort(first)[:count]])
        return found

    def sample(self, count: int, avoid: Mask) -> list[Rows]:
        """Return the positions of at most ``count`` rows of each cluster, chosen by content; arguments as above."""
        order = np.lexsort((self.keys, avoid, self.labels))
        bounds = np.searchsorted(self.labels[order], np.arange(len(self.centroids) + 1))
        found = []
        for start, stop in itertools.pairwise(bounds.tolist()):
            part = order[start : min(stop, start + count)]
            found.append(part if avoid[part].all() else part[~avoid[part]])
        return found

    def near_empty(self) -> list[int]:
        """Return the clusters that hold less than a tenth of the mean."""
        sizes = self.sizes
        return np.flatnonzero(sizes < NEAR_EMPTY * sizes.mean()).tolist() if len(sizes) else []

    def spread_out(self) -> list[int]:
        """Return the clusters whose rows lie unusually far from their centroid: few samples of many unlike things.

        One sample, however often it is there, has no breadth: such clusters are neither wide nor a measure for others.
        """
        sizes = self.sizes
        order = np.lexsort((self.keys, self.labels))
        labels, keys = self.labels[order], self.keys[order]
        distinct = np.bincount(labels[is_new(labels) | is_new(keys)], minlength=len(sizes))
        broad = np.flatnonzero(distinct > 1)
        if len(broad) < 5:
            return []
        sums = np.bincount(self.labels, weights=self.distances, minlength=len(sizes))
        logs = np.log(np.maximum(sums[broad] / sizes[broad], 1e-6))
        middle = float(np.median(logs))
        scale = 1.4826 * float(np.median(np.abs(logs - middle)))
        limit = middle + max(SPREAD_DEVIATIONS * scale, float(np.log(SPREAD_FACTOR)))
        return [int(cluster) for cluster in broad[logs > limit]]


def find_probe(shards: Sequence[ShardTables], view: View) -> str | None:
    """Return the probe that stored the view's embedding in this run, or None."""
    for probe in view.probes:
        for shard in shards:
            table = shard.measurements(probe, ["embedding." + view.name])
            if table is None:
                break
            if table.num_columns:
                return probe
    return None


def cover(
    shards: Sequence[ShardTables],
    view: View,
    *,
    num_clusters: int | None = None,
    seed: int = 0,
    with_map: bool = True,
    advance: Callable[[], None] = lambda: None,
) -> Covered:
    """Return the clusters of one view.

    Args:
        shards: The run's shards.
        view: What is clustered.
        num_clusters: How many; None: sqrt(n / 2), 2 to 100.
        seed: For k-means and t-SNE.
        with_map: Whether places on a map are wanted.
        advance: Called after each shard that was assigned.
    """
    probe = find_probe(shards, view)
    if probe is None:
        return _unclustered("absent", np.zeros(0, dtype=np.int64))
    bank = gather_bank(shards, probe, [view.name], size=_bank_size(shards, num_clusters), seed=seed)
    vectors = bank.vectors[view.name]
    if bank.num_rows < MIN_ROWS or (len(bank) > 1 and vectors.var(axis=0).sum() < _MIN_VARIANCE) or len(bank) < 2:
        state = "too_few" if bank.num_rows < MIN_ROWS else "constant"
        return _unclustered(state, _present_rows(shards, probe, view))
    wanted = num_clusters or choose_num_clusters(bank.num_rows)
    axes = fit_axes(vectors)
    centroids = train_centroids(vectors, axes.reduce(vectors), wanted, seed)
    projection = Projection(vectors, axes, seed) if with_map else None
    rows, keys, labels, distances, points = [], [], [], [], []
    start = 0
    for shard in shards:
        present, found = read_embeddings(shard, probe, [view.name])
        if present.any():
            part = found[view.name]
            nearest, gaps = assign(part, centroids)
            rows.append(np.flatnonzero(present) + start)
            keys.append(vector_keys(seed, part))
            labels.append(nearest)
            distances.append(gaps)
            if projection is not None:
                points.append(projection.place(part))
        start += len(present)
        advance()
    ordered, centroids = _by_size(np.concatenate(labels), centroids)
    all_rows = np.concatenate(rows)
    mapped = np.searchsorted(all_rows, bank.rows[:MAX_POINTS])
    lonely = find_lonely(vectors, axes)[0] if projection is not None else np.zeros(0, dtype=np.int64)
    all_distances = np.concatenate(distances)
    return Covered(
        state="clustered",
        rows=all_rows,
        keys=np.concatenate(keys),
        labels=ordered,
        distances=all_distances,
        centroids=centroids,
        radii=measure_radii(ordered, all_distances, len(centroids)),
        points=np.concatenate(points) if points else np.zeros((0, 2), dtype=np.float32),
        method=projection.method if projection is not None else "",
        mapped=mapped,
        lonely=mapped[lonely],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A cluster of one set that the other set has far fewer of."""

    cluster: int
    """Number of the cluster in the set that has it."""
    rows_there: int
    """Rows of the set that has it, within the cluster's radius."""
    rows_here: int
    """Rows of the other set within that radius."""
    ratio: float
    """Share in the other set divided by the share in the set that has it, 0..1."""


def count_inside(shards: Sequence[ShardTables], view: View, covered: Covered) -> tuple[NDArray[np.int64], int]:
    """Return how many rows of a set lie within the radius of each cluster of ``covered``, and all its rows.

    Args:
        shards: The set.
        view: What is compared.
        covered: Clusters of the same or another set.
    """
    counts, total = np.zeros(len(covered.centroids), dtype=np.int64), 0
    probe = find_probe(shards, view)
    for shard in shards if probe else ():
        present, found = read_embeddings(shard, probe or "", [view.name])
        if present.any():
            labels, distances = assign(found[view.name], covered.centroids)
            counts += np.bincount(labels[distances <= covered.radii[labels] + 1e-4], minlength=len(counts))
            total += int(present.sum())
    return counts, total


def contrast(
    there: Sequence[ShardTables], covered: Covered, here: Sequence[ShardTables], view: View, *, missing: bool
) -> tuple[list[Contrast], int]:
    """Return the clusters of one set that are much rarer in another, and how many could not be told.

    A cluster counts as rarer if its share falls below a fifth (``missing``) or a third of what it is in the set that
    has it, and so few rows have a probability below 0.001 over all clusters. Where even no row at all would not be that
    improbable, the other set is too small to tell.

    Args:
        there: The set that has the clusters.
        covered: Its clusters.
        here: The set that may lack them.
        view: What is compared.
        missing: Whether only a fifth or less counts.
    """
    own, num_there = count_inside(there, view, covered)
    other, num_here = count_inside(here, view, covered)
    ratios, chances = find_rare(own, num_there, other, num_here)
    _, best = find_rare(own, num_there, np.zeros_like(other), num_here)
    limit = CONTRAST_CHANCE / max(len(own), 1)
    rare = np.flatnonzero((ratios <= (MISSING if missing else OVER)) & (chances < limit))
    found = [
        Contrast(cluster=c, rows_there=int(own[c]), rows_here=int(other[c]), ratio=float(ratios[c]))
        for c in rare[np.lexsort((rare, -own[rare]))].tolist()
    ]
    return found, int((best >= limit).sum())


def _bank_size(shards: Sequence[ShardTables], num_clusters: int | None) -> int:
    wanted = num_clusters or choose_num_clusters(sum(shard.samples(["id"]).num_rows for shard in shards))
    return int(min(max(wanted * _ROWS_PER_CENTROID, _MIN_BANK), _MAX_BANK))


def _by_size(labels: Labels, centroids: Vectors) -> tuple[Labels, Vectors]:
    """Return labels and centroids renumbered by falling size, without clusters that hold no row."""
    sizes = np.bincount(labels, minlength=len(centroids))
    order = np.argsort(-sizes, kind="stable")[: int((sizes > 0).sum())]
    number = np.zeros(len(centroids), dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return number[labels], centroids[order]


def _present_rows(shards: Sequence[ShardTables], probe: str, view: View) -> Rows:
    masks = [read_embeddings(shard, probe, [view.name])[0] for shard in shards]
    return np.flatnonzero(np.concatenate([np.zeros(0, dtype=bool), *masks]))


def _unclustered(state: str, rows: Rows) -> Covered:
    whole = np.zeros(0, dtype=np.int64)
    return Covered(
        state=state,
        rows=rows,
        keys=np.zeros(0, dtype=np.uint64),
        labels=np.zeros(0, dtype=np.int32),
        distances=np.zeros(0, dtype=np.float32),
        centroids=np.zeros((0, 0), dtype=np.float32),
        radii=np.zeros(0),
        points=np.zeros((0, 2), dtype=np.float32),
        method="",
        mapped=whole,
        lonely=whole,
    )
