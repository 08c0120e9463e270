"""The tables of the run folder: their columns, and the way from records to tables and back.

Parquet is written with fixed options and no clock, so equal records give equal bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mmcheck.core.atomic import atomic_path
from mmcheck.core.digests import digest_bytes
from mmcheck.core.json_row import JsonRow, load_row
from mmcheck.core.json_row import load_json as load_json
from mmcheck.core.types import ByteColumn, FurtherMedium, Measurement, MediaRef, Metric, RowProblem, Sample, Status
from mmcheck.store.seal import BLANK_SEAL, SEAL_KEY, Damaged, check_footer, check_part, seal_part

MEDIA_REF = pa.struct(
    [
        ("uri", pa.string()),
        ("member", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("start", pa.float64()),
        ("duration", pa.float64()),
        ("channel", pa.int32()),
    ]
)

FURTHER = pa.struct([("column", pa.string()), ("modality", pa.string()), ("ref", MEDIA_REF)])

SAMPLES = pa.schema(
    [
        ("index", pa.int64()),
        ("id", pa.string()),
        ("manifest", pa.string()),
        ("row_number", pa.int64()),
        ("own_id", pa.bool_()),
        ("image", MEDIA_REF),
        ("audio", MEDIA_REF),
        ("caption", pa.string()),
        ("transcript", pa.string()),
        ("language", pa.string()),
        ("row", pa.string()),
        ("item", pa.int32()),
        ("split", pa.list_(pa.string())),
        ("further", pa.list_(FURTHER)),
        ("problem", pa.struct([("cause", pa.string()), ("message", pa.string())])),
    ]
)

FINDING = pa.struct(
    [
        ("rule", pa.string()),
        ("code", pa.string()),
        ("action", pa.string()),
        ("message", pa.string()),
        ("metric", pa.string()),
        ("observed", pa.float64()),
        ("limit", pa.float64()),
    ]
)

VERDICTS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("action", pa.string()),
        ("codes", pa.list_(pa.string())),
        ("findings", pa.list_(FINDING)),
        ("policy_digest", pa.string()),
        ("decided_by", pa.string()),
    ]
)

EMBEDDING_PREFIX = "embedding."
_LIKELY_FOOTER = 1 << 15
"""Bytes at the end of a part that nearly always hold its footer. Our own choice: one read does it."""
IDS_LABEL = "ids"
"""Label of a part: ``digest_ids`` of its column ``sample_id``."""
_FIXED_COLUMNS = ("sample_id", "status", "reason", "cause", "evidence")


def dump_json(value: Any) -> str:
    """Return ``value`` as compact JSON text that is valid UTF-8 whatever strings it holds (NaN allowed)."""
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, orjson.JSONEncodeError):
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)
    # orjson writes NaN as null; a manifest row must come back as it was.
    if "null" in text and _holds_nan(value):
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)
    return text


def _holds_nan(value: Any) -> bool:
    if isinstance(value, float):
        return value != value or value in (float("inf"), float("-inf"))
    if isinstance(value, Mapping):
        return any(_holds_nan(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_nan(item) for item in value)
    return False


def _ref_to_dict(ref: MediaRef | None) -> dict[str, Any] | None:
    if ref is None:
        return None
    return {name: getattr(ref, name) for name in ("uri", "member", "offset", "size", "start", "duration", "channel")}


def _further_to_dicts(further: Sequence[FurtherMedium]) -> list[dict[str, Any]] | None:
    return [{"column": one.column, "modality": one.modality, "ref": _ref_to_dict(one.ref)} for one in further] or None


def _to_further(entries: Sequence[Mapping[str, Any]] | None) -> tuple[FurtherMedium, ...]:
    return tuple(
        FurtherMedium(column=one["column"], modality=one["modality"], ref=MediaRef(**one["ref"]))
        for one in entries or ()
    )


def samples_to_table(samples: Sequence[Sample], first_index: int) -> pa.Table:
    """Return the table of ``samples``, numbered from ``first_index``."""
    columns: dict[str, list[Any]] = {
        "index": list(range(first_index, first_index + len(samples))),
        "id": [s.id for s in samples],
        "manifest": [s.manifest for s in samples],
        "row_number": [s.row_number for s in samples],
        "own_id": [s.own_id for s in samples],
        "image": [_ref_to_dict(s.image) for s in samples],
        "audio": [_ref_to_dict(s.audio) for s in samples],
        "caption": [s.caption for s in samples],
        "transcript": [s.transcript for s in samples],
        "language": [s.language for s in samples],
        "row": [s.row.text if isinstance(s.row, JsonRow) else dump_json(dict(s.row)) for s in samples],
        "item": [s.item for s in samples],
        "split": [list(s.split) or None for s in samples],
        "further": [_further_to_dicts(s.further) for s in samples],
        "problem": [
            None if s.problem is None else {"cause": s.problem.cause, "message": s.problem.message} for s in samples
        ],
    }
    return pa.table(columns, schema=SAMPLES)


def table_to_samples(table: pa.Table) -> list[Sample]:
    """Return the records of a samples table (the inverse of ``samples_to_table``)."""
    columns = {name: table[name].to_pylist() for name in _PLAIN}
    images, recordings = _refs(table["image"]), _refs(table["audio"])
    problems, items, split, further = (_values(table, name) for name in ("problem", "item", "split", "further"))
    return [
        Sample(
            id=id_,
            manifest=manifest,
            row_number=row_number,
            own_id=own_id,
            image=images[at],
            audio=recordings[at],
            caption=caption,
            transcript=transcript,
            language=language,
            row=load_row(row),
            item=items[at],
            split=tuple(split[at] or ()),
            further=_to_further(further[at]) if further[at] else (),
            problem=RowProblem(**problems[at]) if problems[at] else None,
        )
        for at, (id_, manifest, row_number, own_id, caption, transcript, language, row) in enumerate(
            zip(*columns.values(), strict=True)
        )
    ]


_PLAIN = ("id", "manifest", "row_number", "own_id", "caption", "transcript", "language", "row")


def _values(table: pa.Table, name: str) -> list[Any]:
    """Return the values of a column that most rows, or the samples of an older run, have not."""
    if name not in table.column_names or table[name].null_count == table.num_rows:
        return [None] * table.num_rows
    found: list[Any] = table[name].to_pylist()
    return found


def _refs(column: pa.ChunkedArray) -> list[MediaRef | None]:
    """Return the references of a struct column, field by field: many times faster than row by row."""
    if column.null_count == len(column):
        return [None] * len(column)
    structs = column.combine_chunks()
    present = structs.is_valid().to_pylist()
    fields = [child.to_pylist() for child in structs.flatten()]
    return [
        MediaRef(uri=uri, member=member, offset=offset, size=size, start=start, duration=duration, channel=channel)
        if valid
        else None
        for valid, uri, member, offset, size, start, duration, channel in zip(present, *fields, strict=True)
    ]


def measurements_to_table(
    measurements: Sequence[Measurement], metrics: Iterable[Metric], content: Iterable[ByteColumn] = ()
) -> pa.Table:
    """Return the table of one probe's measurements of one shard.

    Args:
        measurements: One record a sample, in the shard's order.
        metrics: The probe's metrics; each gets a nullable float64 column under its short name.
        content: The probe's columns of bytes; each gets a nullable column of fixed-size binaries.
    """
    columns: dict[str, Any] = {
        "sample_id": pa.array([m.sample_id for m in measurements], pa.string()),
        "status": pa.array([m.status.value for m in measurements], pa.string()),
        "reason": pa.array([m.reason for m in measurements], pa.string()),
        "cause": pa.array([m.cause for m in measurements], pa.string()),
    }
    for metric in metrics:
        short = metric.name.partition(".")[2]
        columns[short] = pa.array([m.values.get(short) for m in measurements], pa.float64())
    for column in content:
        columns[column.name] = pa.array([m.content.get(column.name) for m in measurements], pa.binary(column.size))
    columns["evidence"] = pa.array(
        [dump_json(dict(m.evidence)) if m.evidence else None for m in measurements], pa.string()
    )
    for name in sorted({name for m in measurements for name in m.embeddings}):
        columns[EMBEDDING_PREFIX + name] = _embeddings([m.embeddings.get(name) for m in measurements])
    return pa.table(columns)


def table_to_measurements(table: pa.Table, probe: str) -> list[Measurement]:
    """Return the records of one probe's measurements table (the inverse of ``measurements_to_table``).

    Embeddings come back as float16, as they are stored.
    """
    fixed = {name: table[name].to_pylist() for name in _FIXED_COLUMNS}
    metrics = {name: table[name].to_pylist() for name in metric_columns(table)}
    content = {name: table[name].to_pylist() for name in byte_columns(table)}
    vectors = {
        name.removeprefix(EMBEDDING_PREFIX): _vectors(table[name])
        for name in table.column_names
        if name.startswith(EMBEDDING_PREFIX)
    }
    return [
        Measurement(
            sample_id=fixed["sample_id"][row],
            probe=probe,
            status=Status(fixed["status"][row]),
            values={name: values[row] for name, values in metrics.items() if values[row] is not None},
            evidence=load_json(fixed["evidence"][row]) if fixed["evidence"][row] else {},
            content={name: rows[row] for name, rows in content.items() if rows[row] is not None},
            reason=fixed["reason"][row],
            cause=fixed["cause"][row],
            embeddings={name: column[row] for name, column in vectors.items() if column[row] is not None},
        )
        for row in range(table.num_rows)
    ]


def _vectors(column: pa.ChunkedArray) -> list[Any]:
    flat = column.combine_chunks()
    size = flat.type.list_size
    # The values of absent rows are stored too, so the rows stay in step.
    values = flat.values.slice(flat.offset * size, len(flat) * size).to_numpy(zero_copy_only=False)
    rows = values.reshape(len(flat), size)
    return [rows[row] if valid else None for row, valid in enumerate(flat.is_valid().to_pylist())]


def _embeddings(vectors: Sequence[Any]) -> pa.Array:
    size = next(len(vector) for vector in vectors if vector is not None)
    values = np.zeros((len(vectors), size), dtype=np.float16)
    absent = np.zeros(len(vectors), dtype=bool)
    for row, vector in enumerate(vectors):
        if vector is None:
            absent[row] = True
        else:
            values[row] = vector
    return vectors_column(values, absent)


def vectors_column(vectors: NDArray[np.float16], absent: NDArray[np.bool_]) -> pa.Array:
    """Return the column of an embedding.

    Args:
        vectors: Shape (n, d).
        absent: Which rows have none, shape (n,).
    """
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=pa.array(absent))


def metric_columns(table: pa.Table) -> list[str]:
    """Return the short names of the metric columns of a measurements table.

    A column of text is what an analysis says of a row beside its numbers; one of bytes is content to compare media by.
    """
    return [
        field.name
        for field in table.schema
        if field.name not in _FIXED_COLUMNS
        and not field.name.startswith(EMBEDDING_PREFIX)
        and not pa.types.is_string(field.type)
        and not pa.types.is_fixed_size_binary(field.type)
    ]


def byte_columns(table: pa.Table) -> list[str]:
    """Return the names of the columns of a measurements table that hold bytes (``Measurement.content``)."""
    return [field.name for field in table.schema if pa.types.is_fixed_size_binary(field.type)]


def read_bytes(
    table: pa.Table | None, column: ByteColumn, num_rows: int
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Return which rows have a value in a column of bytes, shape (n,), and the bytes, shape (n, size).

    Args:
        table: Measurements that may have the column; None: nothing was measured.
        column: The column.
        num_rows: Rows of the shard.
    """
    size = column.size
    if table is None or column.name not in table.column_names or table[column.name].null_count == num_rows:
        return np.zeros(num_rows, dtype=bool), np.zeros((num_rows, size), dtype=np.uint8)
    stored = table[column.name].combine_chunks()
    _, data = stored.buffers()
    rows = np.frombuffer(data, dtype=np.uint8, count=num_rows * size, offset=stored.offset * size)
    return np.asarray(stored.is_valid().to_numpy(zero_copy_only=False)), rows.reshape(num_rows, size)


