"""A recording with its transcript on the way to Whisper: its windows, what is verified, and what hearing adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmcheck.backends.long_audio import Window
from mmcheck.core.json_types import JsonObject, LoadedJson
from mmcheck.metrics.text_loops import Loop, drop_repeats, find_loop
from mmcheck.metrics.text_normalization import normalize
from mmcheck.metrics.word_alignment import align_texts
from mmcheck.probe.transcript_values import alignment_values, split_text

if TYPE_CHECKING:
    from mmcheck.backends.whisper_features import Features
    from mmcheck.backends.whisper_transcriber import Transcription
    from mmcheck.backends.whisper_verifier import VerificationTask
    from mmcheck.metrics.verification import WordScore

MAX_EVIDENCE = 2000
"""Words (or steps of the alignment) that the evidence keeps; the values count all. Our own choice: bounds the size of
the run."""
_MAX_PHRASE = 60  # characters of a looped phrase that are told; our own choice: a sentence stays readable


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

    def is_loop(self, heard: str) -> bool:
        """Return whether a recognised text is a loop that the transcript knows nothing of."""
        return find_loop(heard, self.text, is_scriptio_continua=self.is_scriptio_continua) is not None


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
            clip.text,
            [drop_repeats(part.text) if part.is_repetitive else part.text for part in heard],
            clip.windows,
            is_scriptio_continua=clip.is_scriptio_continua,
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
    clip: Clip, heard: Sequence[Transcription], language: str | None, evidence: JsonObject
) -> dict[str, float]:
    """Return the error rates of what was heard; the evidence gets text and alignment.

    A loop says nothing about the transcript: its text is kept for people, under a name of its own, and there are no
    rates.
    """
    joint = "" if clip.is_scriptio_continua else " "
    hypothesis = joint.join(part.text for part in heard if part.text)
    evidence["transcribed"] = True
    loops = [
        find_loop(part.text, clip.text, is_scriptio_continua=clip.is_scriptio_continua)
        for part in heard
        if part.is_repetitive
    ]
    if loops:
        evidence["looped_hypothesis"] = hypothesis
        evidence["not_compared"] = _explain_loop(next(filter(None, loops), None))
        return {}
    alignment = align_texts(
        normalize(clip.text, language),
        normalize(hypothesis, language),
        is_scriptio_continua=clip.is_scriptio_continua,
    )
    evidence["hypothesis"] = hypothesis
    evidence["alignment"] = [[unit.kind, unit.reference, unit.hypothesis] for unit in alignment.units[:MAX_EVIDENCE]]
    return alignment_values(alignment, is_scriptio_continua=clip.is_scriptio_continua)


def find_doubted(
    words: Sequence[WordScore], language: str | None, evidence: LoadedJson, *, is_scriptio_continua: bool
) -> float | None:
    """Return the smallest mean log-probability of a word that was not recognised in its place either.

    None where all were recognised. Without a transcription every word counts.

    Args:
        words: The scored words of the transcript.
        language: Its language.
        evidence: ``alignment`` where the recording was transcribed.
        is_scriptio_continua: Whether the alignment is one of characters.
    """
    steps = evidence.get("alignment")
    if steps is None:
        return min((word.mean for word in words), default=None)
    given = [(str(unit), kind == "equal") for kind, unit, _ in steps if kind != "insert"]
    if all(is_heard for _, is_heard in given):
        return None
    units = [normalize(word.word, language).split() for word in words]
    if is_scriptio_continua:
        units = [list("".join(parts)) for parts in units]
    # Numbers of several words and the like become other units in the whole text than word by word.
    if [unit for parts in units for unit in parts] != [unit for unit, _ in given]:
        return min((word.mean for word in words), default=None)
    marks = iter(is_heard for _, is_heard in given)
    unheard = [word.mean for word, parts in zip(words, units, strict=True) if not all([next(marks) for _ in parts])]
    return min(unheard, default=None)


def _explain_loop(loop: Loop | None) -> str:
    if loop is None or not loop.phrase:
        return "the transcription repeats itself like a loop of the recogniser, so it was not compared"
    phrase = loop.phrase if len(loop.phrase) <= _MAX_PHRASE else loop.phrase[:_MAX_PHRASE] + "..."
    return (
        f"the transcription says '{phrase}' {loop.times} times in a row, which is a loop of the recogniser, so it was "
        "not compared"
    )
