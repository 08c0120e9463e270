"""Rows written by the very format that they were read with, so that texts, digits and types stay as they were.

What is written equals ``clean/``, file by file.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from mmcheck.export.target import Rows, TargetOptions
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.open_format import open_format

STEM = "data"


def can_write_back(options: TargetOptions, format: str) -> bool:
    """Return whether all that the run read is in a format, and its media stay where they are."""
    return options.media == "reference" and all(name == format for _, name in options.sources)


def write_back(rows: Rows, options: TargetOptions, folder: Path, format: str) -> list[Path]:
    """Write the rows of each manifest by its own format; return the files.

    Args:
        rows: The rows.
        options: What was asked for.
        folder: Where to.
        format: The format that all manifests are in.

    Raises:
        OutputError: If a file cannot be written.
    """
    config, added = options.config, rows.added
    output = config.output.model_copy(update={"paths": options.paths, "write_media": False})
    form = open_format(format, config)
    files: list[Path] = []
    stems: dict[str, str] = {}
    for manifest, group in groupby(rows, lambda row: row.sample.manifest):
        stem = stems.setdefault(manifest, _free_stem(manifest, set(stems.values())))
        joined = join_rows((row.out for row in group), options.worse)
        files += form.write(joined, folder, stem, output, manifest=manifest, added=added)
    if not stems:
        manifest = options.sources[0][0]
        files += form.write([], folder, _free_stem(manifest, set()), output, manifest=manifest, added=added)
    return files


def _free_stem(manifest: str, taken: set[str]) -> str:
    stem = free = manifest.rstrip("/").rsplit("/", 1)[-1].partition(".")[0] or STEM
    count = 1
    while free in taken:
        count += 1
        free = f"{stem}-{count}"
    return free
