"""The slices of a run: rows with one value of a column, and how many of them have each outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from mmcheck.core.arrays import Floats, Mask
from mmcheck.core.errors import ConfigError
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.schema import load_json

NO_VALUE = "(none)"
"""Name of the slice of rows without a value."""
MAX_VALUES = 100_000
"""Values of a column by which rows are told apart. Our own choice: more are ids, and bound no memory."""
_STORED = ("language", "manifest")
_MAX_CHARS = 80  # characters of a value in a slice's name; our own choice: names stay readable


@dataclass(slots=True)
class SliceCounts:
    """The rows of one slice."""

    rows: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    """Outcome -> rows that have it."""
    judged: dict[str, int] = field(default_factory=dict)
    """Kind of pair -> rows with a probability of a mismatch."""
    expected: dict[str, float] = field(default_factory=dict)
    """Kind of pair -> sum of these."""


class SlicedRows:
    """Counts rows by one column as the shards go by.

    Args:
        column: ``language``, ``manifest``, or a key of the manifest rows; "" takes all rows for one slice.
    """

    def __init__(self, column: str) -> None:
        self.column = column
        self.slices: dict[str, SliceCounts] = {}
        self.is_known = column in ("", *_STORED)
        """Whether any row has the column."""

    @property
    def reads(self) -> str | None:
        """Return the column of the samples that is needed."""
        return None if not self.column else self.column if self.column in _STORED else "row"

    def add(self, samples: pa.Table, outcomes: Mapping[str, Mask], posteriors: Mapping[str, Floats]) -> None:
        """Count the rows of one shard.

        Args:
            samples: Its samples, with the column that is needed.
            outcomes: Outcome -> which rows have it, shape (n,).
            posteriors: Kind of pair -> probability of a mismatch, shape (n,); NaN where a row has none.

        Raises:
            ConfigError: If the column has too many values.
        """
        values, places = self._places(samples)
        size = len(values)
        rows = np.bincount(places, minlength=size)
        found = {name: np.bincount(places[mask], minlength=size) for name, mask in outcomes.items()}
        known = {kind: np.isfinite(values_) for kind, values_ in posteriors.items()}
        judged = {kind: np.bincount(places[mask], minlength=size) for kind, mask in known.items()}
        sums = {
            kind: np.bincount(places[mask], weights=posteriors[kind][mask], minlength=size)
            for kind, mask in known.items()
        }
        for place, value in enumerate(values):
            part = self.slices.setdefault(value, SliceCounts())
            part.rows += int(rows[place])
            for name, counts in found.items():
                part.outcomes[name] = part.outcomes.get(name, 0) + int(counts[place])
            for kind in posteriors:
                part.judged[kind] = part.judged.get(kind, 0) + int(judged[kind][place])
                part.expected[kind] = part.expected.get(kind, 0.0) + float(sums[kind][place])
        if len(self.slices) > MAX_VALUES:
            raise ConfigError(
                f"gate.per_slice: column {self.column!r} has more than {MAX_VALUES:,} values.",
                hint="name a column that puts rows into groups, such as language, manifest or a source.",
            )

    def _places(self, samples: pa.Table) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Return the values of a shard, and which one each row has."""
        if not self.column:
            return [""], np.zeros(samples.num_rows, dtype=np.int64)
        cells = samples[self.reads].to_pylist()
        if self.column not in _STORED:
            cells = [self._find(text) for text in cells]
        known: dict[str, int] = {}
        places = [known.setdefault(self._name(cell), len(known)) for cell in cells]
        return list(known), np.array(places, dtype=np.int64)

    def _find(self, row: str | None) -> object:
        value = load_json(row) if row else None
        if not isinstance(value, dict):
            return None
        inner = value.get("json")  # WebDataset and img2dataset keep a row's metadata there
        members = {**inner, **value} if isinstance(inner, dict) else value
        self.is_known = self.is_known or self.column in members
        found = members.get(self.column)
        return found if isinstance(found, str | int | float | bool) else None

    def _name(self, cell: object) -> str:
        if cell is None or cell == "":
            return NO_VALUE
        text = str(cell)
        # Paths of manifests differ at the end.
        return text[-_MAX_CHARS:] if self.column == "manifest" else text[:_MAX_CHARS]


def require_columns(columns: Sequence[SlicedRows], run: RunFolder) -> None:
    """Refuse columns that no row has.

    Raises:
        ConfigError: Naming the first one, and columns that there are.
    """
    absent = [sliced.column for sliced in columns if not sliced.is_known]
    if not absent or not run.record.rows:
        return
    rows = run.samples_table(["row"])["row"].slice(0, 100).to_pylist()
    names = dict.fromkeys(name for text in rows if isinstance(row := load_json(text), dict) for name in row)
    raise ConfigError(
        f"gate.per_slice: no row has a column {absent[0]!r}.",
        hint=f"columns are: {', '.join([*_STORED, *list(names)[:20]])}.",
    )
