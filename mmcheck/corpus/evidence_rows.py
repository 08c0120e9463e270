"""Which rows get evidence: the worst of each figure, whatever limit a rule sets on it.

No analysis knows the rules' limits. A rule may be made stricter when a stored run is judged again, and still finds the
evidence beside the value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EVIDENCE_ROWS = 10_000
"""Rows of each figure that get evidence. Our own choice: a report shows some hundreds; bounds memory and disk."""
LEAST_EVIDENCE = 0.01
"""Value up to which there is nothing to show. Our own choice: one in a hundred, for probabilities and shares."""


def worst_rows(values: NDArray[np.floating], counted_from: float | None = None) -> NDArray[np.bool_]:
    """Return the ``EVIDENCE_ROWS`` rows of the largest values, of equal ones the first, and all that a summary counts.

    Args:
        values: A figure of all rows, higher is worse, shape (n,); NaN where there is none.
        counted_from: Value from which the analysis' own summary counts a row; None: it counts none.
    """
    plain = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0)
    rows = np.flatnonzero(plain > LEAST_EVIDENCE)
    if len(rows) > EVIDENCE_ROWS:
        rows = rows[np.argsort(-plain[rows], kind="stable")[:EVIDENCE_ROWS]]
    found = np.zeros(len(plain), dtype=bool)
    found[rows] = True
    return found if counted_from is None else found | (plain >= counted_from)
