"""The training set without what it shares: its manifests in their own formats, and the removed rows with their reasons.

Rows stay whole and the sources are never touched. Every row of the training set ends in exactly one of the two.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcheck.config import OutputConfig
from mmcheck.core.atomic import TMP_PREFIX
from mmcheck.core.errors import RunError
from mmcheck.core.progress import Progress
from mmcheck.formats.base import OutputRow
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.open_format import open_format
from mmcheck.overlap.summary import WrittenRows
from mmcheck.overlap.words import NOUNS
from mmcheck.store.placing import place_folders
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import table_to_samples

CLEAN, REMOVED = "clean", "removed"
PREFIX = "mmcheck_overlap"
_MAX_NAMED = 16  # rows of the other set named in a written row; our own choice: a cell stays readable
_MAX_TOLD = 3  # kinds of overlap told in a written row; our own choice: a cell stays readable
_FOLDER_NOTE = (
    "The cleaned manifest of a folder names the files as the folder does and does not load beside them; --write-media "
    "makes a folder that does (links where possible, else copies)."
)
_NOTES = {
    "imagefolder": _FOLDER_NOTE,
    "audiofolder": _FOLDER_NOTE,
    "folder": _FOLDER_NOTE,
    "webdataset": "The cleaned manifest of tar shards is a listing that points into the old shards, which still hold "
    "the shared samples; --write-media makes new shards without them.",
}

Reasons = Mapping[int, Sequence[Mapping[str, Any]]]
"""Row of the training set -> the listed pairs (records of ``OVERLAPS``) that remove it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The training set in two."""

    clean: WrittenRows
    """Rows that are not shared."""
    removed: WrittenRows
    """Rows that are."""
    notes: tuple[str, ...]
    """What one has to know of the manifests."""


def write_split(run: RunFolder, reasons: Reasons, out: Path, progress: Progress, *, write_media: bool = False) -> Split:
    """Write ``clean/`` and ``removed/`` below ``out`` anew; return their files and rows, and notes on them.

    Args:
        run: The run of the training set.
        reasons: Why rows are removed.
        out: The folder of the comparison.
        progress: Receives progress reports.
        write_media: Whether the media come along with the clean rows, as new shards or links.

    Raises:
        OutputError: If it cannot be written.
        ManifestError: If a source that rows are copied from is gone or changed.
        RunError: If a part of the run is missing, two inputs would be written to one file, or the rows do not add up.
    """
    config = run.config()
    inputs = run.record.inputs
    progress.phase("writing manifests", 2 * len(inputs))
    # Siblings of the final folders, so that relative paths lead to the media from there, too.
    staged = {folder: out / f"{TMP_PREFIX}{folder}" for folder in (CLEAN, REMOVED)}
    written: dict[str, WrittenRows] = {}
    try:
        for folder, staging in staged.items():
            # What is removed is there to be looked at, not to be trained on.
            with_media = folder == CLEAN and (write_media or config.output.write_media)
            output = config.output.model_copy(update={"write_media": with_media})
            count, files = _stage(run, reasons, staging, output, progress, is_clean=folder == CLEAN)
            written[folder] = WrittenRows(
                rows=count, files=tuple(str(out / folder / file.relative_to(staging)) for file in files)
            )
        total = run.record.rows
        if written[CLEAN].rows + written[REMOVED].rows != total:
            raise RunError(
                f"{written[CLEAN].rows} rows were kept and {written[REMOVED].rows} removed, but {total} were read.",
                hint="please report this as a defect of mmcheck.",
            )
        place_folders(
            out, {name: staging if written[name].files else None for name, staging in staged.items()}, progress
        )
    finally:
        for staging in staged.values():
            shutil.rmtree(staging, ignore_errors=True)
    told = [_NOTES[entry.format] for entry in inputs if entry.format in _NOTES]
    has_media = write_media or config.output.write_media
    notes = () if has_media else tuple(dict.fromkeys(told))
    return Split(clean=written[CLEAN], removed=written[REMOVED], notes=notes)


def _stage(
    run: RunFolder, reasons: Reasons, staging: Path, output: OutputConfig, progress: Progress, *, is_clean: bool
) -> tuple[int, list[Path]]:
    """Write the rows that are kept, or those that are removed, below ``staging``; return their number and the files."""
    shutil.rmtree(staging, ignore_errors=True)
    config, inputs = run.config(), run.record.inputs
    stems = Counter(_stem(entry.manifest) for entry in inputs)
    files: list[Path] = []
    rows = _Rows(run, reasons, is_clean=is_clean)
    start = 0
    for number, entry in enumerate(inputs):
        stop = start + entry.rows
        # An empty clean manifest says "nothing is left"; of removed rows there is better no file at all.
        if is_clean or rows.holds(start, stop):
            stem = _stem(entry.manifest)
            place = staging if stems[stem] == 1 else staging / f"{number:03d}"
            place.mkdir(parents=True, exist_ok=True)
            new = open_format(entry.format, config, base=entry.base).write(
                join_rows(rows.between(start, stop)), place, stem, output, manifest=entry.manifest
            )
            if set(files) & set(new):
                raise RunError(f"two inputs would be written to one file: {sorted(map(str, new))}.")
            files += new
        start = stop
        progress.advance()
    return rows.count, files


class _Rows:
    def __init__(self, run: RunFolder, reasons: Reasons, *, is_clean: bool) -> None:
        self._run, self._reasons, self._is_clean = run, reasons, is_clean
        self._removed = np.array(sorted(reasons), dtype=np.int64)
        self.count = 0

    def holds(self, start: int, stop: int) -> bool:
        """Return whether any row of ``start:stop`` is removed."""
        low, high = np.searchsorted(self._removed, (start, stop))
        return bool(low < high)

    def between(self, start: int, stop: int) -> Iterator[OutputRow]:
        """Yield the rows of ``start:stop`` that belong here, in order."""
        for shard in self._run.shards():
            low, high = max(start, shard.start), min(stop, shard.stop)
            if low >= high or not (self._is_clean or self.holds(low, high)):
                continue
            part = read_part(self._run.samples_part(shard)).slice(low - shard.start, high - low)
            for number, sample in enumerate(table_to_samples(part), low):
                if (number in self._reasons) is not self._is_clean:
                    self.count += 1
                    yield OutputRow(sample=sample, extra={} if self._is_clean else explain(self._reasons[number]))


def explain(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns that say why a row was removed: kinds, how, likeness, whose, and a sentence."""
    best = sorted(records, key=lambda record: (record["how"] != "exact", -record["similarity"]))
    told: list[str] = []
    seen: set[str] = set()
    for record in best:
        if record["kind"] in seen or len(told) >= _MAX_TOLD:
            continue
        seen.add(record["kind"])
        how = "the same" if record["how"] == "exact" else f"nearly the same ({record['similarity']:.3f})"
        manifest = record["test_manifest"].rstrip("/").rsplit("/", 1)[-1]
        told.append(
            f"{how} {NOUNS[record['kind']]} as test row {record['test_id']} ({manifest}:{record['test_row_number']})"
        )
    return {
        f"{PREFIX}_kinds": "+".join(dict.fromkeys(record["kind"] for record in best)),
        f"{PREFIX}_how": best[0]["how"],
        f"{PREFIX}_similarity": round(float(best[0]["similarity"]), 6),
        f"{PREFIX}_with": list(dict.fromkeys(record["test_id"] for record in best))[:_MAX_NAMED],
        f"{PREFIX}_reason": "; ".join(told),
    }


def _stem(manifest: str) -> str:
    return manifest.rstrip("/").rsplit("/", 1)[-1].partition(".")[0] or "manifest"
