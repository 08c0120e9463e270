"""Stretches of speech from the probabilities of a voice-activity model, by hysteresis.

The rules are those of Silero's own code (https://github.com/snakers4/silero-vad, MIT) in the form that faster-whisper
1.2 gives them (``get_speech_timestamps``, MIT): the same probabilities give the same stretches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 512
"""Samples that one probability stands for: 32 ms at 16 kHz. Given by Silero's voice detector."""

_HYSTERESIS = 0.15
"""How far below the threshold speech ends, as a probability. Taken from Silero's get_speech_timestamps, as
faster-whisper has it."""
_LOWEST = 0.01
"""Smallest threshold at which speech ends. Taken from Silero's get_speech_timestamps, as faster-whisper has it."""
_PAUSE = 98 / 1000
"""Seconds of silence at which a stretch that is too long may be cut. Taken from Silero's get_speech_timestamps, as
faster-whisper has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRules:
    """What counts as a stretch of speech; lengths in samples."""

    rate: int
    """Samples a second."""
    threshold: float
    """Probability at which a stretch begins; it ends 0.15 below."""
    min_speech: float
    """Shorter stretches are left out."""
    min_silence: float
    """Shorter gaps do not end a stretch."""
    pad: float
    """Added on either side."""
    max_speech: float
    """Longer stretches are cut, at a pause where there is one."""


def find_spans(probabilities: Sequence[float], num_samples: int, rules: SpanRules) -> list[tuple[int, int]]:
    """Return the stretches of speech as (start, end) in samples, in order.

    Args:
        probabilities: Probability of speech of each window of ``WINDOW`` samples.
        num_samples: Length of the recording.
        rules: What counts as a stretch.
    """
    return _pad(_raw_spans(probabilities, num_samples, rules), num_samples, rules.pad)


def _raw_spans(probabilities: Sequence[float], num_samples: int, rules: SpanRules) -> list[tuple[int, int]]:
    longest = rules.max_speech - WINDOW - 2 * rules.pad
    quiet = max(rules.threshold - _HYSTERESIS, _LOWEST)
    found: list[tuple[int, int]] = []
    start: int | None = None
    silence = 0  # where the silence began that may end the stretch; 0 where there is none
    pause, resumed = 0, 0  # the last pause that a cut may be made at, and where speech went on after it
    for number, probability in enumerate(probabilities):
        place = WINDOW * number
        if probability >= rules.threshold:
            if silence:
                silence = 0
                if resumed < pause:
                    resumed = place
            if start is None:
                start = place
                continue
        if start is not None and place - start > longest:
            if not pause:
                found.append((start, place))
                start, silence, resumed = None, 0, 0
                continue
            found.append((start, pause))
            start = None if resumed < pause else resumed
            pause = resumed = silence = 0
        if start is not None and probability < quiet:
            silence = silence or place
            if place - silence > rules.rate * _PAUSE:
                pause = silence
            if place - silence >= rules.min_silence:
                if silence - start > rules.min_speech:
                    found.append((start, silence))
                start, pause, resumed, silence = None, 0, 0, 0
    if start is not None and num_samples - start > rules.min_speech:
        found.append((start, num_samples))
    return found


def _pad(spans: list[tuple[int, int]], num_samples: int, pad: float) -> list[tuple[int, int]]:
    """Return the stretches with ``pad`` on either side; neighbours that are nearer share the gap."""
    padded = [list(span) for span in spans]
    for number, span in enumerate(padded):
        if number == 0:
            span[0] = int(max(0, span[0] - pad))
        if number == len(padded) - 1:
            span[1] = int(min(num_samples, span[1] + pad))
            break
        following = padded[number + 1]
        gap = following[0] - span[1]
        if gap < 2 * pad:
            span[1] += gap // 2
            following[0] = max(0, following[0] - gap // 2)
        else:
            span[1] = int(min(num_samples, span[1] + pad))
            following[0] = int(max(0, following[0] - pad))
    return [(start, end) for start, end in padded]
