"""The columns that are added to judged rows, the same wherever rows are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.decide.written_columns import PREFIX, WrittenColumn

TEXT_COLUMNS = tuple(f"{PREFIX}{name}" for name in ("id", "action", "codes", "reasons"))
"""Those that every row has, all of them texts."""


def added_columns(
    measured: Mapping[str, pa.Table], verdicts: pa.Table, columns: Sequence[WrittenColumn]
) -> dict[str, pa.Array | pa.ChunkedArray]:
    """Return the columns that are added to rows, row-aligned with their verdicts.

    Args:
        measured: Probe or analysis -> its columns, of these rows.
        verdicts: The verdicts of these rows.
        columns: What rows get beside id, action, codes and reasons; what was not measured is left out.
    """
    found: dict[str, pa.Array | pa.ChunkedArray] = {
        f"{PREFIX}id": verdicts["sample_id"],
        f"{PREFIX}action": verdicts["action"],
        # Texts, not lists: an empty list has no type in JSON, and files of other types do not load together.
        f"{PREFIX}codes": pc.binary_join(verdicts["codes"], ";"),
        f"{PREFIX}reasons": pc.binary_join(_messages(verdicts["findings"]), " "),
    }
    for column in columns:
        values = column.values(measured)
        if values is not None:
            found[column.name] = values
    return found


def _messages(findings: pa.ChunkedArray) -> pa.Array:
    """Return the findings' messages, a list a sample."""
    joined = findings.combine_chunks()
    return pa.ListArray.from_arrays(joined.offsets, joined.values.field("message"))
