"""Writing what was decided: one manifest an action and input, in the input's format, rows whole.

Judging has every table of a group of shards in memory; what the manifests need of them is spooled to one file a group,
so that each action's manifest is one sweep over few large files instead of thousands of small parts.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.atomic import TMP_PREFIX, atomic_path
from mmcheck.core.errors import RunError
from mmcheck.core.types import Action
from mmcheck.formats.base import OutputRow
from mmcheck.run.plan import open_format
from mmcheck.run.progress import Progress
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.schema import SAMPLES, table_to_samples

FOLDERS = {
    Action.KEEP: "clean",
    Action.FLAG: "flagged",
    Action.QUARANTINE: "quarantine",
    Action.UNCHECKED: "unchecked",
}
_EXTRA = "mmcheck_"
_CHUNK = 4096


class OutputSpool:
    """The judged rows of a run on their way to the manifests.

    Args:
        folder: A temporary folder; emptied at the start, removed by ``close``.
        metrics: Full names of the metrics that become ``mmcheck_<probe>_<metric>`` columns.
        columns: Whether any ``mmcheck_*`` column is wanted.
    """

    def __init__(self, folder: Path, metrics: Sequence[str], *, columns: bool) -> None:
        self._folder = folder
        self._metrics = metrics
        self._columns = columns
        self._parts: list[tuple[Action, int, int, Path]] = []
        shutil.rmtree(folder, ignore_errors=True)

    def add(self, samples: pa.Table, measured: Mapping[str, pa.Table], verdicts: pa.Table) -> None:
        """Spool one group of shards.

        Raises:
            OutputError: If it cannot be written.
        """
        table = samples.append_column("action", verdicts["action"])
        if self._columns:
            table = table.append_column(f"{_EXTRA}id", verdicts["sample_id"])
            table = table.append_column(f"{_EXTRA}action", verdicts["action"])
            table = table.append_column(f"{_EXTRA}codes", verdicts["codes"])
            table = table.append_column(f"{_EXTRA}reasons", _messages(verdicts["findings"]))
            for metric in self._metrics:
                probe, _, short = metric.partition(".")
                if probe in measured and short in measured[probe].column_names:
                    values = pc.round(measured[probe][short], 6)
                    table = table.append_column(f"{_EXTRA}{probe}_{short}", values)
        for action in pc.unique(verdicts["action"]).to_pylist():
            found = table.filter(pc.equal(table["action"], action)).combine_chunks()
            part = self._folder / f"{len(self._parts):05d}.arrow"
            with atomic_path(part) as temporary, pa.OSFile(str(temporary), "wb") as sink:
                with pa.ipc.new_file(sink, found.schema) as writer:
                    writer.write_table(found, max_chunksize=_CHUNK)
            first, last = found["index"][0].as_py(), found["index"][-1].as_py()
            self._parts.append((Action(action), first, last + 1, part))

    def holds(self, action: Action, start: int, stop: int) -> bool:
        """Return whether any sample of ``start:stop`` has this action."""
        return any(True for _ in self._tables(action, start, stop))

    def rows(self, action: Action, start: int, stop: int) -> Iterator[OutputRow]:
        """Yield the rows of ``start:stop`` with this action, in order."""
        for table in self._tables(action, start, stop):
            names = [name for name in table.column_names if name.startswith(_EXTRA)]
            extras = [
                dict(zip(names, row, strict=True)) for row in zip(*(_values(table[n]) for n in names), strict=True)
            ]
            samples = table_to_samples(table.select(SAMPLES.names))
            for number, sample in enumerate(samples):
                yield OutputRow(sample=sample, extra=extras[number] if self._columns else {})

    def close(self) -> None:
        """Remove the spool."""
        shutil.rmtree(self._folder, ignore_errors=True)

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


def _messages(findings: pa.ChunkedArray) -> pa.Array:
    """Return the findings' messages, a list a sample."""
    joined = findings.combine_chunks()
    return pa.ListArray.from_arrays(joined.offsets, joined.values.field("message"))


def write_manifests(run: RunFolder, config: Config, spool: OutputSpool, progress: Progress) -> None:
    """Write ``clean/``, ``flagged/``, ``quarantine/`` and ``unchecked/`` anew.

    Args:
        run: The run folder.
        config: The config that decided.
        spool: The judged rows.
        progress: Told what happens.

    Raises:
        OutputError: If the folder cannot be written.
    """
    inputs = run.metadata["inputs"]
    progress.phase("writing manifests", len(FOLDERS) * len(inputs))
    stems = Counter(_stem(entry["manifest"]) for entry in inputs)
    for action, folder in FOLDERS.items():
        final = run.path / folder
        staging = run.path / f"{TMP_PREFIX}{folder}"
        shutil.rmtree(staging, ignore_errors=True)
        written: set[Path] = set()
        start = 0
        for number, entry in enumerate(inputs):
            stop = start + entry["rows"]
            # An empty clean manifest says "nothing is left"; an empty quarantine is better no file at all.
            if action is Action.KEEP or spool.holds(action, start, stop):
                stem = _stem(entry["manifest"])
                target = staging if stems[stem] == 1 else staging / f"{number:03d}"
                target.mkdir(parents=True, exist_ok=True)
                rows = spool.rows(action, start, stop)
                writer = open_format(entry["format"], config)
                files = writer.write(rows, target, stem, config.output, manifest=entry["manifest"])
                if written.intersection(files):
                    raise RunError(
                        f"two inputs would be written to one file: {sorted(map(str, written.intersection(files)))}.",
                        hint="scan them into two runs, and please report this as a defect of mmcheck.",
                    )
                written.update(files)
            start = stop
            progress.advance()
        shutil.rmtree(final, ignore_errors=True)
        if written:
            with atomic_path(final) as temporary:
                staging.rename(temporary)


def _stem(manifest: str) -> str:
    return manifest.rstrip("/").rsplit("/", 1)[-1].partition(".")[0] or "manifest"
