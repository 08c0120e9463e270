"""Which images of a run are near-duplicates: by what a model sees, by perceptual hash and by colours, all agreeing.

A model sees what a picture shows, so two pictures of like things are near each other without being copies; a perceptual
hash sees the large shapes, so two pictures with an empty background may share it. They err on different pictures. On
8,000 rendered scenes with copies (cropped, re-lit, saved again), each alone joins hundreds of different scenes at the
limits that find 99 % of the copies; together with coarse colours they join one pair in thirty million.

Where a model has not looked, a nearly uniform picture is near no other: its hash is made of noise and its colours are
those of every other such picture. Real copies of such pictures are then found by their bytes alone.

Mirrored, bordered, captioned and slightly cropped copies have other hashes; further looks at each picture
(``altered_looks``) tell them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.config import DuplicatesConfig
from mmcheck.core.arrays import Floats32, Mask, Rows
from mmcheck.core.json_types import JsonObject
from mmcheck.corpus.constants import (
    ALTERED_SIMILARITY,
    EVENED_LEVELS,
    LEAST_FIELD_SPREAD,
    SURE_BITS,
    SURE_SIMILARITY,
)
from mmcheck.corpus.duplicates.altered_looks import PLAIN, Looks, split_views
from mmcheck.corpus.neighbour_index import NeighbourIndex

Bits = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

NUM_COLOURS = 48
"""Values of the colour print: 16 fields of three. Given by the media probe's fingerprint."""
_BITS = 64  # bits of a perceptual hash; given by the hash
_EXACT_HASHES = 20_000  # hashes up to which every pair is compared; our own choice: a second or two
_MAX_FOUND_BITS = 7
"""Bits by which two hashes may differ to be surely met. Given by four tables of 16 bits, one bit turned."""
_BLOCK = 4096  # hashes in one go; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageItems:
    """The different images of a run."""

    phash: Bits
    """Perceptual hashes, shape (n,)."""
    colours: Bytes
    """Mean colours of 4 x 4 fields, shape (n, 48)."""
    views: Bytes
    """Further looks (``mmcheck.media.image_views``), shape (n, 224); zeros where there are none."""
    has_hash: NDArray[np.bool_]
    """Which have hash and colours, shape (n,)."""
    place: Rows
    """Row of the index that holds each image's embedding, -1 where there is none, shape (n,)."""
    index: NeighbourIndex
    """Embeddings."""


