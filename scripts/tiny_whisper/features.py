"""Log-mel features, exactly those that faster-whisper feeds at inference."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUM_MELS: Final = 80
FRAMES_PER_SECOND: Final = 100
FULL_FRAMES: Final = 3000
"""faster-whisper pads every window with zeros, in log-mel space, to this many frames."""


@cache
def _extractor() -> FeatureExtractor:
    return FeatureExtractor(feature_size=NUM_MELS)


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the log-mel frames of a clip, shape (frames, 80), without any padding.

    faster-whisper computes one frame more than the clip is long and then leaves it out; so does this.

    Args:
        samples: Mono samples at 16 kHz, shape (n,), at least 400.
    """
    features: NDArray[np.float32] = _extractor()(samples)
    return np.ascontiguousarray(features[:, :-1].T, dtype=np.float32)
