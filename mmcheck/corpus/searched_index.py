"""What is known of an index that was searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedIndex:
    """How large an index is, and how much of it was looked into."""

    kind: Literal["exact", "approximate"]
    """Whether every pair was compared, or only the cells near a query."""
    rows: int
    """Vectors in it."""
    dim: int
    """Numbers a vector."""
    cells: int
    """Parts that an approximate index is divided into."""
    probes: int
    """Cells looked into for each query."""
    recall: float | None
    """Share of true nearest neighbours found at the last measurement, 1 by definition for the exact index; None where
    it was not measured."""
    recall_checked: int
    """Neighbours looked for at that measurement."""
