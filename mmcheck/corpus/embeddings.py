"""Stored embeddings: read shard by shard, and sampled into a bank that stands for the whole set.

A bank of a few thousand pairs takes the place of all pairs, so that cost stays linear and memory flat. Who is in it is
decided by a hash of the pair's own bytes: the rows' order changes nothing, and neither does a pair that occurs twice.

Those bytes are the file's and the caption's, where the probe ``media`` has read the file. What a model made of them
would not do: the last bits of an embedding hang on the batch that it was computed in, on threads and on the machine,
and a hash of other bits is another sample of the set, with other limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.arrays import Keys, Mask, StoredVectors, Vectors
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Status
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.content_keys import hash_texts, join_keys, mix_keys
from mmcheck.store.media_columns import DIGESTS
from mmcheck.store.schema import EMBEDDING_PREFIX, read_bytes

_TEXT = "text"
"""Name of the embedding of a pair's text; that of its medium is called as the medium."""


def read_embeddings(shard: ShardTables, probe: str, names: Sequence[str]) -> tuple[Mask, dict[str, Vectors]]:
    """Return which rows of a shard have all the named embeddings, and these.

    Args:
        shard: The shard.
        probe: The probe that stored them.
        names: Their names, e.g. ``image`` and ``text``.

    Returns:
        Mask of shape (n,) with k rows set, and by name a float32 array of shape (k, d); k is 0 if there are none.
        Rows that are not finite or all zero count as absent.
    """
    present, stored = read_stored(shard, probe, names)
    return present, {name: normalise(vectors) for name, vectors in stored.items()}


def read_stored(shard: ShardTables, probe: str, names: Sequence[str]) -> tuple[Mask, dict[str, StoredVectors]]:
    """Return the same as ``read_embeddings``, in the width and length in which they are stored."""
    num_rows = shard.samples(["id"]).num_rows
    columns = [EMBEDDING_PREFIX + name for name in names]
    table = shard.measurements(probe, ["status", *columns])
    present = np.zeros(num_rows, dtype=bool)
    if table is None or any(column not in table.column_names for column in columns):
        return present, {name: np.zeros((0, 0), dtype=np.float16) for name in names}
    present[:] = True
    if "status" in table.column_names:
        # An image without a caption is no pair (not applicable), but has an embedding all the same.
        present &= np.asarray(table["status"].to_numpy(zero_copy_only=False) != Status.FAILED.value)
    full: dict[str, StoredVectors] = {}
    for name, column in zip(names, columns, strict=True):
        stored = table[column].combine_chunks()
        if isinstance(stored, pa.ChunkedArray):
            stored = pa.concat_arrays(stored.chunks)
        present &= stored.is_valid().to_numpy(zero_copy_only=False)
        size = stored.type.list_size
        # `values` ignores the slice that `flatten` honours, but `flatten` leaves absent rows out.
        flat = stored.values.slice(stored.offset * size, len(stored) * size)
        full[name] = flat.to_numpy(zero_copy_only=False).reshape(num_rows, size)
        vectors = full[name].astype(np.float32)
        with np.errstate(invalid="ignore"):
            present &= np.isfinite(vectors).all(axis=1) & (np.abs(vectors).sum(axis=1) > 0)
    return present, {name: vectors[present] for name, vectors in full.items()}


