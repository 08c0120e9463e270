"""Transcription with faster-whisper: evidence for pairs that look wrong, so it must give the same text every time.

Whisper is known to fall into loops and to hear "thank you" in silence. Its usual remedy is to sample at rising
temperatures; here decoding stays at temperature 0, the length is bounded by the clip's, and a loop is decoded once
more with repeated trigrams forbidden.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcheck.backends.devices import usable_cores
from mmcheck.backends.whisper_features import SAMPLING_RATE, Features
from mmcheck.core.errors import WeightsError

_MAX_COMPRESSION = 2.4
"""Text that zlib packs better than this is taken for a loop (OpenAI's and faster-whisper's default)."""
_TOKENS_A_SECOND = 15
"""Bound on the length of a transcription: more than any speaker and any tokenizer make of one second."""
_MIN_TOKENS, _MAX_TOKENS = 24, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """What the recogniser heard."""

    text: str
    """The words; "" if there is no speech."""
    language: str
    """Whisper's code: the forced one, or the detected."""
    language_probability: float
    """Its probability; 1 if it was forced."""
    avg_logprob: float | None
    """Mean log-probability of a token of its own text; None if there is none."""
    no_speech_prob: float | None
    """Probability of ``<|nospeech|>``; None if nothing was decoded."""
    is_repetitive: bool
    """Whether the text still repeats itself like a loop."""


def load_faster_whisper(folder: Path, *, device: str, compute_type: str) -> Any:
    """Return a ``faster_whisper.WhisperModel`` of a ctranslate2 folder; nothing is ever downloaded.

    Args:
        folder: Folder with model.bin, config.json, tokenizer.json and vocabulary.
        device: ``cpu`` or ``cuda``.
        compute_type: ctranslate2's name, or ``auto``: int8 on a CPU, float16 on a GPU.

    Raises:
        WeightsError: If the model cannot be loaded.
    """
    from faster_whisper import WhisperModel

    if not (folder / "tokenizer.json").is_file():
        raise WeightsError(
            f"the Whisper folder {folder} has no tokenizer.json.",
            hint="copy tokenizer.json of the original model into it; nothing is downloaded for a local folder.",
        )
    try:
        return WhisperModel(
            str(folder),
            device=device,
            compute_type=resolve_compute_type(compute_type, device),
            cpu_threads=0 if os.environ.get("OMP_NUM_THREADS") else usable_cores(),
            local_files_only=True,
        )
    except (ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(
            f"ctranslate2 cannot load {folder} on {device} with compute type {compute_type!r}: {reason}.",
            hint="set probes.transcript.compute_type to auto or float32.",
        ) from error


def resolve_compute_type(asked: str, device: str) -> str:
    """Return ctranslate2's compute type; ``auto`` is the fastest one that keeps Whisper's accuracy."""
    if asked != "auto":
        return asked
    return "float16" if device == "cuda" else "int8"


class WhisperTranscriber:
    """Transcribes clips of at most 30 s, one at a time, so that no text depends on its neighbours.

    Args:
        model: From ``load_faster_whisper``.
        beam_size: Beams; 1 is greedy.
    """

    def __init__(self, model: Any, *, beam_size: int) -> None:
        self._model = model
        self._beam_size = beam_size

    def transcribe(self, samples: Features, language: str | None, *, beam_size: int | None = None) -> Transcription:
        """Return what is said in the clip.

        Args:
            samples: Mono at 16 kHz, shape (n,), at most 30 s.
            language: Whisper's code to force; None: detected by a multilingual model.
            beam_size: Beams instead of the usual number.
        """
        beams = beam_size or self._beam_size
        first = self._decode(samples, language, beams, no_repeat=0)
        if not first.is_repetitive:
            return first
        second = self._decode(samples, language, beams, no_repeat=3)
        return second if second.text else first

    def _decode(self, samples: Features, language: str | None, beams: int, *, no_repeat: int) -> Transcription:
        budget = _MIN_TOKENS + int(_TOKENS_A_SECOND * len(samples) / SAMPLING_RATE)
        segments, info = self._model.transcribe(
            samples,
            language=language if self._model.model.is_multilingual else "en",
            beam_size=beams,
            temperature=0.0,
            no_repeat_ngram_size=no_repeat,
            condition_on_previous_text=False,
            without_timestamps=True,
            word_timestamps=False,
            vad_filter=False,
            max_new_tokens=min(_MAX_TOKENS, budget),
        )
        heard = list(segments)
        return Transcription(
            text=" ".join(" ".join(segment.text for segment in heard).split()),
            language=info.language,
            language_probability=float(info.language_probability),
            avg_logprob=float(heard[0].avg_logprob) if heard else None,
            no_speech_prob=float(heard[0].no_speech_prob) if heard else None,
            is_repetitive=any(segment.compression_ratio > _MAX_COMPRESSION for segment in heard),
        )
