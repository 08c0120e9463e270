"""Folders for ``datasets.load_from_disk`` on the way out: chosen rows of Arrow streams, with columns added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.atomic import atomic_path
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_types import JsonObject
from mmcheck.core.types import RowDict
from mmcheck.formats.arrow_rows import open_stream
from mmcheck.formats.base import Added, OutputRow
from mmcheck.formats.output_rows import RowWriter, media_place

_FINGERPRINT = 16  # characters; given by datasets (hex digest of 64 bits)


def write_dataset(
    rows: Iterable[OutputRow],
    place: Path,
    sources: Sequence[str],
    info: JsonObject,
    state: JsonObject,
    options: InputConfig,
    output: OutputConfig,
    added: Added | None,
) -> list[Path]:
    """Write one dataset; return its files.

    Args:
        rows: Rows of it, in their order.
        place: Where to.
        sources: Its Arrow files.
        info: What dataset_info.json held.
        state: What state.json held.
        options: Input options.
        output: Output options.
        added: Types of the new columns.

    Raises:
        ManifestError: If a source is gone or changed.
    """
    place.mkdir(parents=True, exist_ok=True)
    writer = RowWriter(options, output, place, media_folder=media_place("media", None))
    by_source: dict[str, list[OutputRow]] = {source: [] for source in sources}
    for out in rows:
        by_source.setdefault(out.sample.manifest, []).append(out)
    known = dict(added) if added is not None else _kinds(by_source.values())
    names = [f"data-{number:05d}-of-{len(by_source):05d}.arrow" for number in range(len(by_source))]
    files = []
    for name, (source, kept) in zip(names, by_source.items(), strict=True):
        _write_stream(kept, source, place / name, writer, known)
        files.append(place / name)
    features = info.get("features")
    if isinstance(features, dict):
        news = {
            key: {"dtype": "float64" if kind is float else "string", "_type": "Value"} for key, kind in known.items()
        }
        info = {**info, "features": {**features, **news}}
    # What they say of sizes and numbers of rows is no longer so.
    info = {key: value for key, value in info.items() if key not in ("splits", "dataset_size", "download_size")}
    numbers = [[out.sample.row_number for out in kept] for kept in by_source.values()]
    state = {
        **{"_format_columns": None, "_format_kwargs": {}, "_format_type": None, "_output_all_columns": False},
        **{"_split": None, **state},
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": digest_value([state.get("_fingerprint"), numbers, sorted(known)])[-_FINGERPRINT:],
    }
    return [*files, _write_json(place / "dataset_info.json", info), _write_json(place / "state.json", state)]


def write_dict(place: Path, splits: Sequence[str]) -> Path:
    """Write which splits a folder has; return the file."""
    return _write_json(place / "dataset_dict.json", {"splits": list(splits)})


def _write_stream(rows: Sequence[OutputRow], source: str, final: Path, writer: RowWriter, known: Added) -> None:
    with open_stream(source) as reader, atomic_path(final) as temporary:
        fields = [each for each in reader.schema if each.name not in known]
        news = [pa.field(name, pa.float64() if kind is float else pa.string()) for name, kind in known.items()]
        metadata = _with_features(reader.schema.metadata, known)
        schema = pa.schema([*fields, *news], metadata=metadata)
        done, start = 0, 1
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
            for batch in reader:
                stop = done
                while stop < len(rows) and rows[stop].sample.row_number < start + batch.num_rows:
                    stop += 1
                if stop > done:
                    stream.write_table(_table(batch, rows[done:stop], start, schema, writer, known))
                done, start = stop, start + batch.num_rows
        if done < len(rows):
            raise ManifestError(
                f"{source} has no row {rows[done].sample.row_number} any more: it was changed after the scan.",
                hint="scan it again.",
            )


def _table(
    batch: pa.RecordBatch, rows: Sequence[OutputRow], start: int, schema: pa.Schema, writer: RowWriter, known: Added
) -> pa.Table:
    taken = pa.Table.from_batches([batch]).take(pa.array([out.sample.row_number - start for out in rows], pa.int64()))
    changed: dict[str, dict[int, object]] = {}
    for index, out in enumerate(rows):
        columns = writer.columns(replace(out, extra={}))
        items = out.items or (() if out.sample.item is None else (out.sample.item,))
        for name, value in columns.items():
            if name in out.changed:
                changed.setdefault(name, {})[index] = value
            elif name in out.sample.split and items:
                whole = taken.column(name)[index].as_py()
                changed.setdefault(name, {})[index] = [whole[item] for item in items]
            elif value != out.sample.row.get(name) and isinstance(value, str):
                changed.setdefault(name, {})[index] = value
            elif value != out.sample.row.get(name):
                changed.setdefault(name, {})[index] = _with_path(taken.column(name)[index].as_py(), value)
    arrays = []
    for each in schema:
        if each.name in known:
            arrays.append(pa.array([out.extra.get(each.name) for out in rows], each.type))
        elif each.name in changed:
            values = taken.column(each.name).to_pylist()
            for index, value in changed[each.name].items():
                values[index] = value
            arrays.append(_array(values, taken.column(each.name)))
        else:
            arrays.append(taken.column(each.name))
    return pa.table(arrays, schema=schema)


def _array(values: list[object], column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the values in the type of a column; the column itself where that has no place for them."""
    try:
        return pa.array(values, column.type)
    except (pa.ArrowException, ValueError, TypeError):
        return column


def _with_path(source: object, changed: object) -> object:
    """Return a cell of the source with the paths of its changed stand-in; its bytes stay."""
    if isinstance(source, list) and isinstance(changed, list) and len(source) == len(changed):
        return [_with_path(old, new) for old, new in zip(source, changed, strict=True)]
    if isinstance(source, dict) and isinstance(changed, Mapping):
        return {**source, "path": changed.get("path")}
    return changed if isinstance(source, str) else source


def _kinds(groups: Iterable[Sequence[OutputRow]]) -> dict[str, type[str] | type[float]]:
    found: dict[str, type[str] | type[float]] = {}
    for rows in groups:
        for out in rows:
            for name, value in out.extra.items():
                found.setdefault(name, float if isinstance(value, float | int) else str)
    return found


def _with_features(metadata: Mapping[bytes, bytes] | None, known: Added) -> dict[bytes, bytes] | None:
    found = dict(metadata or {})
    try:
        told = json.loads(found[b"huggingface"])
        features: RowDict = told["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return found or None
    for name, kind in known.items():
        features[name] = _feature(kind)
    return {**found, b"huggingface": json.dumps(told).encode()}


def _feature(kind: type) -> JsonObject:
    return {"dtype": "float64" if kind is float else "string", "_type": "Value"}


def _write_json(final: Path, value: JsonObject) -> Path:
    with atomic_path(final) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True), "utf-8")
    return final
