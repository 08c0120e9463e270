"""Writing what was decided: one manifest an action and input, in the input's format, rows whole.

Judging has every table of a group of shards in memory; what the manifests need of them is spooled to one file a group,
so that each action's manifest is one sweep over few large files instead of thousands of small parts. Formats of lines
need no sweep at all: their rows become lines while they are in memory.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.atomic import TMP_PREFIX, atomic_path
from mmcheck.core.errors import RunError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.progress import Progress
from mmcheck.core.types import Action
from mmcheck.decide.added_columns import TEXT_COLUMNS, added_columns
from mmcheck.decide.line_spool import LineSpool
from mmcheck.decide.written_columns import WrittenColumn, column_types
from mmcheck.formats.base import Added, Format, OutputRow
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.jsonl_lines import writes_lines
from mmcheck.formats.open_format import open_format
from mmcheck.store.placing import place_folders
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.schema import table_to_samples

FOLDERS = {
    Action.KEEP: "clean",
    Action.FLAG: "flagged",
    Action.QUARANTINE: "quarantine",
    Action.UNCHECKED: "unchecked",
}
_CHUNK = 4096  # rows of a group in a written Parquet file; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRows:
    """Where the rows of one input stand in the run, and how they are written."""

    manifest: str
    form: Format
    by_lines: bool
    """Whether its rows are written as lines as soon as they are judged."""
    stem: str
    """Name of what is written, without suffix."""
    below: str
    """Folder of its own below the action's, where two inputs have one name; else ""."""
    start: int
    stop: int


