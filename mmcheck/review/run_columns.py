"""What the review needs of every row, as arrays: ids, verdicts, and which rows are broken as such."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Mask, Rows
from mmcheck.core.types import Action
from mmcheck.store.run_folder import RunFolder

ACTIONS = tuple(action.value for action in Action)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunColumns:
    """Columns over all rows of a run, in its order."""

    ids: pa.Array
    """Sample ids, shape (rows,)."""
    actions: NDArray[np.int8]
    """Verdicts as indices into ``ACTIONS``, shape (rows,)."""
    broken: Mask
    """Rows that could not be read as a pair, about which nobody can decide, shape (rows,)."""

    def find(self, names: list[str]) -> dict[str, int]:
        """Return the numbers of the rows with these ids, of those that the run holds.

        Args:
            names: Ids, few: all rows are looked through once.
        """
        if not names:
            return {}
        rows = np.flatnonzero(pc.is_in(self.ids, value_set=pa.array(names, self.ids.type)).to_numpy(False))
        return dict(zip(self.ids.take(pa.array(rows)).to_pylist(), rows.tolist(), strict=True))

    def with_action(self, action: Action) -> Rows:
        """Return the numbers of the rows with a verdict, the broken ones left out."""
        return np.flatnonzero((self.actions == ACTIONS.index(action.value)) & ~self.broken)


def read_columns(run: RunFolder) -> RunColumns:
    """Return the columns of a judged run.

    Raises:
        RunError: If it was not judged yet, or a part is missing or damaged.
    """
    samples = run.samples_table(["id", "problem"])
    verdicts = run.verdicts_table(["action"])
    codes = pc.index_in(verdicts["action"], value_set=pa.array(ACTIONS))
    rows = samples.num_rows
    if "problem" in samples.column_names:
        broken = samples["problem"].is_valid().to_numpy()
    else:
        broken = np.zeros(rows, dtype=bool)
    # Ids of many rows pass the 2 GiB that 32-bit offsets can hold.
    ids = samples["id"].cast(pa.large_string()).combine_chunks()
    return RunColumns(ids=ids, actions=codes.to_numpy().astype(np.int8), broken=np.asarray(broken, dtype=bool))


def read_metric(run: RunFolder, name: str) -> Floats:
    """Return the values of a metric over all rows, NaN where absent, shape (rows,)."""
    probe, _, short = name.partition(".")
    table = run.measurements_table(probe, [short])
    if short not in table.column_names:
        return np.full(run.record.rows, np.nan)
    return np.asarray(table[short].cast("float64").to_numpy(), dtype=np.float64)
