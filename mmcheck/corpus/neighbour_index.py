"""The nearest of up to millions of vectors by cosine, with faiss.

Up to some size every pair is compared, exactly. Above it, an inverted file over half-precision vectors looks only into
the cells near a query, so that cost grows with the number of rows and not with its square; what this misses is measured
against an exhaustive search and stated, never assumed.

The centres of the cells are rows of the data themselves, chosen by a hash of their content. Trained centres (k-means)
were tried: they find a little more but follow the crowded regions, which makes the largest cells, and so the search,
two to four times as dear. The rows' order changes nothing if ``train`` is given the same sample; it changes nothing at
all in the exact index, ties of equal vectors aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Rows, Vectors
from mmcheck.core.errors import MmcheckError
from mmcheck.core.json_types import JsonObject
from mmcheck.corpus.embeddings import normalise, vector_keys
from mmcheck.corpus.searched_index import SearchedIndex

if TYPE_CHECKING:
    import faiss


EXACT_ROWS = 20_000
"""Rows up to which every pair is compared. Measured: about 5 s at 512 dimensions on two slow cores."""
_CELL_ROWS = 100  # rows a cell; our own choice: more make the scan dearer, fewer the choice of cells
_MAX_CELLS = 8192  # most cells; our own choice: bounds the time of learning them
_GRAPH_CELLS = 2048
"""Cells from which those near a query are found by a graph, not by looking at all. Our own choice: below, looking at
all is as quick."""
_PROBES = 16  # cells looked into; our own choice: the recall that it gives is measured on every run and told
_BLOCK = 4096  # queries in one go; our own choice: bounds memory
_HELD_OUT = 4096  # rows of the sample, beyond the centres, that recall may be tried on; our own choice: bounds memory


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Some pairs of stored rows, the lower row first. A pair is met once or twice: from either side."""

    left: Rows
    """Shape (n,)."""
    right: Rows
    """Shape (n,), larger than ``left``."""
    similarity: NDArray[np.float32]
    """Cosines, shape (n,)."""


