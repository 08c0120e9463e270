"""Domains: groups of vectors so far apart that a pair across two of them says nothing about pairs within one.

A shop's product pictures and somebody's holiday photos are two domains; shoes and shirts are two topics of one. What
tells them apart is how wide the groups are: topics lie no farther from each other than the wider of them is wide, or
run into each other at the edges; domains do neither.

Vectors are cut into small pieces (bisecting k-means; Steinbach, Karypis and Kumar, 2000), and the pieces are joined
again, those with the largest mean cosine first (average linkage). Of the partitions on that way whose groups are all
large enough, far apart and pure, the one with the most groups counts. Only a sample of bounded size is looked at, and
there is no chance in it: the same vectors in the same order give the same domains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Mask, Rows
from mmcheck.metrics.hubness import blocks

MAX_DOMAINS = 8
"""Domains of one set. Our own choice: the summary stays readable."""
MIN_GAP = 0.33
"""How much farther apart two domains are than the wider of them is wide, as a part of that width. Measured: on real
CLIP embeddings of photographs, product pictures, their captions and titles, two sets stacked have .39 to .47, and no
split of a single one has more than .26."""
MIN_PURITY = 0.97
"""Share of a vector's nearest neighbours that are of its own domain, in the mean of each domain. Measured: on the
same sets, .99 and more between sets stacked, below .98 within a single one."""
_SAMPLE = 2048
"""Vectors that are looked at. Our own choice: as analyses.alignment.bank_size, and a bound where that is larger."""
_LEAST = 40
"""Vectors of the sample that make up the smallest domain. Our own choice: fewer show no width."""
_PIECES = 24
"""Pieces that vectors are cut into. Our own choice: three times the domains, so that a small one has a piece of its
own."""
_NEIGHBOURS = 10
"""Nearest neighbours that are asked. Our own choice: as analyses.alignment.neighbours."""
_ROUNDS = 5  # rounds of moving vectors to the nearer centre, then to where their neighbours are; our own choice
_POWER = 30  # steps to the direction of greatest spread; our own choice: a start for k-means need not be exact

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """Domains of a set of vectors, the largest first."""

    vectors: Floats32
    """The sample that shows them, unit length, shape (m, d)."""
    labels: Labels
    """Domain of each, shape (m,)."""

    def __len__(self) -> int:
        """Return how many there are, at least 2."""
        return int(self.labels.max()) + 1

    def find(self, vectors: Floats32) -> Labels:
        """Return the domain of other vectors of the set, shape (n,): that of their nearest neighbours in the sample.

        Args:
            vectors: Unit length, shape (n, d).
        """
        found = [np.zeros(0, dtype=np.int64)]
        for start, stop in blocks(len(vectors), len(self.vectors)):
            found.append(_vote(vectors[start:stop] @ self.vectors.T, self.labels, len(self)))
        return np.concatenate(found)

    def middle(self, label: int) -> Rows:
        """Return the members of a domain in the sample, those nearest to its mean first."""
        members = np.flatnonzero(self.labels == label)
        own = self.vectors[members]
        return np.asarray(members[np.argsort(-(own @ own.mean(axis=0)), kind="stable")])


def find_domains(vectors: Floats32, near_limit: float, least: float) -> Domains | None:
    """Return the domains of a set; None if it is a single one.

    Args:
        vectors: Unit length, in random order, shape (m, d).
        near_limit: Cosine above which two are nearly the same; such are no neighbours.
        least: Fewer of them are no domain.
    """
    least = max(_LEAST, int(np.ceil(least * min(1.0, _SAMPLE / max(1, len(vectors))))))
    vectors = vectors[:_SAMPLE]
    if len(vectors) < 2 * least:
        return None
    near = _Near.of(vectors, near_limit)
    best = None
    for labels in _partitions(vectors, least):
        settled = _settle(vectors, labels, near, least)
        if settled is not None and _are_apart(vectors, settled, near) and (best is None or settled.max() >= best.max()):
            best = settled
    if best is None:
        return None
    order = np.argsort(-np.bincount(best), kind="stable")
    return Domains(vectors=vectors, labels=np.argsort(order, kind="stable")[best])


@dataclass(frozen=True, slots=True)
class _Near:
    """The nearest neighbours of each vector, shape (m, k) each."""

    rows: Rows
    cosines: Floats32
    """-inf where there are fewer neighbours."""

    @classmethod
    def of(cls, vectors: Floats32, limit: float) -> _Near:
        rows, cosines = [], []
        count = min(_NEIGHBOURS, len(vectors) - 1)
        for start, stop in blocks(len(vectors), len(vectors)):
            block = vectors[start:stop] @ vectors.T
            block[block > limit] = -np.inf
            block[np.arange(stop - start), np.arange(start, stop)] = -np.inf
            best = np.argpartition(block, block.shape[1] - count, axis=1)[:, -count:]
            rows.append(best)
            cosines.append(np.take_along_axis(block, best, axis=1))
        return cls(np.concatenate(rows), np.concatenate(cosines))

    def vote(self, labels: Labels, number: int) -> Labels:
        """Return the label that most of each vector's neighbours have, or its own where it has none."""
        votes = _count_votes(self.cosines, labels[self.rows], number)
        return np.where(votes.max(axis=1) > 0, votes.argmax(axis=1), labels)

    def purity(self, labels: Labels) -> NDArray[np.float64]:
        """Return the share of each vector's neighbours that have its label, shape (m,); 1 where it has none."""
        known = np.isfinite(self.cosines)
        same = ((labels[self.rows] == labels[:, None]) & known).sum(axis=1)
        count = known.sum(axis=1)
        return np.where(count > 0, same / np.maximum(count, 1), 1.0)


