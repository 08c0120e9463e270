"""A run folder, for whoever reads one: the commands, the report, a notebook."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.config import Config, load_config
from mmcheck.core.errors import ConfigError, OutputError, RunError
from mmcheck.core.types import Metric, Shard
from mmcheck.store.absent_parts import refuse_absent_parts
from mmcheck.store.run_record import RUN_FILE, RunRecord, read_record
from mmcheck.store.run_summary import SUMMARY_VERSION, AnalysisSummary, RunSummary
from mmcheck.store.schema import (
    EMBEDDING_PREFIX,
    IDS_LABEL,
    SAMPLES,
    VERDICTS,
    digest_ids,
    load_json,
    measurements_to_table,
)
from mmcheck.store.schema_version import refuse_later
from mmcheck.store.seal import Damaged, check_part, check_yaml, read_json

_JSON_COLUMNS = ("row", "evidence")


class RunFolder:
    """The files of one run.

    Args:
        path: The folder given as ``--out``.

    Raises:
        OutputError: If it is not a run folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.run_file.is_file():
            raise OutputError(
                f"{self.path} is not a run folder: it has no run.json.",
                hint="give the folder that `mmcheck scan --out` was given.",
            )

    @property
    def run_file(self) -> Path:
        """Return the path of run.json."""
        return self.path / RUN_FILE

    @cached_property
    def record(self) -> RunRecord:
        """Return run.json: versions, inputs, probes with metrics and weights, engine, seed.

        Raises:
            RunError: If it is damaged, not mmcheck's, or of a later version that this one cannot read.
        """
        return read_record(self.path)

    @property
    def summary(self) -> RunSummary:
        """Return summary.json: rows_read, the four counts, findings by code, per-slice tables.

        Raises:
            RunError: If the run has not been judged yet, or a later version judged it.
        """
        file = self.path / "summary.json"
        if not file.is_file():
            raise RunError(
                f"{self.path} has no summary.json: the scan was interrupted before judging.",
                hint="run the same `mmcheck scan` command again; it continues where it stopped.",
            )
        found = _read_json(file)
        refuse_later(file, found, SUMMARY_VERSION)
        return cast(RunSummary, found)

    def config(self) -> Config:
        """Return the config that the run was last judged with.

        Raises:
            RunError: If it is damaged, was changed by hand, or names a part whose package is not installed.
        """
        file = self.path / "config.yaml"
        try:
            check_yaml(file)
            refuse_absent_parts(file)
            return load_config(file, extends="none")
        except (Damaged, ConfigError) as error:
            told = error.message if isinstance(error, ConfigError) else str(error)
            raise RunError(
                f"{file} is damaged: {told.rstrip('.')}.",
                hint="run the same `mmcheck scan` command again; it writes the file again and measures nothing twice. "
                "To judge by rules of your own, give a file of your own: mmcheck judge RUN --config FILE.",
            ) from error

    def shards(self) -> list[Shard]:
        """Return the shards of the run, in order."""
        return self.record.shards()

    def probes(self) -> list[str]:
        """Return the names of the stored measurement sets, analyses included, in the order they were made."""
        return list(self.record.measured())

    def metrics(self) -> dict[str, Metric]:
        """Return the metrics that the stored measurements hold, by full name."""
        return {metric.name: metric for part in self.record.measured().values() for metric in part.metrics}

    def samples_part(self, shard: Shard) -> Path:
        """Return the path of a shard's samples."""
        return self.path / "samples" / shard.part

    def measurements_part(self, probe: str, shard: Shard) -> Path:
        """Return the path of a shard's measurements by one probe or analysis."""
        return self.path / "measurements" / probe / shard.part

    def analysis_summary_file(self, name: str) -> Path:
        """Return the path of what an analysis found of the whole set."""
        return self.path / "measurements" / name / "summary.json"

    def find_analysis_summary(self, name: str) -> AnalysisSummary:
        """Return what an analysis found of the whole set; empty if it did not run (to its end)."""
        file = self.analysis_summary_file(name)
        return cast(AnalysisSummary, _read_json(file)) if file.is_file() else {}

    def verdicts_part(self, shard: Shard) -> Path:
        """Return the path of a shard's verdicts."""
        return self.path / "verdicts" / shard.part

    def samples_table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the samples of the whole run (only ``columns``, if given)."""
        return self._concat((self.samples_part(shard) for shard in self.shards()), columns, SAMPLES)

    def measurements_table(
        self, probe: str, columns: Sequence[str] | None = None, *, embeddings: bool = False
    ) -> pa.Table:
        """Return what one probe or analysis measured in the whole run, row-aligned with the samples.

        Args:
            probe: Its name.
            columns: Only these; None: all (without the embeddings, unless ``embeddings``).
            embeddings: Whether the ``embedding.<name>`` columns come along.
        """
        if embeddings and columns is None:
            parts = [self.measurements_part(probe, shard) for shard in self.shards()]
            columns = list(dict.fromkeys(name for part in parts for name in column_names(part))) or None
        made_by = self.record.measured().get(probe)
        metrics = made_by.metrics if made_by is not None else ()
        schema = measurements_to_table([], metrics).schema
        return self._concat((self.measurements_part(probe, shard) for shard in self.shards()), columns, schema)

    def verdicts_table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the verdicts of the whole run, row-aligned with the samples."""
        return self._concat((self.verdicts_part(shard) for shard in self.shards()), columns, VERDICTS)

    def _concat(self, parts: Iterator[Path], columns: Sequence[str] | None, schema: pa.Schema) -> pa.Table:
        wanted = list(columns) if columns is not None else None
        tables = [read_part(part, wanted) for part in parts]
        if tables:
            # A shard without a single embedding lacks that column; promotion fills it with nulls.
            return pa.concat_tables(tables, promote_options="default")
        empty = schema.empty_table()
        return empty if wanted is None else empty.select([name for name in wanted if name in schema.names])


