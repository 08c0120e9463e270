"""img2dataset's output as files: ``00000/000000000.jpg`` with texts, and a ``00000.parquet`` that tells of every row.

Its tars and its Parquet files with images are read by ``webdataset`` and ``parquet``. Rows whose download failed are
broken rows that say why.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError, OutputError
from mmcheck.core.json_row import load_row
from mmcheck.core.types import MediaRef, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.downloads import CAUSE, download_fault
from mmcheck.formats.jsonl import json_line
from mmcheck.formats.parquet import ParquetFormat, open_parquet
from mmcheck.formats.paths import folder_of, is_folder, join_under, media_kind
from mmcheck.formats.rows import problem_sample
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.text_source import is_url, open_output

_SHARD = re.compile(r"\d{5,}\.parquet")
_NEEDED = {"key", "status"}
_BYTES = ("jpg", "png", "webp")
"""Columns with the images themselves: then the Parquet file is the data, not a list."""
_SIDES = (".txt", ".json")
_SUFFIX = ".jpg"


class Img2datasetFormat:
    """Folder of img2dataset with images as files.

    Args:
        options: Input options.
    """

    name = "img2dataset"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        columns = options.columns if options.columns.id else options.columns.model_copy(update={"id": "key"})
        self._parquet = ParquetFormat(options.model_copy(update={"columns": columns}))

    def recognise(self, manifest: str) -> Recognised:
        """Return whether a folder ``00000`` lies beside ``00000.parquet`` with ``key`` and ``status``."""
        if is_url(manifest) or not is_folder(manifest):
            return Recognised.NO
        first = next(iter(_shards(manifest)), None)
        if first is None or not os.path.isdir(first.removesuffix(".parquet")):
            return Recognised.NO
        return Recognised.SIGNATURE if _lists_files(first) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of all shards; each shard's Parquet file is the ``manifest`` of its rows.

        Raises:
            ManifestError: If there is no shard, or one cannot be read.
        """
        shards = _shards(manifest) if not is_url(manifest) and is_folder(manifest) else []
        if not shards:
            raise ManifestError(
                f"{manifest} is no folder of img2dataset: it has no 00000.parquet beside 00000/.",
                hint="give the folder that img2dataset wrote (--output_folder).",
            )
        for shard in shards:
            images = _images(shard)
            for sample in self._parquet.read(shard):
                yield _placed(sample, images)

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
    ) -> list[Path]:
        """Write each shard's Parquet file anew, and links to its images and texts; with ``write_media`` the files.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name of the written folder.
            output: Output options.
            manifest: The scanned folder.
            added: Types of the new columns.

        Raises:
            ManifestError: If a shard is gone or changed.
            OutputError: If a file cannot be written.
        """
        place = folder / stem
        files: list[Path] = []
        for shard, group in groupby(rows, lambda out: out.sample.manifest):
            files += self._write(group, place, shard, output, added)
        if not files:
            shards = _shards(manifest) if manifest else []
            files = self._write((), place, shards[0] if shards else "", output, added)
        return files

    def _write(
        self, rows: Iterable[OutputRow], place: Path, shard: str, output: OutputConfig, added: Added | None
    ) -> list[Path]:
        name = posixpath.basename(shard).removesuffix(".parquet") or "00000"
        (place / name).mkdir(parents=True, exist_ok=True)
        plain = output.model_copy(update={"write_media": False})
        linked = _linked(rows, place, name, output)
        return self._parquet.write(linked, place, name, plain, manifest=shard, added=added, keep_paths=True)


def _placed(sample: Sample, images: dict[str, str]) -> Sample:
    """Return a row of the list with its file; one that was not downloaded says why."""
    row = sample.row
    if (told := download_fault(row)) is not None:
        problem = problem_sample(sample.manifest, sample.row_number, CAUSE, told, row)
        return replace(problem, id=sample.id, own_id=sample.own_id)
    if sample.problem is not None and sample.problem.cause not in ("missing_column", "missing_media"):
        return sample
    key = str(row.get("key"))
    uri = join_under(sample.manifest.removesuffix(".parquet"), images.get(key, key + _SUFFIX))
    return replace(sample, image=MediaRef(uri=uri), problem=None, further=())


def _linked(rows: Iterable[OutputRow], place: Path, name: str, output: OutputConfig) -> Iterator[OutputRow]:
    """Yield ``rows``; each one's image and texts are put where the layout wants them."""
    for out in rows:
        if out.sample.image is not None:
            base, suffix = os.path.splitext(out.sample.image.uri)
            for ending in (suffix, *_SIDES):
                if not os.path.isfile(base + ending):
                    continue
                if ending in _SIDES and out.changed:
                    _write_side(out, base + ending, place / name / f"{os.path.basename(base)}{ending}")
                else:
                    place_media(base + ending, place, f"{name}/{os.path.basename(base)}{ending}", output)
        yield out


def _write_side(out: OutputRow, source: str, final: Path) -> None:
    """Write the text or the JSON beside an image whose row was given another caption."""
    row = out.sample.row
    data = (out.sample.caption or "").encode()
    if source.endswith(".json"):
        try:
            members = load_row(Path(source).read_text("utf-8-sig").strip())
        except (OSError, ValueError, TypeError) as error:
            raise OutputError(f"{source} cannot be written anew: {error}.") from error
        data = json_line({**members, **{name: row[name] for name in out.changed if name in members}}, source=members)
    with open_output(final) as file:
        file.write(data)


def _shards(folder: str) -> list[str]:
    return [join_under(folder, name) for name in sorted(top_names(folder)) if _SHARD.fullmatch(name)]


def _images(shard: str) -> dict[str, str]:
    """Return key -> name of the image of a shard."""
    names = sorted(top_names(join_under(folder_of(shard), posixpath.basename(shard).removesuffix(".parquet"))))
    return {os.path.splitext(name)[0]: name for name in names if media_kind(name) == "image"}


def _lists_files(shard: str) -> bool:
    try:
        with open_parquet(shard) as file:
            names = set(file.schema_arrow.names)
    except ManifestError:
        return False
    return names >= _NEEDED and not names.intersection(_BYTES)
