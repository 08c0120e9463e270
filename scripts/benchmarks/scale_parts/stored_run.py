"""A run folder of any size with made-up measurements, for whatever works on stored rows.

A million rows would take a quarter of an hour as records, so the columns are filled as Arrow arrays; a test holds them
against the tables that the scanner itself writes. Embeddings are left out: judging never reads them, and they would be
two gigabytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import mmcheck
from mmcheck.config import load_config
from mmcheck.core.parts import PROBES
from mmcheck.core.types import ByteColumn, Metric, Shard
from mmcheck.corpus.base import ANALYSES
from mmcheck.store.media_columns import AUDIO_DIGEST, MEDIA_COLUMNS
from mmcheck.store.schema import MEDIA_REF, SAMPLES, write_part

PROBE_NAMES = ("media", "caption_text", "image_text")
"""Probes of an image-caption run that needs no recording."""
_BLOCK = 50_000
"""Rows drawn at once; a block is cut into shards, so memory does not grow with the run."""

_FIXED = {
    "media": {"width": 640, "height": 480, "short_side": 480, "aspect_ratio": 1.33, "wrong_suffix": 0}
    | {"is_animated": 0, "orientation": 1},
    "caption_text": {"num_words": 8, "num_chars": 40, "content_words": 4, "filename_likeness": 0.0, "markup_ratio": 0.0}
    | {"num_urls": 0, "repeated_bigram_ratio": 0.0, "unique_word_ratio": 1.0, "language_probability": 0.99},
    "image_text": {"num_windows": 1, "num_tokens": 11, "unknown_token_ratio": 0.0},
    "repetition": {"caption_count": 1, "media_count": 1, "media_order": 1, "pair_count": 1, "pair_order": 1},
    "duplicates": {"image_group": 1, "image_group_size": 1, "image_order": 1, "text_group_size": 1, "text_order": 1}
    | {"pair_group_size": 1, "pair_order": 1},
    "caption": {"num_fitting_images": 20, "unverifiable": 0.0},
    "consistency": {"caption_conflict": 0.0, "unlike_images": 0.0},
}
_DRAWN = {
    "media": {"blankness": (0.05, 0.9002), "contrast": (0.1, 0.4), "brightness": (0.2, 0.8)},
    "caption_text": {"specificity": (0.3, 1.0), "letter_ratio": (0.7, 1.0)},
    "image_text": {"similarity": (0.2, 0.4), "worst_similarity": (0.2, 0.4)},
    "duplicates": {"image_similarity": (0.3, 0.9)},
    "alignment": {"image_score": (-1.0, 1.0), "image_p_value": (0.0, 1.0)},
    "caption": {
        "vagueness": (0.0, 0.657),
        "entropy": (0.0, 1.0),
        "spread": (0.0, 1.0),
        "lexical_vagueness": (0.0, 1.0),
    },
    "consistency": {"breadth": (-2.0, 2.0)},
}
"""Metrics whose values are drawn evenly from a range; about one row in a hundred lies beyond a limit of the preset."""

_WORDS = "red old small wooden large blue quiet bright round open green tall empty heavy broken white".split()
_THINGS = "table dog bridge lamp boat garden train cup window street horse kitchen bicycle tower field chair".split()


def make_run(out: Path, rows: int, *, shard_size: int = 512, preset: str = "default", seed: int = 0) -> None:
    """Write a finished run of image-caption pairs with random measurements of every probe and analysis.

    About 91 % of the pairs are sound by the preset's rules, 5 % look like random pairings, 3 % are doubtful or vague,
    and one in two hundred could not be measured or read.

    Args:
        out: The folder to make; the manifest is written beside it.
        rows: Number of pairs.
        shard_size: Pairs a part.
        preset: Config that the run claims to have been made with.
        seed: Of the values.
    """
    rng = np.random.default_rng(seed)
    probes = {name: tuple(PROBES.get(name).metrics) for name in PROBE_NAMES}
    analyses = {name: tuple(ANALYSES.get(name).metrics) for name in ANALYSES.names()}
    manifest = out.parent / "rows.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    manifest.write_text("{}\n")
    for first in range(0, rows, _BLOCK - _BLOCK % shard_size or shard_size):
        count = min(_BLOCK - _BLOCK % shard_size or shard_size, rows - first)
        kinds = rng.random(count)
        samples = _samples(str(manifest), first, count, kinds, rng)
        tables = {name: _measured(name, metrics, samples["id"], kinds, rng) for name, metrics in probes.items()}
        tables |= {name: _measured(name, metrics, samples["id"], kinds, rng) for name, metrics in analyses.items()}
        for start in range(first, first + count, shard_size):
            shard = Shard(index=start // shard_size, start=start, stop=min(start + shard_size, first + count))
            cut = slice(shard.start - first, shard.stop - first)
            write_part(out / "samples" / shard.part, _cut(samples, cut), {"identity": "x"})
            for name, table in tables.items():
                write_part(out / "measurements" / name / shard.part, _cut(table, cut), {"fingerprint": "x"})
    value = {
        "mmcheck_version": mmcheck.__version__,
        "state": "complete",
        "identity": "x",
        "rows": rows,
        "shard_size": shard_size,
        "inputs": [{"manifest": str(manifest), "format": "jsonl", "rows": rows}],
        "probes": _described(probes),
        "analyses": _described(analyses),
    }
    (out / "run.json").write_text(json.dumps(value))
    (out / "config.yaml").write_text(load_config(preset).to_yaml())


def _described(parts: Mapping[str, Sequence[Metric]]) -> dict[str, Any]:
    return {name: {"fingerprint": "x", "metrics": [asdict(m) for m in metrics]} for name, metrics in parts.items()}


def _cut(table: pa.Table, part: slice) -> pa.Table:
    return table.slice(part.start, part.stop - part.start)


def _samples(manifest: str, first: int, count: int, kinds: np.ndarray[Any, Any], rng: np.random.Generator) -> pa.Table:
    numbers = np.arange(first, first + count)
    text = pa.array(numbers).cast(pa.string())
    words = [pa.array(_WORDS).take(pa.array(rng.integers(0, len(_WORDS), count))) for _ in range(2)]
    things = [pa.array(_THINGS).take(pa.array(rng.integers(0, len(_THINGS), count))) for _ in range(2)]
    captions = _join("a ", words[0], " ", things[0], " beside a ", words[1], " ", things[1], " in picture ", text)
    captions = pc.if_else(pa.array(kinds > 0.999), "", captions)
    ids = _join("s", text)
    images = _join(f"{Path(manifest).parent}/images/", text, ".jpg")
    nothing = pa.nulls(count)
    columns = {
        "index": pa.array(numbers),
        "id": ids,
        "manifest": pa.repeat(manifest, count),
        "row_number": pa.array(numbers + 1),
        "own_id": pa.repeat(True, count),
        "image": pa.StructArray.from_arrays(
            [images, *(nothing.cast(field.type) for field in list(MEDIA_REF)[1:])], fields=list(MEDIA_REF)
        ),
        "audio": nothing.cast(MEDIA_REF),
        "caption": captions,
        "transcript": nothing.cast(pa.string()),
        "language": pa.repeat("en", count),
        "row": _join(
            *('{"id":"', ids, '","image":"images/', text, '.jpg","caption":"', captions, '","source":"made up"'),
            *(',"width":640,"height":480}',),
        ),
        **{name: nothing.cast(SAMPLES.field(name).type) for name in ("item", "split", "further", "problem")},
    }
    return pa.table(columns, schema=SAMPLES)


def _measured(
    name: str, metrics: Sequence[Metric], ids: pa.ChunkedArray, kinds: np.ndarray[Any, Any], rng: np.random.Generator
) -> pa.Table:
    """Return the table that ``measurements_to_table`` would make; a few images are missing, a few models failed."""
    count = len(ids)
    missing = kinds > 0.998 if name in ("media", "image_text") else np.zeros(count, dtype=bool)
    failed = missing | ((kinds > 0.996) & (kinds <= 0.998) if name == "image_text" else False)
    values = _values(name, count, kinds, rng)
    reason = pa.array(np.where(missing, "there is no such file", "the model ran out of memory"))
    absent = not values
    status = pa.repeat("not_applicable", count) if absent else pc.if_else(pa.array(failed), "failed", "measured")
    none = pa.nulls(count, pa.string())
    columns: dict[str, Any] = {
        "sample_id": ids,
        "status": status,
        "reason": pa.repeat("there is no recording", count) if absent else pc.if_else(pa.array(failed), reason, none),
        "cause": none if absent else pc.if_else(pa.array(missing), "missing", none),
    }
    for metric in metrics:
        short = metric.name.partition(".")[2]
        drawn = values.get(short)
        columns[short] = pa.nulls(count, pa.float64()) if drawn is None else pa.array(drawn, pa.float64(), mask=failed)
    if name == "media":
        columns |= {column.name: _content(column, ids, failed) for column in MEDIA_COLUMNS}
    columns["evidence"] = none if absent else pc.if_else(pa.array(failed), none, _evidence(name, ids))
    return pa.table(columns)


def _values(name: str, count: int, kinds: np.ndarray[Any, Any], rng: np.random.Generator) -> Mapping[str, Any]:
    values: dict[str, Any] = {short: np.full(count, float(value)) for short, value in _FIXED.get(name, {}).items()}
    values |= {short: rng.uniform(low, high, count) for short, (low, high) in _DRAWN.get(name, {}).items()}
    if name == "alignment":
        sound = rng.uniform(0.0, 0.04, count)
        values["image_posterior"] = np.where(
            kinds < 0.05,
            rng.uniform(0.6, 1.0, count),
            np.where(kinds < 0.07, rng.uniform(0.05, 0.5, count), sound),
        )
    return values


def _evidence(name: str, ids: pa.ChunkedArray) -> pa.Array:
    if name != "media":
        return pa.nulls(len(ids), pa.string())
    return pa.repeat('{"format":"JPEG","mode":"RGB"}', len(ids))


def _content(column: ByteColumn, ids: pa.Array, failed: np.ndarray[Any, Any]) -> pa.Array:
    if column == AUDIO_DIGEST:
        return pa.nulls(len(ids), pa.binary(column.size))
    texts = zip(ids.to_pylist(), failed.tolist(), strict=True)
    values = [None if lost else text.encode().rjust(column.size, b"0")[-column.size :] for text, lost in texts]
    return pa.array(values, pa.binary(column.size))


def _join(*parts: Any) -> pa.Array:
    joined = pc.binary_join_element_wise(*parts, "")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
