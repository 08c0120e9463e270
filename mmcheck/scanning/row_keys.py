"""What a stored sample offers to be known again by: a column of its row, its id, or where its medium lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from mmcheck.core.arrays import Keys
from mmcheck.core.json_row import load_json
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.vectors.columns import hash_texts

_BY_ROW, _BY_ID, _BY_PLACE = "row", "id", "place"


@dataclass(frozen=True, slots=True)
class RowKey:
    """One way to make keys of samples."""

    name: str
    """Column of the vectors."""
    of: str
    """What of the sample is compared with it."""

    @property
    def columns(self) -> list[str]:
        """Return the columns of the samples that are read."""
        return [{_BY_ROW: "row", _BY_ID: "id", _BY_PLACE: IMAGE_CAPTION.medium}[self.of]]

    @property
    def is_named(self) -> bool:
        """Return whether the rows have a column of the same name."""
        return self.of == _BY_ROW

    def values(self, table: pa.Table) -> list[object]:
        """Return the keys of samples."""
        column = table[self.columns[0]].to_pylist()
        if self.of == _BY_ROW:
            return [row.get(self.name) for row in parse_rows(column)]
        if self.of == _BY_PLACE:
            return [None if ref is None else ref["member"] or ref["uri"] for ref in column]
        return list(column)

    def hashes(self, table: pa.Table) -> Keys:
        """Return the hashes of the keys of samples, shape (n,)."""
        return hash_texts(self.values(table))

    def __str__(self) -> str:
        """Return how people would say it."""
        told = {_BY_ROW: f"column {self.name}", _BY_ID: "id", _BY_PLACE: "path"}[self.of]
        return f"{self.name} of the vectors and {told} of the rows"


def row_keys(names: Sequence[str]) -> list[RowKey]:
    """Return the ways to compare columns of the vectors with samples, the surest first."""
    return [RowKey(name, of) for name in names for of in (_BY_ROW, _BY_PLACE, _BY_ID)]


def parse_rows(texts: Sequence[str]) -> list[dict[str, object]]:
    """Return stored rows as mappings; what is none is empty."""
    rows = (load_json(text) for text in texts)
    return [row if isinstance(row, dict) else {} for row in rows]
