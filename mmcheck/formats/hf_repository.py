"""A Hugging Face repository as a folder: ``data/train-00000-of-00001.parquet`` and the like, here or on the hub.

The hub is asked only where its address is given: ``hf://datasets/ORG/NAME``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.parquet import ParquetFormat
from mmcheck.formats.paths import is_folder, join_under, walk_files
from mmcheck.formats.speech.glance import GLANCE, glance, top_names

_SHARD = re.compile(r"(?:.*/)?[\w.+-]+-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.parquet")
_DATA = re.compile(r"(?:.*/)?data/[^/]+\.parquet")


class HfRepositoryFormat:
    """Folder with Parquet files as ``push_to_hub`` writes them, one folder a config.

    Args:
        options: Input options.
    """

    name = "hf_repo"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._parquet = ParquetFormat(options)

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a folder with Parquet files called like shards, or in ``data/``."""
        if not is_folder(manifest) or any(name.startswith("metadata.") for name in top_names(manifest)):
            return Recognised.NO
        fits = any("/" in name and _is_shard(name) for name in glance(manifest, GLANCE))
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of all Parquet files in the order of their names; each is the ``manifest`` of its rows.

        Raises:
            ManifestError: If there is none, or one cannot be read.
        """
        names = _shards(manifest) if is_folder(manifest) else []
        if not names:
            raise ManifestError(
                f"{manifest} holds no Parquet files of a Hugging Face repository.",
                hint="name the Parquet file itself, or the folder with data/*.parquet.",
            )
        for name in names:
            yield from self._parquet.read(join_under(manifest, name))

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
        """Write each Parquet file anew, at its place below ``folder/stem``; one without rows is written empty.

        So the numbers in the names stay whole, and ``datasets.load_dataset("RUN/clean/NAME")`` loads the folder. The
        repository's card is not copied: it tells other numbers of rows.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name of the written folder.
            output: Output options.
            manifest: The scanned folder.
            added: Types of the new columns.

        Raises:
            ManifestError: If a file is gone or changed.
        """
        names = _shards(manifest) if manifest else []
        files: list[Path] = []
        groups = groupby(rows, lambda out: out.sample.manifest)
        waiting = next(groups, None)
        for name in names:
            source = join_under(manifest, name)
            group: Iterable[OutputRow] = waiting[1] if waiting is not None and waiting[0] == source else ()
            files += self._write(group, folder / stem / posixpath.dirname(name), source, output, added)
            if waiting is not None and waiting[0] == source:
                waiting = next(groups, None)
        while waiting is not None:
            files += self._write(waiting[1], folder / stem / "data", waiting[0], output, added)
            waiting = next(groups, None)
        return files or self._parquet.write((), folder / stem / "data", "train-00000-of-00001", output, added=added)

    def _write(
        self, rows: Iterable[OutputRow], place: Path, source: str, output: OutputConfig, added: Added | None
    ) -> list[Path]:
        stem = posixpath.basename(source).removesuffix(".parquet")
        return self._parquet.write(rows, place, stem, output, manifest=source, added=added)


def _is_shard(name: str) -> bool:
    return bool(_SHARD.fullmatch(name) or _DATA.fullmatch(name))


def _shards(folder: str) -> list[str]:
    try:
        names = list(walk_files(folder))
    except ManifestError:
        return []
    return [name for name in names if _is_shard(name) and not name.startswith(".")]
