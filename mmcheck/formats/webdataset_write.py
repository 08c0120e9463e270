"""Listings of WebDataset samples, and new shards with chosen samples, members byte for byte."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from mmcheck.config import OutputConfig
from mmcheck.core.json_row import load_row
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.jsonl import json_line
from mmcheck.formats.output_rows import raw_bytes, with_added
from mmcheck.formats.paths import folder_of, join_under
from mmcheck.formats.tar_groups import TarGroup, read_groups
from mmcheck.formats.text_source import is_url, open_output

_KEY, _SHARD = "__key__", "__shard__"
_PACKINGS = {"": "", "gz": ".gz", "zst": ".zst", "zstd": ".zst", "bz2": ".bz2", "bz": ".bz2", "xz": ".xz"}
_TAR_NAME = re.compile(
    r"^(?P<root>.*?)\.(?:tar|t(?=(?:gz|zst|bz2?|xz)$))(?P<packing>\.?(?:gz|zstd?|bz2?|xz))?$", re.IGNORECASE
)


def write_listing(
    rows: Iterable[OutputRow], folder: Path, stem: str, output: OutputConfig, encoding: str = "utf-8"
) -> list[Path]:
    """Write ``<stem>.jsonl`` and, with ``output.write_media``, the shards that it then points to; return the files.

    Args:
        rows: The rows.
        folder: Where to.
        stem: Name without suffix.
        output: Output options.
        encoding: Of the texts in the shards.
    """
    listing = folder / f"{stem.removesuffix('.jsonl')}.jsonl"
    shards: list[Path] = []
    if output.write_media:
        rows, shards = _write_shards(list(rows), folder, stem, encoding)
    with open_output(listing) as file:
        for out in rows:
            raw = raw_bytes(out.sample)
            file.write((raw if raw is not None else json_line(_columns(out, folder, output))) + b"\n")
    return [listing, *shards]


def _columns(out: OutputRow, folder: Path, output: OutputConfig) -> RowDict:
    shard = _shard_of(out)
    # What lies beside the listing is named from there: both are written in one folder and then moved to another.
    is_beside = output.write_media and os.path.dirname(shard) == str(folder)
    if (is_beside or output.paths == "relative") and not is_url(shard):
        shard = Path(os.path.relpath(shard, folder)).as_posix()
    row = {_SHARD: shard, **{key: value for key, value in out.sample.row.items() if key != _SHARD}}
    return with_added(row, out.extra)


def _shard_of(out: OutputRow) -> str:
    for ref in (out.sample.image, out.sample.audio):
        if ref is not None:
            return ref.uri
    named = out.sample.row.get(_SHARD)
    return join_under(folder_of(out.sample.manifest), named) if isinstance(named, str) else out.sample.manifest


def _write_shards(rows: list[OutputRow], folder: Path, stem: str, encoding: str) -> tuple[list[OutputRow], list[Path]]:
    written: list[OutputRow] = []
    files: list[Path] = []
    used: set[str] = set()
    for shard, group in groupby(rows, _shard_of):
        part = list(group)
        if not any(_KEY in out.sample.row for out in part):
            written += part
            continue
        final = folder / _shard_name(shard, part[0].sample.manifest, stem, used)
        written += _write_shard(part, shard, final, encoding)
        files.append(final)
    return written, files


def _shard_name(shard: str, manifest: str, stem: str, used: set[str]) -> str:
    match = _TAR_NAME.match(os.path.basename(shard))
    root, packing = (match["root"], match["packing"] or "") if match else (os.path.basename(shard), "")
    root = stem if shard == manifest else root
    ending = ".tar" + _PACKINGS[packing.lower().lstrip(".")]
    name = root + ending
    count = 1
    while name in used:
        count += 1
        name = f"{root}-{count}{ending}"
    used.add(name)
    return name


def _write_shard(part: list[OutputRow], shard: str, final: Path, encoding: str) -> list[OutputRow]:
    by_number: dict[int, list[int]] = {}
    by_key: dict[str, list[int]] = {}
    for index, out in enumerate(part):
        if _KEY not in out.sample.row:
            continue
        if out.sample.manifest == shard:
            by_number.setdefault(out.sample.row_number, []).append(index)
        else:
            by_key.setdefault(str(out.sample.row[_KEY]), []).append(index)
    keys = {str(part[index].sample.row[_KEY]) for indexes in by_number.values() for index in indexes} | by_key.keys()
    written = list(part)
    with open_output(final) as file, tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as sink:
        for group in read_groups(shard, lambda key, _extension, _size: _printable(key) in keys):
            indexes = by_number.get(group.number) or by_key.pop(_printable(group.key), [])
            for count, index in enumerate(indexes, 1):
                out = part[index]
                key = group.key if count == 1 else f"{group.key}#{count}"
                for info, data in _members(group, key, out, encoding):
                    sink.addfile(info, io.BytesIO(data))
                row = {**out.sample.row, _KEY: _printable(key)}
                written[index] = replace(out, sample=_moved(out, str(final), row))
    return written


def _moved(out: OutputRow, shard: str, row: Row) -> Sample:
    sample = out.sample
    image = replace(sample.image, uri=shard, offset=None, size=None) if sample.image else None
    audio = replace(sample.audio, uri=shard, offset=None, size=None) if sample.audio else None
    return replace(sample, image=image, audio=audio, row={**row, _SHARD: shard})


def _members(group: TarGroup, key: str, out: OutputRow, encoding: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    has_json = False
    for extension, member in group.members.items():
        data = member.data or b""
        value = out.sample.row.get(_printable(extension))
        if extension != "json" and _printable(extension) in out.changed and isinstance(value, str):
            data = value.encode(encoding, "backslashreplace")
        if extension == "json":
            inner = out.sample.row.get("json")
            # Of several texts in it, some may have been left out.
            is_other = bool(out.extra or out.items or "json" in out.changed) or key != group.key
            if isinstance(inner, dict) and is_other:
                data = _json_member(data, inner, out.extra)
                has_json = True
            elif not out.extra:
                has_json = True
        yield _header(member.info, group.key, key, len(data)), data
    if out.extra and not has_json and group.members:
        # Without a .json member, or with one that is no object, the new columns get one of their own.
        name = f"{key}.mmcheck.json" if "json" in group.members else f"{key}.json"
        data = json.dumps(with_added({}, out.extra), ensure_ascii=False).encode("utf-8")
        info = tarfile.TarInfo(name)
        info.size = len(data)
        yield info, data


def _json_member(data: bytes, inner: Row, extra: Row) -> bytes:
    """Return a ``.json`` member with the new columns; what did not change keeps its text, to the digit."""
    try:
        source = load_row(data.decode("utf-8-sig").strip())
    except ValueError:
        return json_line(with_added(inner, extra))
    same = {name: source[name] if name in source and source[name] == value else value for name, value in inner.items()}
    return json_line(with_added(same, extra), source=source)


def _header(source: tarfile.TarInfo, old_key: str, key: str, size: int) -> tarfile.TarInfo:
    info = copy.copy(source)
    info.pax_headers = {}
    info.size = size
    if key != old_key:
        info.name = source.name.replace(old_key, key, 1)
    return info


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
