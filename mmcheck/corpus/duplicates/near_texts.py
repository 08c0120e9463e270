"""Which texts of a run are near-equal: the same but for case, punctuation, a number or, in longer ones, a typo or word.

Near-equal is meant of the letters and not of the meaning: the Jaccard similarity of the sets of four-letter pieces,
estimated by MinHash, with candidates from locality-sensitive hashing. Signatures keep one byte a hash instead of four
(b-bit minwise hashing), and bands are compared by sorting instead of in dictionaries: a million texts take some 200
megabytes. The price is an estimate that is off by some 0.03.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Rows
from mmcheck.corpus.content_keys import mix_keys

_NUM_HASHES = 120  # hash functions of a MinHash; given by twelve bands of ten
_BANDS = 12
"""Bands of ten hashes. Given by the probability to meet in one: 0.994 for texts of similarity 0.9, 0.29 for those of
0.7."""
_PIECE = 4  # characters of a piece of text; our own choice: about a word; shorter pieces stand in every text
_SEED = 1  # seed of the hash functions; our own choice: any
_BLOCK = 2048  # texts in one go; our own choice: bounds memory


class TextSignatures:
    """MinHash signatures of normalised texts (Broder, "On the resemblance and containment of documents", 1997).

    Kept are the lowest byte of each hash (Li and Koenig, "b-bit minwise hashing", WWW 2010) and one key a band.
    """

    def __init__(self) -> None:
        self._bytes: list[NDArray[np.uint8]] = [np.zeros((0, _NUM_HASHES), dtype=np.uint8)]
        self._bands: list[NDArray[np.uint64]] = [np.zeros((0, _BANDS), dtype=np.uint64)]

    def add(self, texts: Sequence[str]) -> None:
        """Add texts; their numbers go on from those added before."""
        from datasketch import MinHash

        for start in range(0, len(texts), _BLOCK):
            pieces = [_pieces(text) for text in texts[start : start + _BLOCK]]
            made = MinHash.bulk(pieces, num_perm=_NUM_HASHES, seed=_SEED, hashfunc=zlib.crc32)
            values = np.array([one.hashvalues for one in made], dtype=np.uint64).reshape(len(made), _NUM_HASHES)
            self._bytes.append((values & np.uint64(255)).astype(np.uint8))
            rows = values.reshape(len(made), _BANDS, -1)
            keys = np.zeros((len(made), _BANDS), dtype=np.uint64)
            for place in range(rows.shape[2]):
                keys = mix_keys(keys ^ rows[:, :, place])
            self._bands.append(keys)

    def near(self, threshold: float, order: Rows) -> NearTexts:
        """Return what finds the texts of at least this similarity; text i is the one added as number ``order[i]``."""
        return NearTexts(np.concatenate(self._bytes)[order], np.concatenate(self._bands)[order], threshold)


class NearTexts:
    """Says whether two texts are near-equal, and finds the pairs that are.

    Args:
        signatures: One byte a hash, shape (n, hashes).
        bands: Keys, shape (n, bands).
        threshold: Least estimated Jaccard similarity.
    """

    def __init__(self, signatures: NDArray[np.uint8], bands: NDArray[np.uint64], threshold: float) -> None:
        self._signatures = signatures
        self._bands = bands
        self._threshold = threshold

    def compare(self, first: Rows, second: Rows) -> Floats32:
        """Return estimated similarities of near-equal texts, NaN for others; shape (m,) as the arguments."""
        equal = (self._signatures[first] == self._signatures[second]).mean(axis=1)
        # One byte of unlike hashes is equal by chance once in 256 times.
        estimate = (equal - 1.0 / 256.0) / (1.0 - 1.0 / 256.0)
        return np.where(estimate >= self._threshold, estimate, np.nan).astype(np.float32)

    def find_pairs(self) -> tuple[Rows, Rows]:
        """Return texts that are near-equal and their partners; a pair may occur more than once."""
        left: list[Rows] = [np.zeros(0, dtype=np.int64)]
        right: list[Rows] = [np.zeros(0, dtype=np.int64)]
        for band in range(self._bands.shape[1]):
            keys = self._bands[:, band]
            order = np.argsort(keys, kind="stable")
            new = np.ones(len(keys), dtype=bool)
            new[1:] = keys[order[1:]] != keys[order[:-1]]
            # Each text meets the first of its bucket and the one before it: linear, however full a bucket is.
            first = order[np.maximum.accumulate(np.where(new, np.arange(len(keys)), 0))] if len(keys) else order
            for one, other in ((first[~new], order[~new]), (order[:-1][~new[1:]], order[1:][~new[1:]])):
                near = ~np.isnan(self.compare(one, other))
                left.append(one[near])
                right.append(other[near])
        return np.concatenate(left), np.concatenate(right)


def _pieces(text: str) -> set[bytes]:
    # Four bytes a character, so that one encoding serves all pieces.
    data = text.encode("utf-32-le")
    width = 4 * _PIECE
    return {data[place : place + width] for place in range(0, max(4, len(data) - width + 4), 4)}
