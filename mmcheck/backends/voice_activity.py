"""Where somebody speaks: the Silero voice-activity model that faster-whisper ships (no download, 1 MB, ONNX).

Silero VAD: https://github.com/snakers4/silero-vad (MIT). The model sees windows of 32 ms at 16 kHz; ``speech_spans``
makes the stretches of its probabilities. Only the file is taken from faster-whisper: importing that package loads
CTranslate2 and, with some versions of it, torch, and a check of files must not depend on either.
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.backends.libraries import package_folder
from mmcheck.backends.speech_spans import WINDOW, SpanRules, find_spans
from mmcheck.core.errors import MissingDependency

SAMPLING_RATE = 16_000
"""Hz; the only rate that is taken. Given by Silero's voice detector."""

_CONTEXT = 64  # samples before a window that the model sees with it; given by Silero's voice detector
_STATE = (1, 1, 128)  # shape of the model's memory; given by Silero's voice detector
_BATCH = 10_000  # windows in one go: five minutes; our own choice: bounds memory

_lock = threading.Lock()


def load() -> None:
    """Load the model once for the whole process; ``speech_segments`` does so itself when needed.

    Raises:
        MissingDependency: If faster-whisper (1.2 or newer) or onnxruntime is not installed.
    """
    with _lock:
        _session()


@functools.cache
def _session() -> Any:
    """Return the ONNX session: one thread, and its run() may be called from many."""
    hint = "pip install 'faster-whisper>=1.2' onnxruntime, or set probes.media.vad=false."
    model = find_model_file()
    if model is None:
        raise MissingDependency(
            "voice activity needs the Silero model of faster-whisper, which is not there.", hint=hint
        )
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise MissingDependency(f"voice activity needs onnxruntime: {error}", hint=hint) from error
    # Where somebody imported onnxruntime before us, the variable that keeps it quiet came too late.
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"], sess_options=options)


def find_model_file() -> Path | None:
    """Return the ONNX file without importing faster-whisper; None if not there."""
    try:
        assets = package_folder("faster_whisper") / "assets"
    except MissingDependency:
        return None
    return next(iter(sorted(assets.glob("silero_vad*.onnx"))), None)


def speech_segments(
    samples: NDArray[np.float32],
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
    rules = SpanRules(
        rate=SAMPLING_RATE,
        threshold=threshold,
        # Whole milliseconds, as faster-whisper takes them.
        min_speech=SAMPLING_RATE * round(min_speech_seconds * 1000) / 1000,
        min_silence=SAMPLING_RATE * round(min_silence_seconds * 1000) / 1000,
        pad=SAMPLING_RATE * round(pad_seconds * 1000) / 1000,
        max_speech=SAMPLING_RATE * max_speech_seconds,
    )
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    spans = find_spans(_probabilities(samples).tolist(), len(samples), rules)
    return [(low / SAMPLING_RATE, high / SAMPLING_RATE) for low, high in spans if high > low]


def _probabilities(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of speech of each window, the last one filled up with silence."""
    windows = np.pad(samples, (0, WINDOW - len(samples) % WINDOW)).reshape(-1, WINDOW)
    before = np.zeros((len(windows), _CONTEXT), dtype=np.float32)
    before[1:] = windows[:-1, -_CONTEXT:]
    seen = np.concatenate([before, windows], axis=1)
    h, c = np.zeros(_STATE, dtype=np.float32), np.zeros(_STATE, dtype=np.float32)
    found = []
    for start in range(0, len(seen), _BATCH):
        output, h, c = _session().run(None, {"input": seen[start : start + _BATCH], "h": h, "c": c})
        found.append(output)
    return np.concatenate(found, axis=0)