def normalise(stored: StoredVectors) -> Vectors:
    """Return rows of unit length in single precision (half precision stores them a little off)."""
    vectors = stored.astype(np.float32, copy=False)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def vector_keys(seed: int, *vectors: Vectors) -> Keys:
    """Return 64 well-mixed bits a row that depend on the seed and the row's own vectors alone.

    Args:
        seed: Another seed gives unrelated keys.
        vectors: Arrays of shape (n, d), read as half precision (as they are stored).

    Returns:
        Array of shape (n,), never 0.
    """
    count = len(vectors[0])
    keys = np.full(count, np.uint64((seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64), dtype=np.uint64)
    for block in vectors:
        halves = np.ascontiguousarray(block.astype(np.float16)).view(np.uint16).astype(np.uint64)
        odd = np.random.default_rng(0x5EED).integers(1, 2**63, size=halves.shape[1], dtype=np.uint64) * 2 + 1
        with np.errstate(over="ignore"):
            keys = mix_keys(keys ^ ((halves + np.uint64(1)) * odd).sum(axis=1, dtype=np.uint64))
    return np.maximum(keys, np.uint64(1))


def half_keys(
    shard: ShardTables, probe: str, present: Mask, vectors: Mapping[str, Vectors], seed: int
) -> dict[str, Keys]:
    """Return 64 well-mixed bits of each half of the rows that have embeddings, equal for equal halves.

    They are those of the file's bytes and of the caption where the probe ``media`` stored the file's digest, else of
    the vectors: given ones are the same in every run.

    Args:
        shard: The shard.
        probe: The probe that stored the embeddings.
        present: Which rows have them, k of n, shape (n,).
        vectors: By name, as ``read_embeddings`` returns them, shape (k, d).
        seed: Another seed gives unrelated keys.

    Returns:
        By name an array of shape (k,), never 0.
    """
    kind = next((kind for kind in PAIR_KINDS if kind.embedded_by == probe), None)
    if kind is None or not present.any():
        return {name: vector_keys(seed, block) for name, block in vectors.items()}
    medium = DIGESTS[kind.medium]
    is_read, digests = read_bytes(shard.measurements("media", [medium.name]), medium, len(present))
    known = is_read[present]
    found: dict[str, Keys] = {}
    for name, block in vectors.items():
        keys = np.zeros(len(block), dtype=np.uint64)
        if not known.all():
            keys[~known] = vector_keys(seed, block[~known])
        if known.any():
            rows = present & is_read
            if name == _TEXT:
                texts = shard.samples([kind.text])[kind.text].filter(pa.array(rows)).combine_chunks().cast(pa.string())
                content = hash_texts(pc.utf8_trim_whitespace(texts))
            else:
                content = np.ascontiguousarray(digests[rows][:, :8]).view("<u8")[:, 0].astype(np.uint64)
            keys[known] = _mix_seed(seed, name, content)
        found[name] = np.maximum(keys, np.uint64(1))
    return found


def pair_keys(halves: Mapping[str, Keys], names: Sequence[str]) -> Keys:
    """Return 64 bits of several halves together, in this order, shape (k,), never 0."""
    joined = halves[names[0]]
    for name in names[1:]:
        joined = join_keys(joined, halves[name])
    return joined


def _mix_seed(seed: int, name: str, content: Keys) -> Keys:
    """Return the keys of contents, unrelated for other seeds and halves."""
    salt = hash_texts(pa.array([f"{seed} {name}"]))
    return mix_keys(content ^ mix_keys(salt))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingBank:
    """A sample of the run's distinct rows, ordered by their keys."""

    keys: Keys
    """Content keys, shape (m,), ascending and distinct."""
    rows: NDArray[np.int64]
    """Number of the row in the run (the first of equal ones), shape (m,)."""
    vectors: dict[str, Vectors]
    """Name -> array of shape (m, d), rows of unit length."""
    num_rows: int
    """Rows of the run that have the embeddings, duplicates counted."""
    halves: dict[str, Keys] = field(default_factory=dict)
    """Name -> keys of that half alone (see ``half_keys``), shape (m,); empty where nobody asks for them."""

    def __len__(self) -> int:
        """Return the number of rows in the bank."""
        return len(self.keys)


def gather_bank(
    shards: Sequence[ShardTables],
    probe: str,
    names: Sequence[str],
    *,
    size: int,
    seed: int,
    keyed_by: Sequence[str] | None = None,
) -> EmbeddingBank:
    """Return the ``size`` distinct rows of the run with the smallest content keys.

    Args:
        shards: The run's shards.
        probe: The probe that stored the embeddings.
        names: Embeddings that a row must have.
        size: Largest number of rows.
        seed: For the keys.
        keyed_by: The embeddings that make two rows the same (default: all the names); with one of two, the bank holds
            each image (or text) once, with the other half of its first row.
    """
    keyed = list(keyed_by or names)
    keys, rows = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    vectors: dict[str, Vectors] = {}
    halves: dict[str, Keys] = {name: np.zeros(0, dtype=np.uint64) for name in names}
    start = num_rows = 0
    for shard in shards:
        present, found = read_embeddings(shard, probe, names)
        here = np.flatnonzero(present) + start
        start += len(present)
        num_rows += len(here)
        if not len(here):
            continue
        told = half_keys(shard, probe, present, found, seed)
        new = pair_keys(told, keyed)
        if len(keys) >= size:
            low = new < keys[-1]
            new, here = new[low], here[low]
            found = {name: block[low] for name, block in found.items()}
            told = {name: part[low] for name, part in told.items()}
        keys, rows = np.concatenate([keys, new]), np.concatenate([rows, here])
        vectors = {
            name: np.concatenate([vectors[name], found[name]]) if name in vectors else found[name] for name in names
        }
        # `unique` gives the first of equal keys; earlier rows stand first.
        keys, first = np.unique(keys, return_index=True)
        keys, first = keys[:size], first[:size]
        rows = rows[first]
        vectors = {name: block[first] for name, block in vectors.items()}
        halves = {name: np.concatenate([halves[name], told[name]])[first] for name in names}
    if not vectors:
        vectors = {name: np.zeros((0, 0), dtype=np.float32) for name in names}
    return EmbeddingBank(keys=keys, rows=rows, vectors=vectors, num_rows=num_rows, halves=halves)
