"""How probable each edge of a one-to-one matching is, when every edge has odds of its own.

Taking each row's best column asks the wrong question where several columns fit about equally well: what settles it is
that a column can go to one row only. A caption that fits fifty images is spread thin over them, and the one image
whose other captions are all of that kind keeps its specific one. Sum-product message passing answers that for all
edges at once, in time linear in the edges; it is exact on trees and an approximation where edges form loops.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Rows


def match_probabilities(
    rows: Rows,
    columns: Rows,
    odds: NDArray[np.floating],
    *,
    num_rows: int,
    num_columns: int,
    iterations: int = 60,
    tolerance: float = 1e-4,
) -> Floats:
    """Return the probability of each edge in a random matching where each row and column has at most one edge.

    A matching's weight is the product of its edges' odds (Huang and Jebara, AISTATS 2009: belief propagation for the
    permanent; here with the choice to stay unmatched). A lone edge of odds w has probability w / (1 + w).

    Args:
        rows: Row of each edge, shape (e,), in [0, num_rows).
        columns: Column of each edge, shape (e,), in [0, num_columns).
        odds: Odds of the edge against both ends staying unmatched, shape (e,), finite and not negative.
        num_rows: Number of rows.
        num_columns: Number of columns.
        iterations: Rounds of messages at most.
        tolerance: Stop when no message moves by more.

    Returns:
        Probabilities in [0, 1], shape (e,). Around each row and each column they sum to about 1 at most.
    """
    weights = np.asarray(odds, dtype=np.float64)
    to_columns = np.ones(len(weights))
    to_rows = np.ones(len(weights))
    for _ in range(iterations):
        offered = weights * to_rows
        total = np.bincount(rows, offered, num_rows)[rows]
        # Never below 1: the subtraction may leave a trace of rounding.
        new_to_columns = 1.0 / (1.0 + np.maximum(total - offered, 0.0))
        asked = weights * new_to_columns
        total = np.bincount(columns, asked, num_columns)[columns]
        new_to_rows = 1.0 / (1.0 + np.maximum(total - asked, 0.0))
        moved = max(
            float(np.abs(new_to_columns - to_columns).max(initial=0.0)),
            float(np.abs(new_to_rows - to_rows).max(initial=0.0)),
        )
        to_columns, to_rows = new_to_columns, new_to_rows
        if moved <= tolerance:
            break
    joint = weights * to_columns * to_rows
    return np.asarray(joint / (1.0 + joint), dtype=np.float64)
