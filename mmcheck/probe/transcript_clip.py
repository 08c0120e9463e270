"""A recording with its transcript on the way to Whisper: its windows, what is verified, and what hearing adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmcheck.backends.long_audio import Window
from mmcheck.metrics.text_normalization import normalize
from mmcheck.metrics.word_alignment import align_texts
from mmcheck.probe.transcript_values import alignment_values, split_text

if TYPE_CHECKING:
    from mmcheck.backends.whisper_features import Features
    from mmcheck.backends.whisper_transcriber import Transcription
    from mmcheck.backends.whisper_verifier import VerificationTask

MAX_EVIDENCE = 2000
"""Words (or steps of the alignment) that the evidence keeps; the values count all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A recording on its way to the model."""

    text: str
    language: str | None
    is_scriptio_continua: bool
    windows: tuple[Window, ...]
    samples: tuple[Features, ...]
    """Waveform of each window."""
    features: tuple[Features, ...]
    """Log-mel features of each window; none if only transcription is wanted."""
    has_speech: bool
    end_level: float | None
    """Level of the recording's end against its loud parts, dB."""


def find_speech(samples: Features) -> list[tuple[float, float]]:
    """Return begin and end (seconds) of the stretches of speech, each shorter than one window."""
    from mmcheck.backends.voice_activity import speech_segments

    return speech_segments(samples, max_speech_seconds=29.0)


def make_tasks(clip: Clip, heard: Sequence[Transcription] | None, text: str | None = None) -> list[VerificationTask]:
    """Return one task a window.

    Args:
        clip: The recording.
        heard: What was heard in each window, which tells how the text falls into them; None: there is one window.
        text: Another text than the clip's own, for one window.
    """
    from mmcheck.backends.whisper_verifier import VerificationTask

    texts = (
        [clip.text if text is None else text]
        if heard is None
        else split_text(
            clip.text, [part.text for part in heard], clip.windows, is_scriptio_continua=clip.is_scriptio_continua
        )
    )
    return [
        VerificationTask(
            features=features,
            text=text,
            language=clip.language,
            is_scriptio_continua=clip.is_scriptio_continua,
        )
        for features, text in zip(clip.features, texts, strict=True)
    ]


def compare_heard(
    clip: Clip, heard: Sequence[Transcription], language: str | None, evidence: dict[str, Any]
) -> dict[str, float]:
    """Return the error rates of what was heard; the evidence gets text and alignment."""
    joint = "" if clip.is_scriptio_continua else " "
    hypothesis = joint.join(part.text for part in heard if part.text)
    alignment = align_texts(
        normalize(clip.text, language),
        normalize(hypothesis, language),
        is_scriptio_continua=clip.is_scriptio_continua,
    )
    evidence["transcribed"] = True
    evidence["hypothesis"] = hypothesis
    evidence["alignment"] = [[unit.kind, unit.reference, unit.hypothesis] for unit in alignment.units[:MAX_EVIDENCE]]
    if any(part.is_repetitive for part in heard):
        evidence["repetitive"] = True
    return alignment_values(alignment, is_scriptio_continua=clip.is_scriptio_continua)
