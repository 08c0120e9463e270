"""Where somebody speaks: the Silero voice-activity model that faster-whisper ships (no download, 1 MB, ONNX).

Silero VAD: https://github.com/snakers4/silero-vad (MIT). The model sees windows of 32 ms at 16 kHz; the segments
are made from its probabilities by hysteresis, as in Silero's own code (faster-whisper's ``get_speech_timestamps``).
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np

from mmcheck.core.errors import MissingDependency

SAMPLING_RATE = 16_000
"""Hz; the only rate that is taken."""

_lock = threading.Lock()
_is_loaded = False


def load() -> None:
    """Load the model once for the whole process; ``speech_segments`` does so itself when needed.

    Raises:
        MissingDependency: If faster-whisper or onnxruntime is not installed.
    """
    global _is_loaded
    with _lock:
        if _is_loaded:
            return
        try:
            import onnxruntime
            from faster_whisper.vad import get_vad_model

            # Where somebody imported onnxruntime before us, the variable that keeps it quiet came too late.
            onnxruntime.disable_telemetry_events()
            onnxruntime.set_default_logger_severity(3)
            # One ONNX session with one thread, kept by faster-whisper; its run() may be called from many threads.
            get_vad_model()
        except (ImportError, RuntimeError) as error:
            raise MissingDependency(
                f"voice activity needs faster-whisper and onnxruntime: {error}",
                hint="pip install faster-whisper onnxruntime, or set probes.media.vad=false.",
            ) from error
        _is_loaded = True


def find_model_file() -> Path | None:
    """Return the ONNX file (the encoder, where there are two) without importing faster-whisper; None if not there."""
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or not spec.submodule_search_locations:
        return None
    assets = Path(spec.submodule_search_locations[0]) / "assets"
    return next(iter(sorted(assets.glob("silero*.onnx"))), None)


def speech_segments(
    samples: np.ndarray[Any, np.dtype[np.float32]],
    *,
    threshold: float = 0.5,
    min_speech_seconds: float = 0.1,
    min_silence_seconds: float = 0.3,
    pad_seconds: float = 0.03,
    max_speech_seconds: float = float("inf"),
) -> list[tuple[float, float]]:
    """Return the stretches with speech as (start, end) in seconds, in order, not overlapping. Thread-safe.

    Args:
        samples: [n] float32 in [-1, 1], 16 kHz, mono.
        threshold: Speech probability, 0 to 1 exclusive, at which a stretch begins; it ends 0.15 below.
        min_speech_seconds: Shorter stretches are clicks and left out.
        min_silence_seconds: Shorter gaps do not end a stretch.
        pad_seconds: Added on either side.
        max_speech_seconds: Longer stretches are cut, at a pause where there is one.

    Raises:
        MissingDependency: As ``load``.
    """
    if samples.ndim != 1:
        raise ValueError(f"samples must have one dimension, but have shape {samples.shape}.")
    if len(samples) == 0:
        return []
    load()
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=threshold,
        min_speech_duration_ms=round(min_speech_seconds * 1000),
        min_silence_duration_ms=round(min_silence_seconds * 1000),
        speech_pad_ms=round(pad_seconds * 1000),
        max_speech_duration_s=max_speech_seconds,
    )
    found = get_speech_timestamps(np.ascontiguousarray(samples, dtype=np.float32), options)
    end = len(samples)
    spans = ((max(0, span["start"]), min(end, span["end"])) for span in found)
    return [(low / SAMPLING_RATE, high / SAMPLING_RATE) for low, high in spans if high > low]
