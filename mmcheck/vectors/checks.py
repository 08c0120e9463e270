"""Whether single vectors can be used: finite, not zero, brought to unit length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Mask, Vectors

LENGTH_TOLERANCE = 0.01
"""Deviation from length 1 that is told of. Our own choice: half precision leaves less than a thousandth."""
SOUND, ABSENT, NOT_FINITE, ZERO = range(4)
"""What a vector may be. Our own choice: the numbers only tell them apart."""
REASONS = {ABSENT: "is missing", NOT_FINITE: "holds NaN or infinity", ZERO: "is zero"}
"""Why a vector cannot be used, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class CheckedVectors:
    """Vectors of some rows."""

    unit: Vectors
    """Of length 1, zeros where there is none that can be used, shape (n, d)."""
    state: NDArray[np.int8]
    """``SOUND`` or why not, shape (n,)."""
    num_normalised: int
    """Vectors that were not of length 1 before."""

    @property
    def is_sound(self) -> Mask:
        """Return which can be used, shape (n,)."""
        sound: Mask = self.state == SOUND
        return sound


def check_vectors(block: NDArray[np.generic]) -> CheckedVectors:
    """Return vectors brought to unit length, and which of them cannot be used.

    Args:
        block: Floats of any width, shape (n, d); a row of NaN alone stands for no vector.
    """
    with np.errstate(over="ignore"):
        vectors = np.array(block, dtype=np.float32)
    finite = np.isfinite(vectors)
    state = np.full(len(vectors), SOUND, dtype=np.int8)
    state[~finite.all(axis=1)] = NOT_FINITE
    state[np.isnan(vectors).all(axis=1)] = ABSENT
    vectors[state != SOUND] = 0
    # By the largest number first, so that no square overflows or vanishes.
    largest = np.abs(vectors).max(axis=1, initial=0)
    state[(state == SOUND) & (largest == 0)] = ZERO
    scaled = vectors / np.where(largest > 0, largest, 1)[:, None]
    lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    unit = scaled / np.maximum(lengths, 1e-12)[:, None]
    with np.errstate(over="ignore"):
        deviation = np.abs(lengths * largest - 1)
    return CheckedVectors(unit, state, int(((state == SOUND) & (deviation > LENGTH_TOLERANCE)).sum()))
