"""Rows with real files as the tables that a scan would have stored: the product's media probe reads every file.

Near-duplicates are told by hashes and fingerprints of decoded files, so made-up measurements would prove nothing. Files
are held in memory; a set without its model has no embeddings, as a run without the image_text probe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcheck.core.types import Measurement, MediaRef, Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.probe.base import PROBES, Prepared
from mmcheck.store.schema import samples_to_table
from scripts.benchmarks.quality_parts.pairs import encoder
from scripts.benchmarks.quality_parts.stored import (
    SHARD_SIZE,
    MemoryShard,
    make_measurement,
    measure_captions,
    preset,
    to_table,
)

TEXTS = {"image": "caption", "audio": "transcript"}
_SUFFIXES = {"image": "jpg", "audio": "wav"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a planted set."""

    origin: int
    """Rows of one origin hold the same medium (or, in a set of texts, the same text)."""
    kind: str = ""
    """How it was made of its original, or what makes it resemble another row; empty for ordinary rows."""
    original: int = -1
    """The row of which it is a copy, -1 where it is none."""
    data: bytes = b""
    """The file; empty in a set of texts."""
    text: str = ""
    """Caption or transcript."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A row with what the probes measured."""

    row: Row
    sample: Sample
    media: Measurement | None
    """None in a set of texts."""
    image_text: Measurement | None
    """None for recordings and texts."""


class _Memory:
    """Stands for a source of bytes (`mmcheck.media.source.MediaSource`)."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, ref: MediaRef, *, manifest: str | None = None) -> bytes:
        """Return the file."""
        return self._data


def scan(rows: Sequence[Row], modality: str) -> list[Scanned]:
    """Return the rows as measured by the media probe and, for images, by the bundled model.

    Args:
        rows: The set.
        modality: `image` or `audio`.
    """
    probe = PROBES.get("media")(preset().probes.media.model_copy(update={"vad": False}), "cpu", 0)
    samples = [_sample(number, row, modality) for number, row in enumerate(rows)]
    media: list[Measurement | None] = [None] * len(rows)
    pictures = []
    for number, (sample, row) in enumerate(zip(samples, rows, strict=True)):
        if row.data:
            source: Any = _Memory(row.data)
            reader = SampleMedia(sample, source)
            (media[number],) = probe.measure([Prepared(sample=sample, payload=probe.prepare(reader))])
            if modality == "image":
                pictures.append(reader.image())
    fits: list[Measurement | None] = [None] * len(rows)
    if pictures:
        images, texts = encoder().images(pictures), encoder().texts([row.text for row in rows])
        cosines = np.einsum("ij,ij->i", images.astype(np.float32), texts.astype(np.float32)).tolist()
        for number, (sample, cosine) in enumerate(zip(samples, cosines, strict=True)):
            values = {"similarity": cosine, "worst_similarity": cosine, "num_windows": 1.0, "unknown_token_ratio": 0.0}
            embeddings = {"image": images[number], "text": texts[number]}
            values["num_tokens"] = float(len(rows[number].text.split()))
            fits[number] = make_measurement(sample.id, "image_text", values, embeddings=embeddings)
    return [
        Scanned(row=row, sample=sample, media=one, image_text=fit)
        for row, sample, one, fit in zip(rows, samples, media, fits, strict=True)
    ]


def to_shards(scanned: Sequence[Scanned], *, with_model: bool = True, with_words: bool = False) -> list[MemoryShard]:
    """Return measured rows as shards.

    Args:
        scanned: The rows; any part of a scanned set.
        with_model: Whether embeddings are there.
        with_words: Whether the caption_text probe is to be run.
    """
    shards = []
    for start in range(0, len(scanned), SHARD_SIZE):
        part = scanned[start : start + SHARD_SIZE]
        samples = [one.sample for one in part]
        found = {"media": [one.media for one in part if one.media is not None]}
        if with_model:
            found["image_text"] = [one.image_text for one in part if one.image_text is not None]
        if with_words:
            found["caption_text"] = measure_captions(samples)
        tables = {name: to_table(name, rows) for name, rows in found.items() if rows}
        shards.append(MemoryShard(samples_to_table(samples, start), tables))
    return shards


def _sample(number: int, row: Row, modality: str) -> Sample:
    name = f"row-{number:06d}"
    file = f"/data/{name}.{_SUFFIXES[modality]}"
    halves: dict[str, Any] = {modality: MediaRef(uri=file), TEXTS[modality]: row.text}
    return Sample(
        id=name,
        manifest="/data/rows.jsonl",
        row_number=number + 1,
        own_id=True,
        language="en",
        row={"id": name, "file_name": file, "text": row.text},
        **halves,
    )
