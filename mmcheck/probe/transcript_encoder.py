"""Which model encodes for verification in int8: the one that transcribes, where it is loaded in int8 anyway.

Where nothing is transcribed, one is loaded for it. ``precision: auto`` has no weights converted for that, and does not
load the model a second time beside a transcription in another compute type; who asks for int8 by name gets both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmcheck.backends.precision import has_int8_flags
from mmcheck.config import TranscriptConfig
from mmcheck.core.errors import ConfigError

if TYPE_CHECKING:
    from mmcheck.backends.whisper_weights import WhisperFolder

_INT8 = ("int8", "int8_float32")
"""Compute types whose values are the same on a CPU."""


def refuse_int8(options: TranscriptConfig, device: str, backend: str) -> None:
    """Refuse int8 on a GPU; with ctranslate2 the option means nothing.

    Raises:
        ConfigError: If it is asked for.
    """
    if options.precision == "int8" and backend == "transformers" and device != "cpu":
        raise ConfigError(
            f"probes.transcript.precision is int8, which is for a CPU, but the probe runs on {device}.",
            hint="set it to auto or float16, or run.device to cpu.",
        )


def find_int8_encoder(options: TranscriptConfig, device: str, folder: WhisperFolder, transcribing: Any) -> Any:
    """Return the ``ctranslate2.models.Whisper`` that encodes in int8; None if torch shall encode.

    Args:
        options: Section ``probes.transcript`` of the config.
        device: ``cpu`` or ``cuda``.
        folder: The weights.
        transcribing: The ``faster_whisper.WhisperModel`` that transcribes; None if none is loaded.

    Raises:
        WeightsError: If the weights cannot be converted or loaded.
        OutputError: If they have to be converted and the cache cannot be written.
    """
    is_named = options.precision == "int8"
    if not is_named and not (options.precision == "auto" and device == "cpu" and has_int8_flags()):
        return None
    if transcribing is not None and str(transcribing.model.compute_type) in _INT8:
        return transcribing.model
    if not is_named and (transcribing is not None or folder.ctranslate2 is None):
        return None
    from mmcheck.backends.whisper_transcriber import load_faster_whisper
    from mmcheck.backends.whisper_weights import ensure_ctranslate2

    return load_faster_whisper(ensure_ctranslate2(folder), device=device, compute_type="int8").model