class StoredShard:
    """One shard's stored tables, read when asked for.

    Args:
        run: The run folder.
        shard: The shard.
        names: Probes and analyses that may be read; None: all that the run holds.
    """

    def __init__(self, run: RunFolder, shard: Shard, names: Collection[str] | None = None) -> None:
        self._run = run
        self._shard = shard
        self._names = run.probes() if names is None else names

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the shard's samples (only ``columns``, if given)."""
        return read_part(self._run.samples_part(self._shard), columns)

    def measurements(self, probe: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Return what a probe or analysis measured, row-aligned with the samples, or None if it did not run."""
        if probe not in self._names:
            return None
        return read_part(self._run.measurements_part(probe, self._shard), columns)


def read_part(part: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return one part without its labels.

    Args:
        part: The file.
        columns: Their names; absent ones are left out. None: all but the embeddings, which are most of the bytes.

    Raises:
        RunError: If it is missing or damaged.
    """
    return _read_table(part, columns).replace_schema_metadata(None)


def read_measured(part: Path, columns: Sequence[str]) -> tuple[pa.Table, str]:
    """Return columns of one part of measurements, and the digest of its sample ids, which are not read for it.

    Args:
        part: The file.
        columns: Their names, without ``sample_id``; absent ones are left out.

    Raises:
        RunError: If it is missing or damaged.
    """
    table = _read_table(part, columns)
    digest = (table.schema.metadata or {}).get(f"mmcheck.{IDS_LABEL}".encode())
    if digest is None:  # a part that an earlier version wrote
        return table.replace_schema_metadata(None), digest_ids(read_part(part, ["sample_id"])["sample_id"])
    return table.replace_schema_metadata(None), digest.decode()


def column_names(part: Path) -> list[str]:
    """Return the names of a part's columns, embeddings included.

    Raises:
        RunError: If it is missing or damaged.
    """
    try:
        return list(pq.read_schema(part).names)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(part, error) from error


def _read_table(part: Path, columns: Sequence[str] | None) -> pa.Table:
    try:
        # Mapped, so that embeddings, which are most of the bytes, cost nothing where they are not asked for.
        with pa.memory_map(str(part)) as source:
            data = source.read_buffer()
            wants_embeddings = any(name.startswith(EMBEDDING_PREFIX) for name in columns or ())
            is_sealed = check_part(memoryview(data), embeddings=wants_embeddings)
            # ParquetFile, not read_table: the latter imports pyarrow.dataset (and pandas, where there is one).
            with pq.ParquetFile(pa.BufferReader(data)) as file:
                names = file.schema_arrow.names
                plain = [name for name in names if not name.startswith(EMBEDDING_PREFIX)]
                chosen = plain if columns is None else columns
                # Parts are small: handing their columns to a thread pool costs more than reading them.
                table = file.read([name for name in chosen if name in names], use_threads=False)
            if not is_sealed:
                _look_over(table)
            return table
    except (OSError, pa.ArrowException, ValueError, Damaged) as error:
        raise _damaged(part, error) from error


def _look_over(table: pa.Table) -> None:
    """Look for damage in a part of a version that wrote no seals, as far as it can be seen.

    Raises:
        ArrowInvalid: If a column is impossible.
        ValueError: If a text that should be JSON is none.
    """
    table.validate(full=True)
    for name in _JSON_COLUMNS:
        if name in table.column_names:
            for text in table[name].to_pylist():
                if text is not None:
                    load_json(text)


def _damaged(part: Path, error: Exception) -> RunError:
    told = " ".join(str(error).split())[:200]
    if part.parent.name == "verdicts":
        hint = "`mmcheck judge` writes the verdicts again."
    else:
        hint = "run the same `mmcheck scan` command again; it redoes only what is missing or damaged."
    return RunError(f"{part} is missing or damaged ({told}).", hint=hint)


def _read_json(file: Path) -> dict[str, object]:
    try:
        return read_json(file)
    except Damaged as error:
        raise RunError(
            f"{file} is damaged: {error}.",
            hint="run the same `mmcheck scan` command again; it redoes only what is damaged.",
        ) from error
