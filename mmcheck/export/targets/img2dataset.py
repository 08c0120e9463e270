"""Shards as img2dataset writes them: ``00000.tar`` with ``00000.parquet`` and ``00000_stats.json`` beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.core.atomic import atomic_path, write_text
from mmcheck.core.digests import digest_bytes
from mmcheck.core.json_row import json_text
from mmcheck.core.types import RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.records import MediaBytes
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.tar_shards import TarShards, shard_range
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.targets.webdataset import IMAGES
from mmcheck.export.typed_columns import ColumnTypes
from mmcheck.export.with_media import with_data

_COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("url", pa.string()),
    ("caption", pa.string()),
    ("key", pa.string()),
    ("status", pa.string()),
    ("error_message", pa.string()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("original_width", pa.int32()),
    ("original_height", pa.int32()),
    ("exif", pa.string()),
    ("sha256", pa.string()),
)
"""img2dataset's columns, in its order and of its types."""
_NAMES = frozenset(name for name, _ in _COLUMNS)


class Img2datasetTarget:
    """Shards of tar and Parquet as img2dataset writes them.

    Args:
        options: What was asked for.
    """

    name = "img2dataset"
    traits = TargetTraits(kinds=("image",), media=("copy",), has_shards=True)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)
        self._shards: list[str] = []

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write the shards; the table of a shard has the same rows as its tar, and the types of all other tables."""
        types = ColumnTypes()
        types.add_all(self._further(row) for row in rows)
        types.add_known(rows.added)
        schema = pa.schema([*_COLUMNS, *types.schema()])
        table: list[RowDict] = []

        def close(number: int) -> None:
            with atomic_path(folder / f"{number:05d}.parquet") as temporary:
                pq.write_table(pa.Table.from_pylist(table, schema=schema), temporary)
            write_text(folder / f"{number:05d}_stats.json", _stats(len(table)))
            table.clear()

        with TarShards(folder, self._options.shard_size, close) as shards:
            for row, found in with_data(rows, shelf, suffixes=IMAGES):
                further = types.fit({**self._further(row), **row.added})
                about = {**self._about(row, found, shards.next_key()), **further}
                text = json_text(about).encode("utf-8", "backslashreplace")
                shards.add([(found.suffix[1:], found.data), ("txt", row.text().encode()), ("json", text)])
                table.append(about)
        self._shards = list(shards.sizes)

    def how_to_load(self) -> str:
        """Return the line of Python."""
        shards = str(self._options.final / shard_range(self._shards))
        return f'import webdataset; webdataset.WebDataset({shards!r}).decode("pil")' if self._shards else ""

    def _further(self, row: ExportRow) -> RowDict:
        own = {name: value for name, value in self._own.rest(row).items() if name not in {*_NAMES, "__key__"}}
        own.setdefault("id", row.sample.id)
        return own

    def _about(self, row: ExportRow, found: MediaBytes, key: str) -> RowDict:
        own = row.sample.row.get("json") if "__key__" in row.sample.row else row.sample.row
        before: RowDict = dict(own) if isinstance(own, dict) else {}
        width, height = (round(row.facts[name]) if name in row.facts else None for name in ("width", "height"))
        url = before.get("url", before.get("URL"))
        exif = before.get("exif")
        return {
            "url": url if isinstance(url, str) else None,
            "caption": row.text(),
            "key": key,
            "status": "success",
            "error_message": None,
            "width": width,
            "height": height,
            "original_width": _whole(before.get("original_width"), width),
            "original_height": _whole(before.get("original_height"), height),
            "exif": exif if isinstance(exif, str) else None,
            "sha256": digest_bytes(found.data),
        }


def _whole(value: object, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 1 << 31 else otherwise


def _stats(count: int) -> str:
    """Return what img2dataset tells of a shard; nothing was fetched, so it took no time."""
    told = {
        "count": count,
        "successes": count,
        "failed_to_download": 0,
        "failed_to_resize": 0,
        "duration": 0.0,
        "start_time": 0.0,
        "end_time": 0.0,
        "status_dict": {"success": count},
    }
    return json.dumps(told, indent=4) + "\n"
