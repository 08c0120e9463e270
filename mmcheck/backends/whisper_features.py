"""Log-mel features, the same for verification and for transcription.

A clip is shorter than Whisper's 30 s. What follows it is filled with zeros in log-mel space, as OpenAI's own
``transcribe`` and faster-whisper do (transformers' feature extractor pads the waveform instead, which gives the
clip's floor value). With zeros there is a second gain: they are what the convolutions assume beyond the edge anyway,
so a clip in a padded batch, its padding masked out, gives the very values that it gives alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLING_RATE = 16_000
"""Hz. Given by Whisper."""
HOP = 160
"""Samples a frame: 10 ms. Given by Whisper."""
FULL_FRAMES = 3000
"""Frames of a full window: 30 s. Given by Whisper."""
MAX_SAMPLES = FULL_FRAMES * HOP
"""Samples of a full window: 30 s."""
PADDING_FRAMES = 500
"""Frames of silence behind a clip in a padded window: 5 s. Measured: of 74 real recordings under whisper-base none then
loses a nat a token, or a nat at its end, against a full window; with 2 s 2 do, without silence 43 of 75."""
_MIN_SAMPLES = 400
"""Samples of the shortest sound; shorter ones are padded. Given by Whisper: the window of its Fourier transform."""

Features = NDArray[np.float32]


class LogMel:
    """Computes log-mel features.

    Args:
        bands: Mel bands that the model takes.
    """

    def __init__(self, bands: int) -> None:
        from faster_whisper.feature_extractor import FeatureExtractor

        self.bands = bands
        self._extract = FeatureExtractor(feature_size=bands)

    def __call__(self, samples: Features) -> Features:
        """Return features of shape (bands, frames), float32, without padding. Thread-safe.

        Args:
            samples: Mono at 16 kHz, shape (n,), at most 30 s; what is beyond is an error of the caller.

        Raises:
            ValueError: If there are more samples than one window holds.
        """
        if len(samples) > MAX_SAMPLES:
            raise ValueError(f"one window holds {MAX_SAMPLES} samples, but got {len(samples)}.")
        clip = np.nan_to_num(np.asarray(samples, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        if len(clip) < _MIN_SAMPLES:
            clip = np.pad(clip, (0, _MIN_SAMPLES - len(clip)))
        features: Features = self._extract(clip)
        # The extractor gives one frame more than the clip is long; faster-whisper leaves it out as well.
        return np.ascontiguousarray(features[:, : len(clip) // HOP], np.float32)


def window_frames(window: str, frames: int) -> int:
    """Return how many frames the encoder sees of a clip in one kind of window, at most those of a full one.

    Args:
        window: ``full`` (the clip filled up to 30 s), ``padded`` (the clip and some seconds of silence) or ``fitted``
            (the clip alone).
        frames: Frames of the clip.
    """
    if window == "full":
        return FULL_FRAMES
    return min(FULL_FRAMES, max(2, frames + (PADDING_FRAMES if window == "padded" else 0)))


def stack_features(clips: Sequence[Features], frames: int | None = None) -> Features:
    """Return clips as one batch, filled up with zeros.

    Args:
        clips: Features of shape (bands, n).
        frames: Length to fill up to; None for that of the longest, made even (the encoder halves it).

    Returns:
        Array of shape (clips, bands, frames), float32.
    """
    longest = max(clip.shape[1] for clip in clips)
    length = frames if frames is not None else longest + longest % 2
    batch = np.zeros((len(clips), clips[0].shape[0], length), np.float32)
    for row, clip in zip(batch, clips, strict=True):
        row[:, : clip.shape[1]] = clip
    return batch
