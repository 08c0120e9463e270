"""The keys by which rows are known to have the same medium or text: 64 bits each, 0 where a row has none.

A medium is known by the SHA-256 of its bytes, which the probe ``media`` stored, else by where it lies; a text by what
is left of it after plain normalisation. Two different texts share a key with a probability of n^2 / 2^65 over n texts
(3e-8 at a million), which is accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.core.arrays import Keys, Mask
from mmcheck.store.media_columns import DIGESTS
from mmcheck.store.schema import read_bytes

MEDIUM = ("uri", "member", "start", "duration", "channel")
"""Fields of a reference that say where a medium lies: file, member, segment."""
DIGEST_COLUMNS = tuple(column.name for column in DIGESTS.values())
"""Columns of the probe ``media`` that ``medium_keys`` reads."""


def normalise_texts(texts: pa.Array) -> pa.Array:
    """Return texts as they are compared: NFKC, lower case, every run of space and punctuation one space.

    A text that is then empty becomes null: nothing is not a repetition of nothing.
    """
    plain = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, r"[\s\p{Z}\p{P}\p{C}]+", " "))
    return pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain)


def text_keys(texts: pa.ChunkedArray, counts: Mask) -> Keys:
    """Return keys of a column of texts as they are compared, shape (n,).

    Args:
        texts: The column.
        counts: Which rows count; the others get none.
    """
    return np.where(counts, hash_texts(normalise_texts(texts.combine_chunks().cast(pa.string()))), np.uint64(0))


def place_keys(references: pa.ChunkedArray, counts: Mask, fields: Sequence[str] = MEDIUM) -> Keys:
    """Return keys of where media lie, shape (n,).

    Args:
        references: A column of references, null where there is no medium.
        counts: Which rows count; the others get none.
        fields: Fields that make a place, the first of which each reference has.
    """
    column = references.combine_chunks()
    if column.null_count == len(column):
        return np.zeros(len(column), dtype=np.uint64)
    others = [pc.fill_null(pc.struct_field(column, name).cast(pa.string()), "") for name in fields[1:]]
    places = pc.binary_join_element_wise(pc.struct_field(column, fields[0]), *others, "\n")
    return np.where(counts, hash_texts(places), np.uint64(0))


def medium_keys(media: pa.Table | None, modality: str, places: Keys) -> Keys:
    """Return keys of the content of media: of their bytes where these were read, else of their places, shape (n,).

    Args:
        media: What the probe ``media`` measured, with ``DIGEST_COLUMNS``; None if it did not run.
        modality: ``image`` or ``audio``.
        places: ``place_keys`` of the media.
    """
    is_known, digests = read_bytes(media, DIGESTS[modality], len(places))
    first = np.ascontiguousarray(digests[:, :8]).view(">u8")[:, 0].astype(np.uint64)
    return np.where(is_known & (places != 0), np.maximum(first, np.uint64(1)), places)


def hash_texts(texts: pa.Array) -> Keys:
    """Return a key a text, shape (n,)."""
    encoded = texts.dictionary_encode()
    digests = b"".join(
        hashlib.blake2b(text.encode(), digest_size=8).digest() for text in encoded.dictionary.to_pylist()
    )
    unique = np.concatenate([[0], np.maximum(np.frombuffer(digests, dtype="<u8"), 1)]).astype(np.uint64)
    return np.asarray(unique[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False) + 1], dtype=np.uint64)


def mix_keys(keys: Keys) -> Keys:
    """Return the keys through the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        mixed = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)


def join_keys(first: Keys, second: Keys) -> Keys:
    """Return one key of two, in this order; never 0."""
    return np.maximum(mix_keys(first ^ mix_keys(second)), np.uint64(1))
