"""What repair compares, read from a finished run: embeddings, what was heard, and what each file may be sorted by."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT, IMAGE_CAPTION, MEDIA, TEXTS, PairKind
from mmcheck.core.types import Status
from mmcheck.corpus.embeddings import read_embeddings
from mmcheck.metrics.text_normalization import normalize
from mmcheck.repair.orphans import Orphans, encode_orphans
from mmcheck.repair.scores import EmbeddingScores, TranscriptScores
from mmcheck.repair.search import FileRows
from mmcheck.store.run_folder import RunFolder, StoredShard, read_part
from mmcheck.store.schema import EMBEDDING_PREFIX, load_json

_IN_MEMORY_BYTES = 512 << 20
"""Bytes of embeddings that are held in memory; more are mapped from disk. Our own choice: bounds memory."""
_MAX_COLUMNS = 16  # columns by which a file may have been sorted that are tried; our own choice: bounds time
_STAT_ROWS = 50_000  # rows up to which sizes and times of files are read too; our own choice: bounds time on slow disks


def image_scores(run: RunFolder, scratch: Path, orphans: Orphans) -> EmbeddingScores | None:
    """Return the scores of images and captions, or None if the run holds no embeddings.

    Large sets are kept in files below ``scratch``, so that memory does not grow with the run.

    Args:
        run: The run folder.
        scratch: A folder that may be written to.
        orphans: Makes embeddings of captions whose image is gone, and of images without a caption.

    Raises:
        RunError: If a part is missing or damaged.
    """
    if IMAGE_CAPTION.probe not in run.probes():
        return None
    size = _embedding_size(run)
    if size is None:
        return None
    rows = run.record.rows
    images, texts = (_matrix(rows, size, scratch / f"{name}.npy") for name in ("images", "texts"))
    present = np.zeros(rows, dtype=bool)
    for shard in run.shards():
        stored = StoredShard(run, shard)
        known, found = read_embeddings(stored, IMAGE_CAPTION.probe, ("image", "text"))
        places = np.flatnonzero(known) + shard.start
        present[places] = True
        if len(places):
            images[places], texts[places] = found["image"], found["text"]
    has_image, has_text = present.copy(), present.copy()
    for row, name, vector in encode_orphans(run, present, orphans):
        (images if name == "image" else texts)[row] = vector
        (has_image if name == "image" else has_text)[row] = True
    return EmbeddingScores(images, texts, has_image, has_text, seed=run.record.seed)


_HEARD = {"hypothesis", "looped_hypothesis"}
"""Keys of the evidence of a recording that was transcribed, because its transcript was in doubt."""


def read_posterior(run: RunFolder, kind: PairKind) -> Floats32 | None:
    """Return the probability that each pair of a kind is a random pairing, NaN if unknown; None if not judged."""
    if kind.judged_by not in run.probes():
        return None
    column = kind.posterior.partition(".")[2]
    table = run.measurements_table(kind.judged_by, [column])
    if column not in table.column_names:
        return None
    return np.asarray(table[column].cast("float64").to_numpy(), dtype=np.float32)


def transcript_scores(run: RunFolder) -> TranscriptScores | None:
    """Return the scores of what was heard with transcripts, or None if nothing was transcribed.

    Raises:
        RunError: If a part is missing or damaged.
    """
    if AUDIO_TRANSCRIPT.probe not in run.probes():
        return None
    heard: list[str | None] = []
    said: list[str | None] = []
    verified: list[bool] = []
    for shard in run.shards():
        samples = read_part(run.samples_part(shard), [AUDIO_TRANSCRIPT.text, "language"])
        measured = read_part(run.measurements_part(AUDIO_TRANSCRIPT.probe, shard), ["status", "evidence"])
        for text, language, status, evidence in zip(
            *(samples[name].to_pylist() for name in (AUDIO_TRANSCRIPT.text, "language")),
            *(measured[name].to_pylist() for name in ("status", "evidence")),
            strict=True,
        ):
            told = load_json(evidence) if evidence else {}
            language = told.get("language") or language
            hypothesis = told.get("hypothesis")
            heard.append(normalize(hypothesis, language) if hypothesis else None)
            said.append(normalize(text, language) if text else None)
            verified.append(status == Status.MEASURED.value and not told.keys() & _HEARD)
    if not any(heard):
        return None
    return TranscriptScores(heard, said, np.array(verified, dtype=bool))


def read_files(run: RunFolder) -> list[FileRows]:
    """Return the rows of each manifest file, in order.

    Raises:
        RunError: If a part is missing or damaged.
    """
    table = run.samples_table(["manifest", "row_number"])
    names = table["manifest"].combine_chunks().dictionary_encode()
    codes = np.asarray(names.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    numbers = np.asarray(table["row_number"].to_numpy(), dtype=np.int64)
    manifests = names.dictionary.to_pylist()
    shown = _short_names(manifests)
    files = []
    # Sorted once: a run may be of thousands of files.
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(manifests)))
    for manifest, rows in zip(manifests, np.split(order, ends[:-1]), strict=True):
        files.append(FileRows(name=shown[manifest], rows=rows, numbers=numbers[rows], keys=_Keys(run, rows)))
    return files


class _Keys:
    """Reads what one file may be sorted by: paths, ids, texts, sizes and dates of files, columns of the manifest."""

    def __init__(self, run: RunFolder, rows: NDArray[np.int64]) -> None:
        self._run = run
        self._rows = rows

    def __call__(self) -> dict[str, Sequence[str | None]]:
        """Return name -> value of each row, as text."""
        found: dict[str, list[str | None]] = {}
        count = 0
        for sample in self._samples():
            values = dict(_row_keys(sample, with_files=len(self._rows) <= _STAT_ROWS))
            for name in values:
                if name not in found:
                    found[name] = [None] * count
            count += 1
            for name, column in found.items():
                column.append(values.get(name))
        distinct: dict[tuple[str | None, ...], str] = {}
        for name, column in found.items():
            distinct.setdefault(tuple(column), name)
        return {name: found[name] for name in list(distinct.values())[:_MAX_COLUMNS]}

    def _samples(self) -> Iterator[Mapping[str, Any]]:
        low, high = int(self._rows[0]), int(self._rows[-1]) + 1
        wanted = np.zeros(high - low, dtype=bool)
        wanted[self._rows - low] = True
        for shard in self._run.shards():
            if shard.stop <= low or shard.start >= high:
                continue
            part = read_part(self._run.samples_part(shard), ["id", *MEDIA, *TEXTS, "row"])
            for number, sample in enumerate(part.to_pylist(), shard.start):
                if low <= number < high and wanted[number - low]:
                    yield sample


def _row_keys(sample: Mapping[str, Any], *, with_files: bool) -> Iterator[tuple[str, str | None]]:
    ref = next((sample[name] for name in MEDIA if sample[name] is not None), None)
    if ref is not None:
        path = ref["member"] or ref["uri"]
        yield "the file name", path.replace("\\", "/").rsplit("/", 1)[-1]
        yield "the path", path
        size, date = _file_facts(ref) if with_files else (None, None)
        yield "the file size", size
        yield "the file date", date
    yield "the text", next((sample[name] for name in TEXTS if sample[name] is not None), None)
    yield "the id", sample["id"]
    row = load_json(sample["row"])
    for name, value in row.items() if isinstance(row, dict) else ():
        if (isinstance(value, str) and len(value) <= 1000) or isinstance(value, int | float):
            yield f"column {name!r}", str(value)


def _file_facts(ref: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if ref["member"] is not None:
        return (None if ref["size"] is None else str(ref["size"])), None
    try:
        facts = os.stat(ref["uri"])
    except (OSError, ValueError):
        return None, None
    return str(facts.st_size), str(facts.st_mtime_ns)


def _short_names(manifests: Sequence[str]) -> dict[str, str]:
    last = {manifest: manifest.rstrip("/").rsplit("/", 1)[-1] for manifest in manifests}
    names = list(last.values())
    return {manifest: manifest if names.count(name) > 1 else name for manifest, name in last.items()}


def _embedding_size(run: RunFolder) -> int | None:
    for shard in run.shards():
        table = read_part(run.measurements_part(IMAGE_CAPTION.probe, shard), [f"{EMBEDDING_PREFIX}image"])
        if table.column_names and pa.types.is_fixed_size_list(table.schema.field(0).type):
            return int(table.schema.field(0).type.list_size)
    return None


def _matrix(rows: int, size: int, file: Path) -> NDArray[np.float16]:
    if rows * size * 2 <= _IN_MEMORY_BYTES:
        return np.zeros((rows, size), dtype=np.float16)
    file.parent.mkdir(parents=True, exist_ok=True)
    found: NDArray[np.float16] = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=(rows, size))
    return found