def _vote(cosines: Floats32, labels: Labels, number: int) -> Labels:
    count = min(_NEIGHBOURS, cosines.shape[1])
    best = np.argpartition(cosines, cosines.shape[1] - count, axis=1)[:, -count:]
    return np.asarray(_count_votes(np.take_along_axis(cosines, best, axis=1), labels[best], number).argmax(axis=1))


def _count_votes(cosines: Floats32, labels: Labels, number: int) -> NDArray[np.float64]:
    """Return the weight of each label, shape (n, number); a nearer neighbour weighs more, by at most two."""
    weight = np.where(np.isfinite(cosines), 1.0 + np.clip(cosines, 0, 1), 0.0)
    return np.stack([np.where(labels == label, weight, 0.0).sum(axis=1) for label in range(number)], axis=1)


def _partitions(vectors: Floats32, least: int) -> Iterator[Labels]:
    """Yield partitions into large groups; vectors of small groups go to the nearest large one."""
    pieces = _cut(vectors, least)
    sums = [vectors[piece].sum(axis=0) for piece in pieces]
    counts = [len(piece) for piece in pieces]
    while len(counts) > 1:
        large = [place for place, count in enumerate(counts) if count >= least]
        if 2 <= len(large) <= MAX_DOMAINS:
            yield _nearest(vectors, np.stack([sums[place] / counts[place] for place in large]))
        means = np.stack([total / count for total, count in zip(sums, counts, strict=True)])
        cosines = means @ means.T
        np.fill_diagonal(cosines, -np.inf)
        one, two = sorted(divmod(int(np.argmax(cosines)), len(counts)))
        sums[one], counts[one] = sums[one] + sums[two], counts[one] + counts[two]
        del sums[two], counts[two]


def _cut(vectors: Floats32, least: int) -> list[Rows]:
    """Return the members of small pieces: the piece with the greatest spread is halved until there are enough."""
    open_pieces: list[Rows] = [np.arange(len(vectors))]
    done: list[Rows] = []
    while open_pieces and len(open_pieces) + len(done) < _PIECES:
        spreads = [len(piece) - float((vectors[piece].sum(axis=0) ** 2).sum()) / len(piece) for piece in open_pieces]
        piece = open_pieces.pop(int(np.argmax(spreads)))
        first = _halve(vectors[piece]) if len(piece) >= least else np.zeros(len(piece), dtype=bool)
        if first.all() or not first.any():
            done.append(piece)
        else:
            open_pieces += [piece[first], piece[~first]]
    return [*open_pieces, *done]


def _halve(vectors: Floats32) -> Mask:
    """Return which vectors go into the first of two halves: k-means from the direction of greatest spread."""
    centred = vectors - vectors.mean(axis=0)
    direction = centred[int(np.argmax(np.einsum("ij,ij->i", centred, centred)))]
    for _ in range(_POWER):
        direction = centred.T @ (centred @ direction)
        length = float(np.linalg.norm(direction))
        if length < 1e-12:
            return np.zeros(len(vectors), dtype=bool)
        direction = direction / length
    first = centred @ direction > 0
    for _ in range(4 * _ROUNDS):
        if first.all() or not first.any():
            break
        now = _nearest(vectors, np.stack([vectors[first].mean(axis=0), vectors[~first].mean(axis=0)])) == 0
        if (now == first).all():
            break
        first = now
    return np.asarray(first)


def _nearest(vectors: Floats32, centres: Floats32) -> Labels:
    return np.asarray(np.argmax(vectors @ centres.T - (centres**2).sum(axis=1) / 2, axis=1))


def _settle(vectors: Floats32, labels: Labels, near: _Near, least: int) -> Labels | None:
    """Return the labels after every vector has moved to where it belongs; None if a group became too small."""
    number = int(labels.max()) + 1
    for turn in range(2 * _ROUNDS):
        if np.bincount(labels, minlength=number).min() < least:
            return None
        if turn < _ROUNDS:
            labels = _nearest(vectors, np.stack([vectors[labels == label].mean(axis=0) for label in range(number)]))
        else:
            # The wider group reaches beyond the middle between the centres, but its edge is still its own.
            labels = near.vote(labels, number)
    return labels if np.bincount(labels, minlength=number).min() >= least else None


def _are_apart(vectors: Floats32, labels: Labels, near: _Near) -> bool:
    counts = np.bincount(labels)
    means = np.stack([vectors[labels == label].mean(axis=0, dtype=np.float64) for label in range(len(counts))])
    between = means @ means.T
    # The mean cosine of two different vectors of a group, from that of all with all.
    within = (counts**2 * np.diag(between) - counts) / (counts * (counts - 1.0))
    purity = np.bincount(labels, near.purity(labels)) / counts
    if purity.min() < MIN_PURITY:
        return False
    wider = np.minimum(within[:, None], within)
    gaps = (wider - between) / np.maximum(1 - wider, 1e-6)
    return bool(gaps[~np.eye(len(counts), dtype=bool)].min() >= MIN_GAP)
