"""What rows are grouped by: the image, the recording, the caption, each as 64 bits a row.

Equal files are equal by the digest that the media probe stored; near-duplicates are those of the analysis
``duplicates``, where it ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.core.arrays import Keys
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.content_keys import DIGEST_COLUMNS, join_keys, medium_keys, mix_keys, place_keys, text_keys
from mmcheck.corpus.embeddings import half_keys, read_embeddings

_DUPLICATES = ("image_group", "audio_group")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKeys:
    """Arrays of shape (n,) over the run; 0 where a row has none."""

    image: Keys
    """Of the image that was embedded (see ``half_keys``)."""
    text: Keys
    """Of the caption that was embedded."""
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
            join_keys(self.image, self.text),
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
        halves = half_keys(shard, probe, present, vectors, seed)
        image[present], text[present] = halves["image"], halves["text"]
    media = shard.measurements("media", DIGEST_COLUMNS)
    files = {
        modality: medium_keys(media, modality, place_keys(samples[modality], sound)) for modality in ("image", "audio")
    }
    stored = shard.measurements("duplicates", _DUPLICATES)
    groups = {modality: _with_groups(stored, f"{modality}_group", keys) for modality, keys in files.items()}
    return {
        "image": np.where(sound, image, np.uint64(0)),
        "text": np.where(sound, text, np.uint64(0)),
        "image_group": groups["image"],
        "audio": files["audio"],
        "audio_group": groups["audio"],
        "caption": text_keys(samples["caption"], sound),
    }


def _with_groups(stored: pa.Table | None, name: str, files: Keys) -> Keys:
    """Return the keys of near-duplicate groups, those of the files where a row is in none."""
    numbers = np.nan_to_num(read_metric(stored, name, len(files)), nan=-1.0)
    grouped = (numbers >= 0) & (files != 0)
    keys = np.maximum(mix_keys(np.maximum(numbers, 0).astype(np.uint64) + np.uint64(0x6E0)), np.uint64(1))
    return np.where(grouped, keys, files)
