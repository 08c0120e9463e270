"""Repaired manifests: all rows of the inputs in their own formats, the repaired ones with their new text.

The sources are never touched. A repaired row says so in columns of its own (what was done, where the text came from,
how sure, and the old text), so that a repair can be reviewed and undone; every other row is written as it was read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmcheck.config import Config
from mmcheck.core.errors import ManifestError, RunError
from mmcheck.core.json_row import changed_row
from mmcheck.core.pair_kinds import KIND_OF
from mmcheck.core.progress import Progress
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.csv_dialect import sniff_csv
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.new_text import TextReplacer, changed_columns
from mmcheck.formats.open_format import open_format
from mmcheck.formats.paths import is_inside
from mmcheck.repair.summary import Written
from mmcheck.store.new_folder import NewFolder, written_stems
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.run_record import InputRecord
from mmcheck.store.schema import table_to_samples

PREFIX = "mmcheck_repair"
_PARTS = ("from", "confidence", "original")
_TABULAR = ("csv", "parquet")
_FOLDERS = ("imagefolder", "audiofolder")

Proposals = Mapping[int, list[dict[str, Any]]]


def new_folder(target: Path) -> NewFolder:
    """Return the folder of repaired manifests, which has to be new."""
    return NewFolder(path=target, option="--write", what="repaired manifests")


def write_repaired(run: RunFolder, table: pa.Table, target: NewFolder, progress: Progress) -> Written:
    """Write the manifests of a run with the proposals applied; return the files, counts and notes.

    Args:
        run: The run folder.
        table: The proposals (``PROPOSALS``).
        target: A folder that was found to be new.
        progress: Receives progress reports.

    Raises:
        OutputError: If it cannot be written.
        ManifestError: If a source that rows are copied from is gone or changed.
        RunError: If a part of the run is missing or damaged, or two inputs would be written to one file.
    """
    config = run.config()
    by_row: dict[int, list[dict[str, Any]]] = {}
    for record in table.to_pylist():
        by_row.setdefault(record["index"], []).append(record)
    inputs = run.record.inputs
    progress.phase("writing repaired manifests", len(inputs))
    writer = _Writer(run, config, by_row)
    written: dict[Path, None] = {}
    with target.made() as staging:
        start = 0
        for entry, (stem, below) in zip(inputs, written_stems([entry.manifest for entry in inputs]), strict=True):
            stop = start + entry.rows
            place = staging / below
            place.mkdir(exist_ok=True)
            files = writer.write(entry, start, stop, place, stem)
            if any(file in written for file in files):
                raise RunError(f"two inputs would be written to one file: {sorted(map(str, files))}.")
            written |= dict.fromkeys(files)
            start = stop
            progress.advance()
    return Written(
        folder=str(target.path),
        files=tuple(str(target.final(file, staging)) for file in written),
        repaired_rows=writer.repaired,
        not_written=tuple(writer.not_written),
        notes=tuple(writer.notes),
    )


class _Writer:
    def __init__(self, run: RunFolder, config: Config, by_row: Proposals) -> None:
        self._run = run
        self._config = config
        self._by_row = by_row
        self.repaired = 0
        self.not_written: list[str] = []
        self.notes: list[str] = []
        self._has_columns: dict[str, bool] = {}

    def write(self, entry: InputRecord, start: int, stop: int, place: Path, stem: str) -> list[Path]:
        """Write one input's manifest below ``place`` and return the files."""
        kind = entry.format
        output = self._config.output
        # Paths that stay as they were would lead nowhere from another folder.
        paths = "relative" if output.paths == "relative" else "absolute"
        media = kind in _FOLDERS
        if media:
            self._note("The folder formats load files beside their metadata only, so the media were linked or copied.")
        if kind == "webdataset":
            self._note(
                "Tar shards are not rewritten: the repaired manifest is a listing that points to the media in the old "
                "shards. Scan and train from the listing; the shards themselves still hold the old texts."
            )
        rows = self._rows(entry, start, stop)
        settled = output.model_copy(update={"paths": paths, "write_media": media})
        return open_format(kind, self._config, base=entry.base).write(
            join_rows(rows), place, stem, settled, manifest=entry.manifest
        )

    def _rows(self, entry: InputRecord, start: int, stop: int) -> Iterator[OutputRow]:
        replacer = TextReplacer(open_format(entry.format, self._config, base=entry.base), self._config.input.columns)
        for number, sample in self._samples(start, stop):
            yield self._row(entry, number, sample, replacer)

    def _row(self, entry: InputRecord, number: int, sample: Sample, replacer: TextReplacer) -> OutputRow:
        row, records = self._repair(number, sample, replacer)
        tabular = _is_tabular(entry.format, sample.manifest)
        extra: dict[str, Any] = {}
        if records:
            self.repaired += 1
        if records or (tabular and self._may_have_columns(entry.format, sample.manifest)):
            extra |= _provenance(records, row)
        changed = changed_columns(sample.row, row)
        if entry.format == "folder":
            row = _with_whole_paths(sample, row)
        if sample.problem is None:
            sample = replace(sample, row=changed_row(sample.row, row))
        return OutputRow(sample=sample, extra=extra if sample.problem is None or tabular else {}, changed=changed)

    def _repair(
        self, number: int, sample: Sample, replacer: TextReplacer
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the row with its proposals applied, and those that could be."""
        done = []
        for record in self._by_row.get(number, ()):
            changed = replacer.replace(sample, KIND_OF[record["modality"]], record["proposed_text"])
            if changed is None:
                self.not_written.append(sample.id)
                self._note("Some proposals were not written: no column of their rows holds the text alone.")
                continue
            sample = changed
            done.append(record)
        return dict(sample.row), done

    def _samples(self, start: int, stop: int) -> Iterator[tuple[int, Sample]]:
        for shard in self._run.shards():
            low, high = max(start, shard.start), min(stop, shard.stop)
            if low >= high:
                continue
            part = read_part(self._run.samples_part(shard)).slice(low - shard.start, high - low)
            yield from enumerate(table_to_samples(part), low)

    def _may_have_columns(self, kind: str, manifest: str) -> bool:
        if manifest not in self._has_columns:
            self._has_columns[manifest] = self._find_header(kind, manifest)
        return self._has_columns[manifest]

    def _find_header(self, kind: str, manifest: str) -> bool:
        if kind == "parquet" or manifest.endswith(".parquet"):
            return True
        try:
            has_header = sniff_csv(manifest, self._config.input).header is not None
        except ManifestError:
            return True
        if not has_header:
            self._note("A table without a header has no place for the columns that say what was repaired.")
        return has_header

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


def _provenance(records: list[dict[str, Any]], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a row's text comes from; an earlier repair's word stays, and so does the very first text."""
    before = {name: row.get(name) for name in (PREFIX, *(f"{PREFIX}_{part}" for part in _PARTS))}
    if not records:
        return before
    first = records[0]
    return {
        PREFIX: "+".join(dict.fromkeys(record["kind"] for record in records)),
        f"{PREFIX}_from": first["source_id"],
        f"{PREFIX}_confidence": min(record["confidence"] for record in records),
        f"{PREFIX}_original": before[f"{PREFIX}_original"] or first["text"],
    }


def _with_whole_paths(sample: Sample, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a plain folder's listing with paths that lead to the files from anywhere."""
    changed = dict(row)
    for name in ("file_name", "audio_file", "text_file"):
        value = row.get(name)
        if isinstance(value, str) and is_inside(value) and os.path.isdir(sample.manifest):
            changed[name] = os.path.join(os.path.abspath(sample.manifest), value)
    return changed


def _is_tabular(kind: str, manifest: str) -> bool:
    return kind in _TABULAR or (kind in _FOLDERS and manifest.endswith((".csv", ".parquet")))
