"""Columns of Parquet files and arrays as flat files: vectors, numbers, and texts as 64-bit hashes.

What is read once stays mapped, so that a lookup in any order costs a page and memory stays flat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Keys
from mmcheck.core.errors import UserError
from mmcheck.vectors.arrays import StoredArray, read_npy, unpack

_BATCH = 4096  # rows read at once; our own choice: bounds memory at some 10 MB of vectors


def hash_text(text: object) -> int:
    """Return 64 bits that stand for a key or a caption, whose spaces do not count; 0 if there is none.

    Two different texts of n share them with a probability of n^2 / 2^65 (3e-6 at ten million), which is accepted.
    """
    if text is None or (isinstance(text, float) and text != text):
        return 0
    plain = " ".join(str(text).split())
    if not plain:
        return 0
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return max(1, int.from_bytes(digest, "little"))


def hash_texts(texts: Iterable[object]) -> Keys:
    """Return ``hash_text`` of each, shape (n,)."""
    return np.fromiter((hash_text(text) for text in texts), dtype=np.uint64)


def open_table(file: Path) -> pq.ParquetFile:
    """Return an open Parquet file.

    Raises:
        UserError: If it is none.
    """
    try:
        return pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        told = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{file} is not a whole Parquet file: {told}.", hint="get or write it again.") from error


def is_vector_type(kind: pa.DataType) -> bool:
    """Return whether a column of this type may hold vectors."""
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and pa.types.is_floating(kind.value_type))


def is_key_type(kind: pa.DataType) -> bool:
    """Return whether a column of this type may hold keys or captions."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind))


def is_number_type(kind: pa.DataType) -> bool:
    """Return whether a column of this type may hold scores."""
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def read_column(file: Path, name: str) -> Iterator[pa.Array]:
    """Yield a column of a Parquet file, some rows at a time.

    Raises:
        UserError: If it cannot be read.
    """
    with open_table(file) as table:
        try:
            for batch in table.iter_batches(batch_size=_BATCH, columns=[name]):
                yield batch.column(0)
        except (OSError, pa.ArrowException) as error:
            told = str(error).splitlines()[0].rstrip(".")
            raise UserError(f"{name} of {file} cannot be read: {told}.", hint="get or write it again.") from error


def copy_vectors(file: Path, name: str, num_rows: int, place: Path) -> StoredArray:
    """Return a column of vectors as an array on disk; a row without a vector of the common length is NaN there.

    Args:
        file: The Parquet file.
        name: The column.
        num_rows: Its rows.
        place: The .npy to write.

    Raises:
        UserError: If there is no vector in it, or it cannot be read.
    """
    size = _common_size(file, name)
    wide = np.lib.format.open_memmap(place, mode="w+", dtype=np.float32, shape=(num_rows, size))
    start = 0
    for column in read_column(file, name):
        block = np.full((len(column), size), np.nan, dtype=np.float32)
        lengths = np.asarray(column.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False))
        fits = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False) & (lengths == size))
        flat = column.take(pa.array(fits)).flatten()
        block[fits] = flat.to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(fits), size)
        wide[start : start + len(block)] = block
        start += len(block)
    wide.flush()
    del wide
    found = read_npy(place)
    return StoredArray(file, name, place, found.offset, found.shape, found.is_fortran, found.dtype)


def _common_size(file: Path, name: str) -> int:
    for column in read_column(file, name):
        if pa.types.is_fixed_size_list(column.type):
            return int(column.type.list_size)
        lengths = column.drop_null().value_lengths().to_numpy(zero_copy_only=False)
        lengths = lengths[lengths > 0]
        if len(lengths):
            return int(np.bincount(lengths).argmax())
    raise UserError(f"the column {name} of {file} holds no vectors: all its lists are empty.")


def table_hashes(file: Path, name: str) -> Iterator[Keys]:
    """Yield the hashes of a column's texts or numbers, some rows at a time."""
    for column in read_column(file, name):
        yield hash_texts(column.to_pylist())


def table_numbers(file: Path, name: str) -> Iterator[Floats]:
    """Yield a column of numbers, NaN where there is none, some rows at a time."""
    for column in read_column(file, name):
        yield np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def array_hashes(array: StoredArray) -> Iterator[Keys]:
    """Yield the hashes of an array's texts or whole numbers, some rows at a time."""
    for block in _blocks(array):
        yield hash_texts(
            value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in block.tolist()
        )


def array_numbers(array: StoredArray) -> Iterator[Floats]:
    """Yield an array of numbers, some rows at a time."""
    for block in _blocks(array):
        yield block.astype(np.float64)


def _blocks(array: StoredArray) -> Iterator[NDArray[np.generic]]:
    opened = unpack(array).open()
    for start in range(0, len(opened), _BATCH):
        yield np.asarray(opened[start : start + _BATCH])


def store_flat(blocks: Iterable[NDArray[np.generic]], num_rows: int, place: Path, dtype: type) -> NDArray[np.generic]:
    """Return blocks joined in a file, mapped.

    Args:
        blocks: Arrays of shape (k,).
        num_rows: How many rows there are in all.
        place: The .npy to write.
        dtype: Type of the values.
    """
    flat: NDArray[np.generic] = np.lib.format.open_memmap(place, mode="w+", dtype=dtype, shape=(num_rows,))
    start = 0
    for block in blocks:
        flat[start : start + len(block)] = block
        start += len(block)
    return flat