class NearImages:
    """Says whether two images are near-duplicates, and finds the pairs that are.

    Args:
        items: The images.
        options: Limits. Alone, each sign has to be clearer: a cosine that is five times nearer to 1, or two thirds of
            the bits and colours, of pictures that are not nearly uniform. Images that are as near as that to the model
            may differ in twice the bits (a crop).
    """

    def __init__(self, items: ImageItems, options: DuplicatesConfig) -> None:
        self._items = items
        self._similarity = options.image_similarity
        self._sure_similarity = 1.0 - (1.0 - options.image_similarity) / SURE_SIMILARITY
        self._bits = options.image_hash_distance
        self._sure_bits = SURE_BITS * options.image_hash_distance
        self._alone_bits = min(2 * options.image_hash_distance // 3, _MAX_FOUND_BITS)
        self._colours = options.image_colour_distance
        self._altered_similarity = 1.0 - ALTERED_SIMILARITY * (1.0 - options.image_similarity)
        self._is_telling = items.has_hash & has_shapes(items.colours)
        hashes, fields, present = split_views(items.views)
        self._looks = Looks(
            hashes={PLAIN: items.phash, **hashes},
            colours={PLAIN: items.colours, **fields},
            known={
                PLAIN: self._is_telling,
                **{name: present[name] & items.has_hash & has_shapes(fields[name]) for name in present},
            },
        )

    def compare(self, first: Rows, second: Rows) -> Floats32:
        """Return cosines of near-duplicate images, NaN for others.

        Args:
            first: Items, shape (m,).
            second: Items, shape (m,).

        Returns:
            Shape (m,). Where an image has no embedding, the share of equal bits of the hashes takes its place.
        """
        return self._liken(first, second)[0]

    def are_altered(self, first: Rows, second: Rows) -> Mask:
        """Return which near-duplicates are so by a further look alone, shape (m,).

        Args:
            first: Items, shape (m,).
            second: Items, shape (m,).
        """
        likeness, is_plain = self._liken(first, second)
        return np.asarray(~np.isnan(likeness) & ~is_plain)

    def _liken(self, first: Rows, second: Rows) -> tuple[Floats32, Mask]:
        """Return likeness as ``compare`` does, and which pairs are near without a further look, shape (m,) each."""
        items = self._items
        hashed = items.has_hash[first] & items.has_hash[second]
        bits = np.where(hashed, count_bits(items.phash[first] ^ items.phash[second]), _BITS)
        seen = (items.place[first] >= 0) & (items.place[second] >= 0)
        altered = self._altered_bits(first, second)
        # What fails by its bits already is most of all pairs, and costs nothing.
        open_ = np.where(seen & hashed, bits <= self._sure_bits, np.where(hashed, bits <= self._alone_bits, seen))
        open_ |= altered < _BITS
        cosine = np.full(len(first), np.nan, dtype=np.float32)
        asked = np.flatnonzero(open_ & seen)
        for start in range(0, len(asked), _BLOCK):
            some = asked[start : start + _BLOCK]
            one = items.index.vectors(items.place[first[some]])
            other = items.index.vectors(items.place[second[some]])
            cosine[some] = np.einsum("ij,ij->i", one, other)
        colours = np.full(len(first), np.inf)
        asked = np.flatnonzero(open_ & hashed)
        for start in range(0, len(asked), _BLOCK):
            some = asked[start : start + _BLOCK]
            colours[some] = colour_distance(items.colours[first[some]], items.colours[second[some]])
        known = np.nan_to_num(cosine, nan=-1.0)
        sure = known >= self._sure_similarity
        both = (known >= self._similarity) & (bits <= self._bits) & (colours <= self._colours)
        both |= sure & (bits <= self._sure_bits) & (colours <= 4.0 * self._colours / 3.0)
        alone = (bits <= self._alone_bits) & (colours <= 2.0 * self._colours / 3.0)
        alone &= self._is_telling[first] & self._is_telling[second]
        is_plain = np.where(seen & hashed, both, np.where(hashed, alone, sure))
        # A border or a mirror moves what the model sees as well, but not far.
        agreed = is_plain | ((altered < _BITS) & (~seen | (known >= self._altered_similarity)))
        likeness = np.where(seen, cosine, 1.0 - np.minimum(bits, altered) / _BITS)
        return np.where(agreed & open_, np.minimum(likeness, 1.0), np.nan).astype(np.float32), is_plain

    def find_pairs(self) -> tuple[Rows, Rows]:
        """Return items that are near-duplicates and their partners; a pair may occur more than once."""
        left: list[Rows] = []
        right: list[Rows] = []
        items = self._items
        item_at = np.full(len(items.index), -1, dtype=np.int64)
        item_at[items.place[items.place >= 0]] = np.flatnonzero(items.place >= 0)
        for pairs in items.index.pairs_above(self._similarity):
            self._keep(item_at[pairs.left], item_at[pairs.right], left, right)
        if (self._is_telling & (items.place < 0)).any():
            hashes, of_item = self._looks.entries()
            for one, other in near_hashes(hashes, self._alone_bits):
                is_pair = of_item[one] != of_item[other]
                self._keep(of_item[one[is_pair]], of_item[other[is_pair]], left, right)
        empty = np.zeros(0, dtype=np.int64)
        return np.concatenate([empty, *left]), np.concatenate([empty, *right])

    def _altered_bits(self, first: Rows, second: Rows) -> NDArray[np.int64]:
        """Return in how many bits the nearest looks differ, shape (m,); 64 where no two are near.

        One bit less is allowed than to the plain looks: there are more ways to be alike by chance.
        """
        looks = self._looks
        found = np.full(len(first), _BITS)
        for one, other in looks.combinations():
            rows = np.flatnonzero(looks.known[one][first] & looks.known[other][second])
            bits = count_bits(looks.hashes[one][first[rows]] ^ looks.hashes[other][second[rows]])
            near = bits < self._alone_bits
            rows, bits = rows[near], bits[near]
            for start in range(0, len(rows), _BLOCK):
                some = rows[start : start + _BLOCK]
                apart = colour_distance(looks.colours[one][first[some]], looks.colours[other][second[some]])
                alike = apart <= 2.0 * self._colours / 3.0
                found[some[alike]] = np.minimum(found[some[alike]], bits[start : start + _BLOCK][alike])
        return found

    def describe(self) -> JsonObject:
        """Return the limits that a pair is held to."""
        return {
            "similarity": self._similarity,
            "hash_distance": self._bits,
            "colour_distance": self._colours,
            "without_hash": {"similarity": self._sure_similarity},
            "without_embedding": {
                "hash_distance": self._alone_bits,
                "colour_distance": 2.0 * self._colours / 3.0,
                "field_spread": LEAST_FIELD_SPREAD,
            },
        }

    def _keep(self, one: Rows, other: Rows, left: list[Rows], right: list[Rows]) -> None:
        if len(one):
            near = ~np.isnan(self.compare(one, other))
            left.append(one[near])
            right.append(other[near])


def near_hashes(hashes: Bits, distance: int) -> list[tuple[Rows, Rows]]:
    """Return the pairs of 64-bit hashes that differ in no more than ``distance`` (at most 7) bits.

    A few are compared with each other; many are looked up in tables of 16 of their bits, with one bit turned: of two
    hashes that differ in up to seven bits, at least one of the four parts differs in no more than one. Both are exact.
    """
    import faiss

    if len(hashes) < 2:
        return []
    # Hashes that many images share (blank ones) would give all their pairs, so each different hash stands once.
    values, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    pairs = [(first[inverse].astype(np.int64), np.arange(len(hashes), dtype=np.int64))]
    pairs = [(one[one != other], other[one != other]) for one, other in pairs]
    codes = np.ascontiguousarray(values).view(np.uint8).reshape(-1, _BITS // 8)
    if len(codes) <= _EXACT_HASHES:
        index: Any = faiss.IndexBinaryFlat(_BITS)
    else:
        index = faiss.IndexBinaryMultiHash(_BITS, 4, _BITS // 4)
        index.nflip = 1
    index.add(codes)
    for start in range(0, len(codes), _BLOCK):
        # The radius of the flat index is exclusive, that of the tables is not always: the distance is asked again.
        limits, _, found = index.range_search(codes[start : start + _BLOCK], distance + 1)
        one = np.repeat(np.arange(start, start + len(limits) - 1), np.diff(limits.astype(np.int64)))
        keep = (one < found) & (count_bits(values[one] ^ values[found]) <= distance)
        pairs.append((first[one[keep]].astype(np.int64), first[found[keep]].astype(np.int64)))
    return pairs


def has_shapes(colours: Bytes) -> NDArray[np.bool_]:
    """Return which images have large shapes, so that a hash of these says something.

    An image has them if its field colours spread by at least 3 of 255 levels (standard deviation over the fields, of
    the channel with the largest one). The limit is our own choice.

    Args:
        colours: Shape (n, 48).

    Returns:
        Shape (n,).
    """
    found = np.zeros(len(colours), dtype=bool)
    for start in range(0, len(colours), _BLOCK):
        fields = colours[start : start + _BLOCK].reshape(-1, NUM_COLOURS // 3, 3).astype(np.float32)
        found[start : start + _BLOCK] = fields.std(axis=1).max(axis=1) >= LEAST_FIELD_SPREAD
    return found


def count_bits(values: Bits) -> NDArray[np.int64]:
    """Return the number of bits that are set in each 64-bit value."""
    found = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), _BITS // 8)
    return np.asarray(_SET_BITS[found].sum(axis=1, dtype=np.int64))


_SET_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)


def colour_distance(first: Bytes, second: Bytes) -> NDArray[np.float64]:
    """Return the largest difference of two images' field colours in levels (0 to 255), brightness evened out.

    The second image is multiplied by the number (0.75 to 1.33) that brings it nearest to the first in the sense of
    least squares; the larger result of both ways round counts, so that the order of the two does not matter.

    Args:
        first: Shape (m, 48).
        second: Shape (m, 48).
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    product = (one * other).sum(axis=1)
    found = []
    for fixed, moved in ((one, other), (other, one)):
        level = np.clip(product / np.maximum((moved**2).sum(axis=1), 1.0), *EVENED_LEVELS)
        found.append(np.abs(fixed - level[:, None] * moved).max(axis=1))
    return np.asarray(np.maximum(*found), dtype=np.float64)
