"""How well any medium fits any text of a run: what repair compares, for images and for recordings alike.

Images and captions are compared by their stored embeddings, corrected for hubs against a sample of the run (CSLS);
recordings and transcripts by what was recognised, as text. Scores of any rows with any rows are made when asked for, in
blocks, so that no table of all pairs ever exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Keys, Mask, Rows
from mmcheck.corpus.content_keys import join_keys, mix_keys
from mmcheck.corpus.embeddings import normalise, vector_keys
from mmcheck.corpus.neighbour_index import NeighbourIndex
from mmcheck.repair.constants import MIN_HEARD, MIN_PAIRS

BANK_SIZE = 2048
"""Pairs that stand for the set. Our own choice: as analyses.alignment.bank_size."""
NEIGHBOURS = 10
"""Neighbours that a score is held against. Our own choice: as analyses.alignment.neighbours."""
CANDIDATES = 64
"""Candidates of a suspect, at least. Our own choice: the right one is nearly always among them."""
_BLOCK_CELLS = 1 << 23  # scores in one go; our own choice: bounds memory
_COARSE_DIM = 512
"""Buckets that the pieces of a text are counted in. Our own choice: as many as an embedding has values."""
_EXACT_ROWS = 60_000
"""Suspects up to which all are compared with all, in blocks. Our own choice: below, the index is dearer than the
products it saves."""
_TUNED = 256  # queries on which the index is tuned; our own choice: some seconds of work
_NULL_VECTORS, _NULL_TEXTS = 1536, 640
"""Rows, and texts of recordings, that random pairs are made of. Our own choice: two million cosines; comparing texts
is dearer."""


class PairScores(Protocol):
    """Scores of media with texts of one run, by row number. Higher is better."""

    least_pairs: int
    """Fewer pairs do not show what right ones look like."""
    null_rows: int
    """Media, and texts, whose random pairings are scored."""
    are_absolute: bool
    """Whether what right pairs score is known beforehand, whatever the set."""
    num_rows: int
    has_medium: Mask
    """Rows whose medium can be compared, shape (n,)."""
    has_text: Mask
    """Rows whose text can be compared, shape (n,)."""
    media_keys: Keys
    """Equal keys, equal media; shape (n,), 0 where there is none."""
    text_keys: Keys
    """Equal keys, equal texts; shape (n,), 0 where there is none."""

    def block(self, media: Rows, texts: Rows) -> Floats32:
        """Return the scores of each medium with each text, shape (a, b); NaN where either is absent."""
        ...

    def pairs(self, media: Rows, texts: Rows) -> Floats32:
        """Return the score of each medium with the text beside it, shape (a,); NaN where either is absent."""
        ...

    def candidates(self, media: Rows, texts: Rows, count: int) -> tuple[Rows, Rows]:
        """Return the pairs worth a look: for each medium the best texts, and for each text the best media.

        Args:
            media: Rows whose media are compared, all present.
            texts: Rows whose texts are compared, all present.
            count: How many of each.

        Returns:
            Places in ``media`` and in ``texts``, each pair once, sorted.
        """
        ...


class EmbeddingScores:
    """Cosine of image and caption, corrected for hubs.

    The correction takes off what each half reaches with its nearest in a bank of the run's own pairs (CSLS; Conneau et
    al., ICLR 2018, arXiv 1710.04087), the pair itself included where it is in the bank.

    Args:
        images: Shape (n, d), any float type; may be memory-mapped. Rows of absent images are not looked at.
        texts: Shape (n, d).
        has_medium: Rows that have an image.
        has_text: Rows that have a caption.
        seed: Decides who is in the bank.
    """

    least_pairs = MIN_PAIRS
    null_rows = _NULL_VECTORS
    are_absolute = False

    def __init__(
        self,
        images: NDArray[np.floating],
        texts: NDArray[np.floating],
        has_medium: Mask,
        has_text: Mask,
        seed: int = 0,
    ) -> None:
        self.num_rows = len(images)
        self.has_medium = has_medium
        self.has_text = has_text
        self._images = images
        self._texts = texts
        self.media_keys = _vector_keys(images, has_medium, seed)
        self.text_keys = _vector_keys(texts, has_text, seed + 1)
        whole = np.flatnonzero(has_medium & has_text)
        # By the content of the pair, so that neither the order of rows nor a repeated row changes the bank.
        keys = join_keys(self.media_keys[whole], self.text_keys[whole])
        bank = whole[np.unique(keys, return_index=True)[1][:BANK_SIZE]]
        self._bank_images = self._take(images, bank)
        self._bank_texts = self._take(texts, bank)
        self._neighbours = max(1, min(NEIGHBOURS, len(bank) // 10))
        self._image_levels: Floats32 = np.full(self.num_rows, np.nan, dtype=np.float32)
        self._text_levels: Floats32 = np.full(self.num_rows, np.nan, dtype=np.float32)

    def block(self, media: Rows, texts: Rows) -> Floats32:
        """Return the scores of each image with each caption, shape (a, b); NaN where either is absent."""
        scores = 2 * (self._take(self._images, media) @ self._take(self._texts, texts).T)
        scores -= self._level(media, is_image=True)[:, None]
        scores -= self._level(texts, is_image=False)[None]
        return np.asarray(scores, dtype=np.float32)

    def pairs(self, media: Rows, texts: Rows) -> Floats32:
        """Return the score of each image with the caption beside it, shape (a,)."""
        scores = np.empty(len(media), dtype=np.float32)
        for start in range(0, len(media), 8192):
            part = slice(start, start + 8192)
            images, captions = self._take(self._images, media[part]), self._take(self._texts, texts[part])
            scores[part] = 2 * np.einsum("ij,ij->i", images, captions)
        return scores - self._level(media, is_image=True) - self._level(texts, is_image=False)

    def candidates(self, media: Rows, texts: Rows, count: int) -> tuple[Rows, Rows]:
        """Return, each pair once, the best ``count`` captions of each image and images of each caption."""
        return best_pairs(
            self._take(self._images, media),
            self._take(self._texts, texts),
            self._level(media, is_image=True),
            self._level(texts, is_image=False),
            count,
        )

    def _take(self, vectors: NDArray[np.floating], rows: Rows) -> Floats32:
        return normalise(np.asarray(vectors[rows], dtype=np.float32))

    def _level(self, rows: Rows, *, is_image: bool) -> Floats32:
        levels = self._image_levels if is_image else self._text_levels
        present = self.has_medium if is_image else self.has_text
        wanted = np.unique(rows[present[rows] & np.isnan(levels[rows])])
        bank = self._bank_texts if is_image else self._bank_images
        own = self._images if is_image else self._texts
        for start in range(0, len(wanted) if len(bank) else 0, 1024):
            part = wanted[start : start + 1024]
            similarity = self._take(own, part) @ bank.T
            nearest = np.partition(similarity, len(bank) - self._neighbours, axis=1)[:, -self._neighbours :]
            levels[part] = nearest.mean(axis=1)
        return np.asarray(levels[rows])


class TranscriptScores:
    """Likeness of what was recognised in a recording and a transcript: 1 minus the normalised edit distance.

    Args:
        hypotheses: Normalised text that was recognised, one a row; None where nothing was.
        transcripts: Normalised transcript, one a row; None where there is none.
        verified: Rows whose transcript needed no transcription to be believed, shape (n,); default: none.
    """

    least_pairs = MIN_HEARD
    null_rows = _NULL_TEXTS
    are_absolute = True

    def __init__(
        self, hypotheses: Sequence[str | None], transcripts: Sequence[str | None], verified: Mask | None = None
    ) -> None:
        self.num_rows = len(hypotheses)
        self._hypotheses = [text or "" for text in hypotheses]
        self._transcripts = [text or "" for text in transcripts]
        self._verified = np.zeros(self.num_rows, dtype=bool) if verified is None else verified
        self.has_medium = np.array([bool(text) for text in self._hypotheses], dtype=bool)
        self.has_text = np.array([bool(text) for text in self._transcripts], dtype=bool)
        self.media_keys = _text_keys(self._hypotheses)
        self.text_keys = _text_keys(self._transcripts)

    def block(self, media: Rows, texts: Rows) -> Floats32:
        """Return the likeness of each recording with each transcript, shape (a, b), in [0, 1]."""
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist

        if not len(media) or not len(texts):
            return np.zeros((len(media), len(texts)), dtype=np.float32)
        found = cdist(
            [self._hypotheses[row] for row in media.tolist()],
            [self._transcripts[row] for row in texts.tolist()],
            scorer=Levenshtein.normalized_similarity,
            dtype=np.float32,
        )
        scores = np.array(found, dtype=np.float32)
        scores[~self.has_medium[media]] = np.nan
        scores[:, ~self.has_text[texts]] = np.nan
        scores[(media[:, None] == texts[None]) & self._verified[media][:, None]] = 1.0
        return scores

    def pairs(self, media: Rows, texts: Rows) -> Floats32:
        """Return the likeness of each recording with the transcript beside it, shape (a,), in [0, 1]."""
        from rapidfuzz.distance import Levenshtein

        absent = ~(self.has_medium[media] & self.has_text[texts])
        scores = np.array(
            [
                np.nan
                if is_absent
                else Levenshtein.normalized_similarity(self._hypotheses[medium], self._transcripts[text])
                for medium, text, is_absent in zip(media.tolist(), texts.tolist(), absent.tolist(), strict=True)
            ],
            dtype=np.float32,
        )
        scores[(media == texts) & self._verified[media]] = 1.0
        return scores

    def candidates(self, media: Rows, texts: Rows, count: int) -> tuple[Rows, Rows]:
        """Return, each pair once, the likeliest pairs by shared runs of three characters."""
        if len(media) <= count and len(texts) <= count:
            left, right = np.divmod(np.arange(len(media) * len(texts), dtype=np.int64), max(1, len(texts)))
            return left, right
        first = _trigrams([self._hypotheses[row] for row in media.tolist()])
        second = _trigrams([self._transcripts[row] for row in texts.tolist()])
        # Runs that stand everywhere say little.
        rarity = np.log((1 + len(first) + len(second)) / (1 + (first > 0).sum(axis=0) + (second > 0).sum(axis=0)))
        zeros = np.zeros(len(first), dtype=np.float32), np.zeros(len(second), dtype=np.float32)
        weights = rarity.astype(np.float32)
        return best_pairs(normalise(first * weights), normalise(second * weights), *zeros, count)


def best_pairs(
    media: Floats32, texts: Floats32, media_levels: Floats32, text_levels: Floats32, count: int
) -> tuple[Rows, Rows]:
    """Return the best ``count`` partners of each side by hub-corrected cosine, each pair once, sorted.

    Args:
        media: Unit vectors, shape (a, d).
        texts: Unit vectors, shape (b, d).
        media_levels: Taken off the scores of each medium, shape (a,).
        text_levels: Taken off the scores of each text, shape (b,).
        count: Partners of each.

    Returns:
        Places in ``media`` and in ``texts``, each of shape (e,).
    """
    found = [
        _nearest(media, texts, text_levels, count),
        _nearest(texts, media, media_levels, count)[::-1],
    ]
    left = np.concatenate([pair[0] for pair in found])
    right = np.concatenate([pair[1] for pair in found])
    both = np.unique(left * max(1, len(texts)) + right)
    return both // max(1, len(texts)), both % max(1, len(texts))


def _nearest(queries: Floats32, stored: Floats32, levels: Floats32, count: int) -> tuple[Rows, Rows]:
    count = min(count, len(stored))
    if len(stored) > _EXACT_ROWS:
        return _nearly_nearest(queries, stored, count)
    lefts, rights = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    step = max(16, _BLOCK_CELLS // max(1, len(stored)))
    for start in range(0, len(queries) if count else 0, step):
        scores = 2 * (queries[start : start + step] @ stored.T) - levels
        best = np.argpartition(scores, scores.shape[1] - count, axis=1)[:, -count:]
        lefts.append(np.repeat(np.arange(start, start + len(best), dtype=np.int64), count))
        rights.append(best.ravel().astype(np.int64))
    return np.concatenate(lefts), np.concatenate(rights)


def _nearly_nearest(queries: Floats32, stored: Floats32, count: int) -> tuple[Rows, Rows]:
    """Return the nearest by plain cosine, from an index: its errors cost recall only, and hubs are dealt with later."""
    index = NeighbourIndex(stored.shape[1], len(stored))
    index.train(stored)
    index.add(stored)
    index.tune(queries[:: max(1, len(queries) // _TUNED)])
    found = index.search(queries, count)[1]
    lefts = np.repeat(np.arange(len(queries), dtype=np.int64), count)
    rights = found.ravel()
    return lefts[rights >= 0], rights[rights >= 0]


def _vector_keys(vectors: NDArray[np.floating], present: Mask, seed: int) -> Keys:
    keys = np.zeros(len(vectors), dtype=np.uint64)
    rows = np.flatnonzero(present)
    for start in range(0, len(rows), 8192):
        part = rows[start : start + 8192]
        keys[part] = vector_keys(seed, np.asarray(vectors[part], dtype=np.float32))
    return keys


def _text_keys(texts: Sequence[str]) -> Keys:
    digests = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    keys = np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)
    return np.where(np.array([bool(text) for text in texts], dtype=bool), keys | np.uint64(1), np.uint64(0))


def _trigrams(texts: Sequence[str]) -> Floats32:
    """Return how often each of some hashed runs of three characters occurs, shape (n, d)."""
    counts = np.zeros((len(texts), _COARSE_DIM), dtype=np.float32)
    for number, text in enumerate(texts):
        points = np.frombuffer(f"  {text} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
        with np.errstate(over="ignore"):
            runs = mix_keys(points[:-2] * np.uint64(0x9E3779B1) + points[1:-1] * np.uint64(0x85EBCA77) + points[2:])
        np.add.at(counts[number], (runs % np.uint64(_COARSE_DIM)).astype(np.int64), 1)
    return np.sqrt(counts)
