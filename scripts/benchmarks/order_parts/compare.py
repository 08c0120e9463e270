"""What two runs of the same rows in other orders, batches or threads say otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from mmcheck.api import Run
from scripts.benchmarks.order_parts.sets import ROW


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two runs differ."""

    rows: int
    verdicts: int
    """Rows with another verdict."""
    codes: int
    """Rows with other findings."""
    values: dict[str, float]
    """Metric -> its largest difference, NaN where a value is there in one run only; metrics without any left out."""
    example: str
    """The first row that differs, with both verdicts; "" if none does."""

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "rows": self.rows,
            "verdicts": self.verdicts,
            "codes": self.codes,
            "values": self.values,
            "example": self.example,
        }


def compare_runs(one: Run, other: Run) -> Difference:
    """Return how the second run differs from the first, row by row as the column ``ROW`` tells them."""
    first, second = _by_row(one), _by_row(other)
    if first[ROW].to_pylist() != second[ROW].to_pylist():
        raise ValueError(f"{one} and {other} hold other rows")
    actions = [table["action"].to_pylist() for table in (first, second)]
    codes = [[sorted(listed or ()) for listed in table["codes"].to_pylist()] for table in (first, second)]
    odd = [row for row in range(len(first)) if any(part[0][row] != part[1][row] for part in (actions, codes))]
    example = ""
    if odd:
        told = [
            f"{action[odd[0]]} {' '.join(code[odd[0]])}".strip() for action, code in zip(actions, codes, strict=True)
        ]
        example = f"{first['id'][odd[0]].as_py()}: {told[0]} / {told[1]}"
    return Difference(
        rows=len(first),
        verdicts=sum(a != b for a, b in zip(*actions, strict=True)),
        codes=sum(a != b for a, b in zip(*codes, strict=True)),
        values=_differing_values(first, second),
        example=example,
    )


def _by_row(run: Run) -> pa.Table:
    table = run.samples().to_arrow()
    numbers = [json.loads(row)[ROW] for row in table["row"].to_pylist()]
    return table.append_column(ROW, pa.array(numbers)).sort_by(ROW)


def _differing_values(first: pa.Table, second: pa.Table) -> dict[str, float]:
    found = {}
    for name in first.column_names:
        if "." not in name or not pt.is_floating(first[name].type) or name not in second.column_names:
            continue
        a, b = (np.array(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)) for table in (first, second))
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            found[name] = float("nan")
        elif (largest := float(np.nanmax(np.abs(a - b), initial=0.0))) > 0:
            found[name] = largest
    return found