class NeighbourIndex:
    """Stored unit vectors and their nearest neighbours by cosine.

    Args:
        dim: Length of the vectors.
        expected_rows: How many will be added; decides between the exact and the approximate index.
        seed: For the choice of centres and of the sample that recall is measured on.
        exact_rows: Largest number of rows that is searched exactly.
    """

    def __init__(self, dim: int, expected_rows: int, seed: int = 0, *, exact_rows: int = EXACT_ROWS) -> None:
        if dim < 1:
            raise MmcheckError(f"a neighbour index needs vectors of at least one dimension, got {dim}.")
        self.dim = dim
        self.is_exact = expected_rows <= exact_rows
        self._expected = expected_rows
        self._seed = seed
        self._probes = _PROBES
        self._waiting: list[NDArray[np.float16]] = []
        self._num_waiting = 0
        self._recall: float | None = None
        self._num_checked = 0
        self._held_out: NDArray[np.float16] | None = None
        self._index: faiss.Index | None = None
        if self.is_exact:
            import faiss

            self._index = faiss.IndexFlatIP(dim)

    def __len__(self) -> int:
        """Return the number of vectors added so far."""
        return self._num_waiting + (0 if self._index is None else int(self._index.ntotal))

    @property
    def num_cells(self) -> int:
        """Return how many cells the approximate index has; 1 if it is exact."""
        return 1 if self.is_exact else int(min(_MAX_CELLS, max(16, self._expected // _CELL_ROWS)))

    def train(self, sample: Vectors) -> None:
        """Choose the cells' centres among ``sample`` (shape (m, dim), unit length); the exact index needs none.

        Without this call, the first vectors added are the sample, and their order matters.
        """
        if self._index is not None or not len(sample):
            return
        import faiss

        distinct, first = np.unique(vector_keys(self._seed, sample), return_index=True)
        centres = np.ascontiguousarray(sample[first[: self.num_cells]], dtype=np.float32)
        quantizer: Any
        if len(distinct) >= _GRAPH_CELLS:
            quantizer = faiss.IndexHNSWFlat(self.dim, 32, faiss.METRIC_INNER_PRODUCT)
            quantizer.hnsw.efConstruction, quantizer.hnsw.efSearch = 64, 96
        else:
            quantizer = faiss.IndexFlatIP(self.dim)
        # The graph that several threads build at once differs from run to run.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            quantizer.add(centres)
        finally:
            faiss.omp_set_num_threads(threads)
        index = faiss.IndexIVFScalarQuantizer(
            quantizer,
            self.dim,
            len(centres),
            faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT,
            False,  # vectors are stored whole, not as residuals, so that scores are plain cosines
        )
        index.train(centres)
        index.make_direct_map()
        self._index = index
        self._held_out = np.asarray(sample[first[self.num_cells :][:_HELD_OUT]], dtype=np.float16)
        waiting, self._waiting, self._num_waiting = self._waiting, [], 0
        for block in waiting:
            index.add(block.astype(np.float32))

    def add(self, vectors: Vectors) -> None:
        """Add rows of unit length, shape (n, dim); their numbers go on from those added before.

        Raises:
            MmcheckError: If they have another length than the index.
        """
        if not len(vectors):
            return
        self._check(vectors)
        self._recall = None
        if self._index is not None:
            for start in range(0, len(vectors), _BLOCK):
                self._index.add(np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32))
            return
        self._waiting.append(vectors.astype(np.float16))
        self._num_waiting += len(vectors)
        if self._num_waiting >= 8 * self.num_cells:
            self._train_on_waiting()

    def search(self, vectors: Vectors, k: int) -> tuple[NDArray[np.float32], Rows]:
        """Return the ``k`` nearest stored rows of each query.

        Args:
            vectors: Queries of unit length, shape (n, dim). A stored row finds itself, too.
            k: How many are wanted.

        Returns:
            Cosines, shape (n, k), descending, and row numbers, shape (n, k); -inf and -1 where there are fewer.

        Raises:
            MmcheckError: If the queries have another length than the index.
        """
        return self._search(vectors, k, self._probes)

    def pairs_above(self, threshold: float, *, k: int = 16) -> Iterator[NearPairs]:
        """Yield the pairs of stored rows with a cosine of at least ``threshold``, in blocks.

        Args:
            threshold: Least cosine.
            k: Neighbours looked at of each row, itself included. A row that lies amid more than these gives the nearest
                only; its neighbours lead to the rest, as far as they give others.
        """
        for start in range(0, len(self), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(self)), dtype=np.int64)
            similarity, found = self.search(self.vectors(rows), min(k, len(self)))
            keep = (found >= 0) & (found != rows[:, None]) & (similarity >= threshold)
            left = np.broadcast_to(rows[:, None], found.shape)[keep]
            right, cosines = found[keep], similarity[keep]
            yield NearPairs(np.minimum(left, right), np.maximum(left, right), cosines)

    def vectors(self, rows: Rows) -> Vectors:
        """Return stored rows as float32 of unit length, shape (n, dim)."""
        if self._index is None:
            self._train_on_waiting()
        if self._index is None or not len(rows):
            return np.zeros((0, self.dim), dtype=np.float32)
        found = self._index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
        return np.asarray(found, dtype=np.float32) if self.is_exact else normalise(found)

    def measure_recall(
        self, queries: Vectors | None = None, *, k: int = 1, floor: float = -1.0, num_queries: int = 64
    ) -> float:
        """Return the share of the ``k`` true nearest neighbours that ``search`` finds.

        Args:
            queries: What to search for; None: a sample of the stored rows, chosen by their content, where the row
                itself is no neighbour.
            k: Neighbours looked at.
            floor: Neighbours less similar than this do not count: the near ones are the easier ones to find. Where
                the sample has none so near, copies of just this similarity are made and looked for.
            num_queries: At most so many queries: each is held against every stored row.

        Returns:
            0 to 1; 1 for the exact index and for one with no neighbours.
        """
        if self.is_exact or len(self) < 2:
            self._recall = 1.0
            return 1.0
        own = queries is None
        if queries is None:
            queries = self._own_queries()
        chosen = queries[np.argsort(vector_keys(self._seed, queries), kind="stable")[:num_queries]]
        # A row and its copies are found in any case; what counts are the nearest others.
        count = min(len(self), k + 1 if own else k)
        truth = self._search(chosen, count, self.num_cells)[0]
        found = self._search(chosen, count, self._probes)[0]
        skipped = 1 if own else 0
        wanted = truth[:, skipped:]
        if own and floor > 0 and not (wanted >= floor).any():
            return self._measure_copies(chosen, floor)
        counted = wanted >= floor if (wanted >= floor).any() else np.isfinite(wanted)
        # Among equal neighbours it does not matter which ones are found, so similarities are counted, not rows.
        floors = np.where(counted, wanted, np.inf).min(axis=1, keepdims=True) - 1e-6
        hits = (found[:, skipped:] >= floors).sum()
        self._num_checked = int(counted.sum())
        self._recall = float(hits / self._num_checked) if self._num_checked else 1.0
        return self._recall

    def _measure_copies(self, rows: Vectors, similarity: float) -> float:
        """Return the share of made-up copies of stored rows, of just this similarity, that lead back to their row."""
        noise = np.random.default_rng(self._seed).standard_normal(rows.shape).astype(np.float32)
        noise = normalise(noise - np.einsum("ij,ij->i", noise, rows)[:, None] * rows)
        copies = similarity * rows + np.sqrt(1 - similarity**2) * noise
        truth = self._search(copies, 1, self.num_cells)[0]
        found = self._search(copies, 1, self._probes)[0]
        self._num_checked = len(copies)
        self._recall = float((found >= truth - 1e-6).mean())
        return self._recall

    def tune(self, queries: Vectors, *, k: int = 1, least_recall: float = 0.98) -> float:
        """Look into more cells until ``queries`` find ``least_recall`` of their true neighbours; return the recall.

        Queries of another kind than the stored rows (captions against images) lie between the cells and need this.
        """
        recall = self.measure_recall(queries, k=k)
        while recall < least_recall and self._probes < self.num_cells:
            self._probes = min(self.num_cells, 2 * self._probes)
            recall = self.measure_recall(queries, k=k)
        return recall

    def facts(self) -> SearchedIndex:
        """Return what is known of the index by now."""
        return SearchedIndex(
            kind="exact" if self.is_exact else "approximate",
            rows=len(self),
            dim=self.dim,
            cells=self.num_cells,
            probes=1 if self.is_exact else min(self._probes, self.num_cells),
            recall=1.0 if self.is_exact else self._recall,
            recall_checked=self._num_checked,
        )

    def describe(self) -> JsonObject:
        """Return the same as an object."""
        return asdict(self.facts())

    def _search(self, vectors: Vectors, k: int, probes: int) -> tuple[NDArray[np.float32], Rows]:
        similarity = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        rows = np.full((len(vectors), k), -1, dtype=np.int64)
        if self._index is None:
            self._train_on_waiting()
        if self._index is None or not len(vectors) or k < 1:
            return similarity, rows
        import faiss

        self._check(vectors)
        settings: Any = faiss.SearchParametersIVF  # faiss' own stub names other arguments than it takes
        parameters = None if self.is_exact else settings(nprobe=int(min(probes, self.num_cells)))
        for start in range(0, len(vectors), _BLOCK):
            block = np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32)
            near, found = self._index.search(block, k, params=parameters)
            rows[start : start + len(block)] = found
            similarity[start : start + len(block)] = np.where(found >= 0, near, -np.inf)
        return similarity, rows

    def _own_queries(self) -> Vectors:
        """Return rows that are stored and no centres: a centre lies in the middle of its cell, which is too easy."""
        if self._held_out is not None and len(self._held_out):
            return normalise(self._held_out.astype(np.float32))
        spaced = np.linspace(0, len(self) - 1, min(len(self), _HELD_OUT)).astype(np.int64)
        return self.vectors(np.unique(spaced))

    def _train_on_waiting(self) -> None:
        if self._waiting:
            self.train(np.concatenate(self._waiting).astype(np.float32))

    def _check(self, vectors: Vectors) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise MmcheckError(f"vectors of shape {vectors.shape} do not fit an index of {self.dim} dimensions.")
