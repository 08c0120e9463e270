"""The measurements of many samples, column by column, as the rules want them.

A rule asks for a metric, a status or a text and gets one array over all rows, so judging costs numpy speed however
many rows there are. Inside the arrays an absent value is NaN; that NaN never leaves this layer, because every
comparison with it is false and a finding is made only where a comparison was true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.arrays import Mask
from mmcheck.core.errors import RunError
from mmcheck.core.languages import primary_code
from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.types import Status
from mmcheck.judge.column_values import find_number
from mmcheck.judge.columns import column_name, is_column, read_values
from mmcheck.store.schema import metric_columns


class JudgeTable:
    """Samples and their measurements, row by row in the same order.

    Args:
        samples: The columns of ``mmcheck.store.schema.SAMPLES`` that judging needs.
        measurements: Probe or analysis name -> its measurements of the same samples in the same order; checked where
            they have the column ``sample_id``.
        columns: The manifest's own columns that rules look at: they are read together, in one sweep over the rows.
        earlier: Column -> 0-based row of the table -> where its value stood before, in words; of columns that are
            looked at over the whole run.

    Raises:
        RunError: If a measurements table does not belong to these samples.
    """

    def __init__(
        self,
        samples: pa.Table,
        measurements: Mapping[str, pa.Table],
        *,
        columns: Sequence[str] = (),
        earlier: Mapping[str, Mapping[int, str]] | None = None,
    ) -> None:
        self._samples = samples
        self._measurements = dict(measurements)
        self._columns = tuple(columns)
        self._cells: dict[str, list[Any]] = {}
        self._earlier = dict(earlier or {})
        self._values: dict[str, NDArray[np.float64]] = {}
        self._masks: dict[tuple[str, str], Mask] = {}
        for probe, table in self._measurements.items():
            self._check_alignment(probe, table)

    @property
    def num_rows(self) -> int:
        """Return the number of samples."""
        return int(self._samples.num_rows)

    @cached_property
    def ids(self) -> pa.Array:
        """Return the sample ids, an Arrow string array."""
        return _strings(self._samples["id"])

    @property
    def probes(self) -> list[str]:
        """Return the probes that ran; analyses, and probes that only serve another one's null, are left out."""
        return [name for name in self._measurements if name not in ANALYSES and not _serves(name)]

    def values(self, metric: str) -> NDArray[np.float64]:
        """Return the values of ``<probe>.<metric>`` or ``column.<name>``, one a row; NaN where there is no number."""
        if metric not in self._values and is_column(metric):
            numbers = (find_number(value) for value in self.column(column_name(metric)))
            self._values[metric] = np.array([np.nan if number is None else number for number in numbers])
        if metric not in self._values:
            probe, _, short = metric.partition(".")
            table = self._measurements.get(probe)
            if table is None or short not in table.column_names:
                found = np.full(self.num_rows, np.nan)
            else:
                column = _combined(table[short]).cast(pa.float64())
                filled = pc.fill_null(column, np.nan) if column.null_count else column
                found = np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.float64)
            self._values[metric] = found
        return self._values[metric]

    def status(self, probe: str) -> NDArray[np.object_] | None:
        """Return the status words of a probe, one a row (None where missing), or None if it did not run."""
        table = self._measurements.get(probe)
        if table is None:
            return None
        found: NDArray[np.object_] = _strings(_column(table, "status")).to_numpy(zero_copy_only=False)
        return found

    def has_status(self, probe: str, status: Status) -> Mask:
        """Return where a probe ended in ``status``; nowhere if it did not run."""
        key = (probe, status.value)
        if key not in self._masks:
            table = self._measurements.get(probe)
            if table is None:
                self._masks[key] = np.zeros(self.num_rows, dtype=bool)
            else:
                self._masks[key] = _mask(pc.equal(_strings(_column(table, "status")), status.value))
        return self._masks[key]

    def has_values(self, probe: str, metrics: Sequence[str] = ()) -> Mask:
        """Return where a probe is ``measured`` and holds a value.

        Args:
            probe: Name of the probe.
            metrics: Short names of the metrics that count; empty: any.
        """
        table = self._measurements.get(probe)
        found = np.zeros(self.num_rows, dtype=bool)
        if table is None:
            return found
        for name in metrics or metric_columns(table):
            found |= ~np.isnan(self.values(f"{probe}.{name}"))
        return found & self.has_status(probe, Status.MEASURED)

    def reasons(self, probe: str) -> pa.Array:
        """Return a probe's reasons for not measuring, an Arrow string array with nulls."""
        return self._strings_of(probe, "reason")

    def causes(self, probe: str) -> pa.Array:
        """Return the stable words for a probe's failures, an Arrow string array with nulls."""
        return self._strings_of(probe, "cause")

    def words(self, probe: str, column: str) -> pa.Array:
        """Return another column of text of a probe or analysis, an Arrow string array with nulls."""
        return self._strings_of(probe, column)

    def texts(self, column: str) -> pa.Array:
        """Return ``caption`` or ``transcript``, an Arrow string array with nulls."""
        return _strings(self._samples[column])

    def column(self, name: str) -> list[Any]:
        """Return the values of a column of the manifest, one a row; ``ABSENT`` where a row has no such column."""
        if name not in self._cells:
            names = dict.fromkeys((name, *(other for other in self._columns if other not in self._cells)))
            self._cells |= read_values(_strings(self._samples["row"]), tuple(names))
        return self._cells[name]

    def earlier(self, name: str) -> Mapping[int, str]:
        """Return the 0-based rows whose value of a column stood in the run before, and where, in words."""
        return self._earlier.get(name, {})

    @cached_property
    def languages(self) -> pa.Array:
        """Return the primary language codes in lower case (``en`` of ``en-US``), null where not known."""
        encoded = _strings(_column(self._samples, "language")).dictionary_encode()
        codes = pa.array([primary_code(language) for language in encoded.dictionary.to_pylist()], pa.string())
        return codes.take(encoded.indices)

    @cached_property
    def has_problem(self) -> Mask:
        """Return where the manifest row could not be read."""
        return _mask(pc.is_valid(self.problem_causes))

    @cached_property
    def problem_causes(self) -> pa.Array:
        """Return the stable words for broken rows, null where the row is sound."""
        return _strings(pc.struct_field(_combined(self._samples["problem"]), "cause"))

    @cached_property
    def problem_messages(self) -> pa.Array:
        """Return the sentences for broken rows, null where the row is sound."""
        return _strings(pc.struct_field(_combined(self._samples["problem"]), "message"))

    def has(self, column: str) -> Mask:
        """Return where a sample has an ``image``, ``audio``, ``caption`` or ``transcript`` (an empty text is one)."""
        key = ("has", column)
        if key not in self._masks:
            self._masks[key] = _mask(pc.is_valid(_combined(self._samples[column])))
        return self._masks[key]

    def _strings_of(self, probe: str, column: str) -> pa.Array:
        table = self._measurements.get(probe)
        return pa.nulls(self.num_rows, pa.string()) if table is None else _strings(_column(table, column))

    def _check_alignment(self, probe: str, table: pa.Table) -> None:
        if table.num_rows != self.num_rows:
            raise RunError(
                f"measurements of {probe!r} hold {table.num_rows} rows, but the run has {self.num_rows} samples.",
                hint="run the same `mmcheck scan` command again; it redoes what is missing.",
            )
        if (
            "sample_id" in table.column_names
            and not pc.all(pc.equal(_strings(table["sample_id"]), self.ids), min_count=0).as_py()
        ):
            raise RunError(
                f"measurements of {probe!r} belong to other samples than the run's, or are in another order.",
                hint="the run folder was changed by hand; scan again into a new one.",
            )


def _serves(probe: str) -> bool:
    return probe in PROBES and PROBES.get(probe).traits.serves is not None


def _column(table: pa.Table, name: str) -> pa.ChunkedArray | pa.Array:
    return table[name] if name in table.column_names else pa.nulls(table.num_rows, pa.string())


def _combined(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _strings(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return _combined(column).cast(pa.string())


def _mask(column: pa.ChunkedArray | pa.Array) -> Mask:
    filled = pc.fill_null(column, False) if column.null_count else column
    found: Mask = filled.to_numpy(zero_copy_only=False)
    return found
