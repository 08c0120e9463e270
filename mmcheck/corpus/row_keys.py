"""What rows are grouped by: the image, the recording, the caption, each as 64 bits a row.

Equal files are equal by the digest that the media probe stored; near-duplicates are those of the analysis
``duplicates``, where it ran.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import content_keys, mix_keys, read_embeddings
from mmcheck.corpus.repetition import normalise_texts
from mmcheck.store.schema import load_json

Keys = NDArray[np.uint64]

_DUPLICATES = ("image_group", "audio_group")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKeys:
    """Arrays of shape (n,) over the run; 0 where a row has none."""

    image: Keys
    """Of the image's embedding."""
    text: Keys
    """Of the caption's embedding."""
    image_group: Keys
    """Of the group of near-duplicates, else of the file."""
    audio: Keys
    """Of the recording."""
    audio_group: Keys
    """Of the group of near-duplicates, else of the recording."""
    caption: Keys
    """Of the normalised caption."""
    sizes: list[int]
    """Rows of each shard."""

    @property
    def pair(self) -> Keys:
        """Return keys of image and caption together, 0 where one is absent."""
        return np.where(
            (self.image != 0) & (self.text != 0),
            np.maximum(mix_keys(self.image ^ mix_keys(self.text)), np.uint64(1)),
            np.uint64(0),
        )


def read_row_keys(shards: Sequence[ShardTables], probe: str, seed: int) -> RowKeys:
    """Return the keys of all rows of a run.

    Args:
        shards: The run's shards.
        probe: The probe that stored embeddings of image and text.
        seed: For the keys of embeddings.
    """
    parts: dict[str, list[Keys]] = {name: [np.zeros(0, dtype=np.uint64)] for name in _NAMES}
    sizes = []
    for shard in shards:
        for name, keys in _read_shard(shard, probe, seed).items():
            parts[name].append(keys)
        sizes.append(len(parts["image"][-1]))
    return RowKeys(**{name: np.concatenate(parts[name]) for name in _NAMES}, sizes=sizes)


_NAMES = ("image", "text", "image_group", "audio", "audio_group", "caption")


def _read_shard(shard: ShardTables, probe: str, seed: int) -> dict[str, Keys]:
    samples = shard.samples(["id", "image", "audio", "caption", "problem"])
    num_rows = samples.num_rows
    sound = pc.is_null(samples["problem"]).to_numpy()
    present, vectors = read_embeddings(shard, probe, ["image", "text"])
    image, text = np.zeros(num_rows, dtype=np.uint64), np.zeros(num_rows, dtype=np.uint64)
    if present.any():
        image[present] = content_keys(seed, vectors["image"])
        text[present] = content_keys(seed, vectors["text"])
    digests = _digests(shard, num_rows)
    files = {
        modality: np.where(sound, np.where(digest != 0, digest, _hash(_refs(samples[modality]))), np.uint64(0))
        for modality, digest in digests.items()
    }
    stored = shard.measurements("duplicates", _DUPLICATES)
    groups = {
        modality: _with_groups(stored, f"{modality}_group", np.where(sound, keys, np.uint64(0)))
        for modality, keys in files.items()
    }
    captions = normalise_texts(samples["caption"].combine_chunks().cast(pa.string()))
    return {
        "image": np.where(sound, image, np.uint64(0)),
        "text": np.where(sound, text, np.uint64(0)),
        "image_group": groups["image"],
        "audio": files["audio"],
        "audio_group": groups["audio"],
        "caption": np.where(sound, _hash(captions), np.uint64(0)),
    }


def _with_groups(stored: pa.Table | None, name: str, files: Keys) -> Keys:
    """Return the keys of near-duplicate groups, those of the files where a row is in none."""
    if stored is None or name not in stored.column_names:
        return files
    numbers = np.array(pc.fill_null(stored[name].cast(pa.float64()), -1.0).to_numpy(), dtype=np.float64)
    grouped = (numbers >= 0) & (files != 0)
    keys = np.maximum(mix_keys(np.maximum(numbers, 0).astype(np.uint64) + np.uint64(0x6E0)), np.uint64(1))
    return np.where(grouped, keys, files)


def _digests(shard: ShardTables, num_rows: int) -> dict[str, Keys]:
    found = {modality: np.zeros(num_rows, dtype=np.uint64) for modality in ("image", "audio")}
    media = shard.measurements("media", ["evidence"])
    if media is not None and "evidence" in media.column_names:
        for row, text in enumerate(media["evidence"].to_pylist()):
            evidence = load_json(text) if text else {}
            for modality, keys in found.items():
                digest = evidence.get(f"{modality}_sha256")
                if digest:
                    keys[row] = max(int(digest[:16], 16), 1)
    return found


def _refs(column: pa.ChunkedArray) -> pa.Array:
    """Return where each medium lies (file, member, segment) as a text; null where there is no medium."""
    structs = column.combine_chunks()
    parts = [pc.struct_field(structs, name).cast(pa.string()) for name in ("member", "start", "duration", "channel")]
    filled = [pc.fill_null(part, "") for part in parts]
    return pc.binary_join_element_wise(pc.struct_field(structs, "uri"), *filled, "\n")


def _hash(texts: pa.Array) -> Keys:
    """Return 64 bits a text, 0 where there is none."""
    encoded = texts.dictionary_encode()
    digests = b"".join(
        hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
        for text in encoded.dictionary.to_pylist()
    )
    unique = np.concatenate([[0], np.maximum(np.frombuffer(digests, dtype="<u8"), 1)]).astype(np.uint64)
    return np.asarray(unique[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False) + 1], dtype=np.uint64)
