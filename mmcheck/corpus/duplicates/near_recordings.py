"""Which recordings of a run are the same one, by fingerprint and length.

The fingerprint does not hear where in time a sound lies or how loud it is, so a copy in another codec, at another level
or with an edge trimmed off stays near; the length keeps apart what merely has the same rhythm.
"""

from __future__ import annotations

import numpy as np

from mmcheck.config import DuplicatesConfig
from mmcheck.core.arrays import Floats, Floats32, Rows
from mmcheck.core.json_types import JsonObject
from mmcheck.corpus.constants import DURATION_SHARE
from mmcheck.corpus.neighbour_index import NeighbourIndex

_BLOCK = 4096  # recordings in one go; our own choice: bounds memory


class NearRecordings:
    """Says whether two recordings are near-duplicates, and finds the pairs that are.

    Args:
        index: Fingerprints.
        place: Row of the index of each item, -1 where it has none, shape (n,).
        seconds: Length of each item, NaN where unknown, shape (n,).
        options: Limits.
    """

    def __init__(self, index: NeighbourIndex, place: Rows, seconds: Floats, options: DuplicatesConfig) -> None:
        self._index = index
        self._place = place
        self._seconds = seconds
        self._similarity = options.audio_similarity
        self._difference = options.audio_duration_difference

    def compare(self, first: Rows, second: Rows) -> Floats32:
        """Return cosines of the fingerprints of near-duplicates, NaN for others; shape (m,) as the arguments."""
        one, other = self._seconds[first], self._seconds[second]
        allowed = self._difference + DURATION_SHARE * np.fmax(one, other)
        open_ = ~(np.abs(one - other) > allowed) & (self._place[first] >= 0) & (self._place[second] >= 0)
        found = np.full(len(first), np.nan, dtype=np.float32)
        asked = np.flatnonzero(open_)
        for start in range(0, len(asked), _BLOCK):
            some = asked[start : start + _BLOCK]
            vectors = self._index.vectors(self._place[first[some]]), self._index.vectors(self._place[second[some]])
            found[some] = np.minimum(np.einsum("ij,ij->i", *vectors), 1.0)
        return np.where(found >= self._similarity, found, np.nan).astype(np.float32)

    def find_pairs(self) -> tuple[Rows, Rows]:
        """Return items that are near-duplicates and their partners; a pair may occur more than once."""
        left: list[Rows] = [np.zeros(0, dtype=np.int64)]
        right: list[Rows] = [np.zeros(0, dtype=np.int64)]
        item_at = np.full(len(self._index), -1, dtype=np.int64)
        item_at[self._place[self._place >= 0]] = np.flatnonzero(self._place >= 0)
        for pairs in self._index.pairs_above(self._similarity):
            one, other = item_at[pairs.left], item_at[pairs.right]
            near = ~np.isnan(self.compare(one, other))
            left.append(one[near])
            right.append(other[near])
        return np.concatenate(left), np.concatenate(right)

    def describe(self) -> JsonObject:
        """Return the limits that a pair is held to."""
        return {"similarity": self._similarity, "duration_difference": self._difference}