def digest_ids(ids: pa.ChunkedArray) -> str:
    """Return 16 hex digits that tell the samples of a part, and their order, from others.

    Args:
        ids: Their ids, a string column.
    """
    return digest_bytes(b"\0".join(ids.cast(pa.binary()).to_pylist()))[:16]


def write_part(path: Path, table: pa.Table, labels: Mapping[str, str]) -> None:
    """Write one part atomically, with ``labels`` (fingerprint, ...) in its key-value metadata.

    A part about samples is also labelled with the digest of their ids: readers can tell by it whose values these are
    and leave the ids unread.

    Raises:
        OutputError: If it cannot be written.
    """
    metadata = {f"mmcheck.{key}": value for key, value in labels.items()}
    if "sample_id" in table.column_names:
        metadata[f"mmcheck.{IDS_LABEL}"] = digest_ids(table["sample_id"])
    sink = pa.BufferOutputStream()
    # Parts are small and always read whole: dictionaries and statistics of 512 rows take more bytes, and more time to
    # write and to read, than they save.
    with pq.ParquetWriter(
        sink,
        table.replace_schema_metadata(metadata).schema,
        compression=_codecs(table.schema),
        use_dictionary=False,
        write_statistics=False,
        store_schema=True,
    ) as writer:
        writer.write_table(table.replace_schema_metadata(metadata))
        writer.add_key_value_metadata({SEAL_KEY: BLANK_SEAL})
    data = bytearray(sink.getvalue())
    seal_part(data, EMBEDDING_PREFIX)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _codecs(schema: pa.Schema) -> str | dict[str, str]:
    """Return how columns are packed: numbers, which hardly get smaller, by what unpacks fastest, the rest by zstd.

    Measured on a million rows in shards of 512: parts a tenth smaller and read in 0.8 of the time of zstd with
    dictionaries.
    """
    codecs = {}
    for field in schema:
        if pa.types.is_fixed_size_list(field.type):
            codecs[f"{field.name}.list.element"] = "zstd"
        elif pa.types.is_nested(field.type):
            return "zstd"  # a mapping must name every leaf, and such tables hold next to no numbers
        else:
            codecs[field.name] = "lz4" if pa.types.is_floating(field.type) else "zstd"
    return codecs or "zstd"