class OutputSpool:
    """The judged rows of a run on their way to the manifests.

    Args:
        run: The run folder; a temporary folder in it is emptied at the start and removed by ``close``.
        config: The config that decides.
        columns: What the written rows get beside id, action, codes and reasons.
    """

    def __init__(self, run: RunFolder, config: Config, columns: Sequence[WrittenColumn]) -> None:
        self._folder = run.path / f"{TMP_PREFIX}spool"
        self._written = columns
        self._columns = config.output.columns
        self.higher_is_better = {column.name: column.higher_is_better for column in columns}
        """Names of the columns of numbers -> which of several values is the worse one."""
        self._valued: set[str] = set()
        """The columns of which some row of the run has a value."""
        self._kinds: dict[int, set[str]] = {}
        """Number of an input -> the kinds of pairs of which it has media."""
        self._parts: list[tuple[Action, int, int, Path]] = []
        shutil.rmtree(self._folder, ignore_errors=True)
        for folder in FOLDERS.values():
            shutil.rmtree(_staging(run, folder), ignore_errors=True)
        self.inputs = _inputs(run, config)
        self.lines = LineSpool(
            self._folder,
            config.input,
            config.output,
            lambda action, number: _staging(run, FOLDERS[action]) / self.inputs[number].below,
        )
        """The rows of inputs whose format is one of lines."""

    def add(self, samples: pa.Table, measured: Mapping[str, pa.Table], verdicts: pa.Table) -> None:
        """Spool one group of shards.

        Raises:
            OutputError: If it cannot be written.
        """
        table = samples.append_column("action", verdicts["action"])
        if self._columns:
            for name, values in added_columns(measured, verdicts, self._written).items():
                table = table.append_column(name, values)
                if name not in TEXT_COLUMNS and values.null_count < len(values):
                    self._valued.add(name)
            self._note_kinds(samples)
        extras = [name for name in table.column_names if name not in samples.column_names and name != "action"]
        for action in pc.unique(verdicts["action"]).to_pylist():
            found = table.filter(pc.equal(table["action"], action)).combine_chunks()
            left = self._add_lines(Action(action), found, extras)
            if not left.num_rows:
                continue
            found = left.combine_chunks()
            part = self._folder / f"{len(self._parts):05d}.arrow"
            with atomic_path(part) as temporary, pa.OSFile(str(temporary), "wb") as sink:
                with pa.ipc.new_file(sink, found.schema) as writer:
                    writer.write_table(found, max_chunksize=_CHUNK)
            first, last = found["index"][0].as_py(), found["index"][-1].as_py()
            self._parts.append((Action(action), first, last + 1, part))

    def holds(self, action: Action, number: int) -> bool:
        """Return whether any sample of input ``number`` has this action."""
        found = self.inputs[number]
        if found.by_lines:
            return self.lines.holds(action, number)
        return any(True for _ in self._tables(action, found.start, found.stop))

    def added(self, number: int) -> Added:
        """Return the columns that every manifest of an input gets.

        What no row of the run has a value of is none, nor what is about pairs of a kind that the input has not.
        """
        if not self._columns:
            return {}
        texts: Added = dict.fromkeys(TEXT_COLUMNS, str)
        kinds = self._kinds.get(number, set())
        fitting = [column for column in self._written if column.kind is None or column.kind.name in kinds]
        return {**texts, **column_types(column for column in fitting if column.name in self._valued)}

    def _note_kinds(self, samples: pa.Table) -> None:
        index = samples["index"].to_numpy()
        for number, found in enumerate(self.inputs):
            first, last = np.searchsorted(index, (found.start, found.stop)).tolist()
            part = samples.slice(first, last - first)
            held = {kind.name for kind in PAIR_KINDS if part[kind.medium].null_count < part.num_rows}
            self._kinds.setdefault(number, set()).update(held)

    def rows(self, action: Action, number: int) -> Iterator[OutputRow]:
        """Yield the rows of input ``number`` with this action, in order; its format is not one of lines."""
        added = self.added(number)
        for table in self._tables(action, self.inputs[number].start, self.inputs[number].stop):
            names = [name for name in table.column_names if name in added]
            extras = [
                dict(zip(names, row, strict=True)) for row in zip(*(_values(table[n]) for n in names), strict=True)
            ]
            samples = table_to_samples(table)
            for at, sample in enumerate(samples):
                yield OutputRow(sample=sample, extra=extras[at] if self._columns else {})

    def close(self) -> None:
        """Remove the spool."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _add_lines(self, action: Action, table: pa.Table, extras: Sequence[str]) -> pa.Table:
        """Hand the rows of formats of lines on; return the others."""
        index = table["index"].to_numpy()
        others = []
        for number, found in enumerate(self.inputs):
            first, last = np.searchsorted(index, (found.start, found.stop)).tolist()
            if last > first:
                part = table.slice(first, last - first)
                if found.by_lines:
                    self.lines.add(action, number, part, extras)
                else:
                    others.append(part)
        return pa.concat_tables(others) if others else table.slice(0, 0)

    def _tables(self, action: Action, start: int, stop: int) -> Iterator[pa.Table]:
        for held, first, last, part in self._parts:
            if held is not action or last <= start or first >= stop:
                continue
            with pa.memory_map(str(part)) as source, pa.ipc.open_file(source) as reader:
                for number in range(reader.num_record_batches):
                    table = pa.Table.from_batches([reader.get_batch(number)])
                    if first < start or last > stop:
                        index = table["index"]
                        table = table.filter(pc.and_(pc.greater_equal(index, start), pc.less(index, stop)))
                    if table.num_rows:
                        yield table


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_floating(column.type) and column.null_count == 0:
        values: list[Any] = column.to_numpy().tolist()
        return values
    return list(column.to_pylist())


def write_manifests(run: RunFolder, config: Config, spool: OutputSpool, progress: Progress) -> None:
    """Write ``clean/``, ``flagged/``, ``quarantine/`` and ``unchecked/`` anew; files of others in them stay.

    Args:
        run: The run folder.
        config: The config that decided.
        spool: The judged rows.
        progress: Receives progress reports.

    Raises:
        OutputError: If the folder cannot be written.
    """
    progress.phase("writing manifests", len(FOLDERS) * len(spool.inputs))
    staged: dict[str, Path | None] = {}
    for action, folder in FOLDERS.items():
        staging = _staging(run, folder)
        written: set[Path] = set()
        for number, found in enumerate(spool.inputs):
            # An empty clean manifest says "nothing is left"; an empty quarantine is better no file at all.
            if action is Action.KEEP or spool.holds(action, number):
                target = staging / found.below
                target.mkdir(parents=True, exist_ok=True)
                files = _write(spool, action, number, target, config)
                if written.intersection(files):
                    raise RunError(
                        f"two inputs would be written to one file: {sorted(map(str, written.intersection(files)))}.",
                        hint="scan them into two runs, and please report this as a defect of mmcheck.",
                    )
                written.update(files)
            progress.advance()
        staged[folder] = staging if written else None
    place_folders(run.path, staged, progress)


def _write(spool: OutputSpool, action: Action, number: int, target: Path, config: Config) -> list[Path]:
    found = spool.inputs[number]
    if found.by_lines:
        return spool.lines.write(action, number, target, found.stem, found.manifest)
    rows = join_rows(spool.rows(action, number), spool.higher_is_better)
    return found.form.write(rows, target, found.stem, config.output, manifest=found.manifest, added=spool.added(number))


def _inputs(run: RunFolder, config: Config) -> list[InputRows]:
    entries = run.record.inputs
    stems = Counter(_stem(entry.manifest) for entry in entries)
    found: list[InputRows] = []
    start = 0
    for number, entry in enumerate(entries):
        stem = _stem(entry.manifest)
        form = open_format(entry.format, config, base=entry.base)
        found.append(
            InputRows(
                manifest=entry.manifest,
                form=form,
                # Rows with several texts are joined again, which lines that are written at once cannot be.
                by_lines=entry.base is None
                and writes_lines(form, config.input, config.output)
                and entry.rows_in_source == entry.rows,
                stem=stem,
                below="" if stems[stem] == 1 else f"{number:03d}",
                start=start,
                stop=start + entry.rows,
            )
        )
        start += entry.rows
    return found


def _staging(run: RunFolder, folder: str) -> Path:
    return run.path / f"{TMP_PREFIX}{folder}"


def _stem(manifest: str) -> str:
    return manifest.rstrip("/").rsplit("/", 1)[-1].partition(".")[0] or "manifest"
