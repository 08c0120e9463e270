"""Folders for ``datasets.load_from_disk`` on the way out: chosen rows of Arrow streams, with columns added."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.atomic import atomic_path, write_text
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_types import JsonObject
from mmcheck.formats.arrow_rows import open_stream
from mmcheck.formats.base import Added, OutputRow
from mmcheck.formats.cells import is_utf8
from mmcheck.formats.changed_cells import chosen_rows, with_changes, with_items
from mmcheck.formats.output_rows import RowWriter, media_place
from mmcheck.formats.written_schema import written_features, written_schema

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
    known = added if added is not None else _kinds(by_source.values())
    types = {name: pa.float64() if kind is float else pa.string() for name, kind in known.items()}
    shortened = {name for kept in by_source.values() for out in kept if _items(out) for name in out.sample.split}
    names = [f"data-{number:05d}-of-{len(by_source):05d}.arrow" for number in range(len(by_source))]
    files = []
    is_same = not known
    for name, (source, kept) in zip(names, by_source.items(), strict=True):
        is_same &= _write_stream(kept, source, place / name, writer, types, shortened)
        files.append(place / name)
    features = info.get("features")
    if isinstance(features, dict):
        info = {**info, "features": written_features(features, types, shortened)}
    # What they say of sizes and numbers of rows is no longer so.
    info = {key: value for key, value in info.items() if key not in ("splits", "dataset_size", "download_size")}
    # `datasets` caches by the fingerprint, so other rows, columns or texts have another.
    before, columns = state.get("_fingerprint"), sorted(known)
    kept_rows = [[(out.sample.row_number, _new_values(out)) for out in kept] for kept in by_source.values()]
    fingerprint = before if is_same and before else digest_value([before, kept_rows, columns])[-_FINGERPRINT:]
    state = {
        **{"_format_columns": None, "_format_kwargs": {}, "_format_type": None, "_output_all_columns": False},
        **{"_split": None, **state},
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": fingerprint,
    }
    return [*files, _write_json(place / "dataset_info.json", info), _write_json(place / "state.json", state)]


def write_dict(place: Path, splits: Sequence[str]) -> Path:
    """Write which splits a folder has; return the file."""
    return _write_json(place / "dataset_dict.json", {"splits": list(splits)})


def _new_values(out: OutputRow) -> list[object]:
    return [out.sample.row.get(name) for name in out.changed]


def _write_stream(
    rows: Sequence[OutputRow],
    source: str,
    final: Path,
    writer: RowWriter,
    added: Mapping[str, pa.DataType],
    shortened: Collection[str],
) -> bool:
    """Write the chosen rows of one Arrow file; return whether they are all its rows, unchanged."""
    with open_stream(source) as stream, atomic_path(final) as temporary:
        schema = written_schema(stream.schema, added, shortened)
        done, start, is_same = 0, 1, True
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_stream(sink, schema) as written:
            for batch in stream.batches():
                stop = done
                while stop < len(rows) and rows[stop].sample.row_number < start + batch.num_rows:
                    stop += 1
                if stop > done:
                    try:
                        table, is_changed = _table(batch, rows[done:stop], start, schema, writer, added, shortened)
                    except (pa.ArrowException, KeyError) as error:
                        said = str(error).splitlines()[0].rstrip(".")
                        raise ManifestError(f"{source} cannot be copied from: {said}.", hint="get it again.") from error
                    written.write_table(table)
                    is_same &= not is_changed
                done, start = stop, start + batch.num_rows
        if done < len(rows):
            raise ManifestError(
                f"{source} has no row {rows[done].sample.row_number} any more: it was changed after the scan.",
                hint="scan it again.",
            )
    return is_same and done == start - 1


def _table(
    batch: pa.RecordBatch,
    rows: Sequence[OutputRow],
    start: int,
    schema: pa.Schema,
    writer: RowWriter,
    added: Mapping[str, pa.DataType],
    shortened: Collection[str],
) -> tuple[pa.Table, bool]:
    """Return the chosen rows of a batch, and whether any value of theirs is another than it was."""
    taken = chosen_rows(pa.Table.from_batches([batch]), [out.sample.row_number - start for out in rows])
    changed: dict[str, dict[int, object]] = {}
    kept: dict[str, dict[int, tuple[int, ...]]] = {name: {} for name in shortened}
    for index, out in enumerate(rows):
        for name in out.sample.split if _items(out) else ():
            kept[name][index] = _items(out)
        for name, value in writer.columns(replace(out, extra={})).items():
            if value != out.sample.row.get(name) or name in out.changed:
                changed.setdefault(name, {})[index] = value
    arrays = []
    for each in schema:
        if each.name in added:
            arrays.append(pa.array([out.extra.get(each.name) for out in rows], each.type))
            continue
        column = taken.column(each.name)
        column = with_items(column, kept[each.name]) if each.name in kept else column
        arrays.append(with_changes(column, changed[each.name]) if each.name in changed else column)
    return pa.table(arrays, schema=schema), bool(changed) or any(kept.values())


def _items(out: OutputRow) -> tuple[int, ...]:
    return out.items or (() if out.sample.item is None else (out.sample.item,))


def _kinds(groups: Iterable[Sequence[OutputRow]]) -> dict[str, type[str] | type[float]]:
    found: dict[str, type[str] | type[float]] = {}
    for rows in groups:
        for out in rows:
            for name, value in out.extra.items():
                found.setdefault(name, float if isinstance(value, float | int) else str)
    return found


def _write_json(final: Path, value: JsonObject) -> Path:
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    write_text(final, text if is_utf8(text) else json.dumps(value, indent=2, sort_keys=True))
    return final