def find_labels(path: Path) -> dict[str, str] | None:
    """Return the labels of a part, or None if there is no part, or its footer, where they stand, is damaged."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            data = b""
            # The length of the footer stands at its end, so the second look has all of it.
            for length in (_LIKELY_FOOTER, size):
                file.seek(max(0, size - length))
                data = file.read()
                if len(data) == size or int.from_bytes(data[-8:-4], "little") + 8 <= len(data):
                    break
        check_footer(memoryview(data))
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException, Damaged):
        return None
    return _labels(metadata)


def find_whole_labels(path: Path) -> dict[str, str] | None:
    """Return the labels of a part that is whole to the last bit; None if it is not, or does not say so."""
    try:
        with pa.memory_map(str(path)) as source:
            data = source.read_buffer()
            if not check_part(memoryview(data), embeddings=True):
                return None
            return _labels(pq.read_schema(pa.BufferReader(data)).metadata or {})
    except (OSError, pa.ArrowException, Damaged):
        return None


def _labels(metadata: Mapping[bytes, bytes]) -> dict[str, str]:
    return {
        key.decode().removeprefix("mmcheck."): value.decode("utf-8", "replace")
        for key, value in metadata.items()
        if key.startswith(b"mmcheck.") and key != SEAL_KEY.encode()
    }
