"""Names of the arrays that travel between modules: what they hold, and how wide it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
AnyFloats = NDArray[np.floating]
Vectors = NDArray[np.float32]
"""Embeddings, one a row, in the precision that is computed with."""
StoredVectors = NDArray[np.floating]
"""Embeddings, one a row, in the precision that they are stored in."""
Halves = NDArray[np.float16]
"""Embeddings, one a row, in the precision that parts hold."""
Rows = NDArray[np.int64]
"""Numbers of rows, items or groups."""
Keys = NDArray[np.uint64]
"""64 bits that stand for a content; 0 where there is none."""
Mask = NDArray[np.bool_]
