"""Recordings longer than Whisper's 30 s: windows of speech, and which words of the text belong to which.

1. Stretches of speech (Silero) are merged, in order, into windows of at most 30 s; what lies between is left out.
   Where no speech is found the recording is cut into even pieces, so that a wrong voice detector hides nothing.
2. Each window is transcribed. All heard words together are aligned with all given ones; a given word that was heard,
   or misheard, is anchored in time, the words between are placed by interpolation.
3. A word belongs to the window that its time falls into, and each window is verified with its words.

One wrong, missing or inserted passage moves only the words next to it: the anchors beyond hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mmcheck.backends.whisper_features import MAX_SAMPLES, SAMPLING_RATE, Features

_MARGIN = 0.2  # seconds kept around speech; our own choice: the voice detector clips soft beginnings and ends
_MAX_SPEECH = MAX_SAMPLES / SAMPLING_RATE - 2 * _MARGIN
"""Longest stretch of speech, in seconds, that fits one window with its margins. Given by Whisper's window of 30 s."""
_SILENCE = 1e-4
"""Peak below which an even piece is digital silence and is left out (-80 dB). Our own choice: far below the noise of
any microphone."""

Segments = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a recording that one pass of the encoder sees."""

    start: int
    """First sample."""
    stop: int
    """One past the last sample; at most 30 s after ``start``."""

    @property
    def seconds(self) -> tuple[float, float]:
        """Start and end in seconds."""
        return self.start / SAMPLING_RATE, self.stop / SAMPLING_RATE


def plan_windows(samples: Features, find_speech: Callable[[Features], Segments]) -> tuple[list[Window], bool]:
    """Return the windows of a recording, in order and not overlapping, and whether speech was found.

    A recording of at most 30 s is one window, whatever it holds.

    Args:
        samples: Mono at 16 kHz, shape (n,).
        find_speech: Gives stretches of speech in seconds, in order, e.g. ``speech_segments``. Called only for more
            than 30 s.
    """
    if len(samples) <= MAX_SAMPLES:
        return [Window(start=0, stop=len(samples))], True
    speech = find_speech(samples)
    if speech:
        return merge_speech(speech, len(samples)), True
    count = -(-len(samples) // MAX_SAMPLES)
    edges = [len(samples) * index // count for index in range(count + 1)]
    pieces = [Window(start=low, stop=high) for low, high in pairwise(edges)]
    loud = [piece for piece in pieces if np.abs(samples[piece.start : piece.stop]).max() > _SILENCE]
    return loud or pieces[:1], False


def merge_speech(speech: Segments, length: int) -> list[Window]:
    """Return windows of at most 30 s that hold all stretches of speech, as few as go in order.

    Args:
        speech: Stretches in seconds, in order, not overlapping, at least one.
        length: Samples of the recording.
    """
    spans = [_to_samples(start, end, length) for start, end in _cut_long(speech)]
    merged: list[list[int]] = []
    for start, stop in spans:
        low = max(start, merged[-1][1]) if merged else start
        if merged and stop - merged[-1][0] <= MAX_SAMPLES:
            merged[-1][1] = max(stop, merged[-1][1])
        elif stop > low:
            merged.append([low, stop])
    return [Window(start=low, stop=high) for low, high in merged]


def split_reference(
    words: Sequence[str],
    heard: Sequence[Sequence[str]],
    windows: Sequence[Window],
    align: Callable[[Sequence[str], Sequence[str]], Sequence[tuple[int, int]]],
) -> list[range]:
    """Return for each window which of the given words belong to it: consecutive ranges that cover all words.

    Args:
        words: The given words, in the form in which they are compared.
        heard: For each window the words that were heard, in the same form.
        windows: The windows, at least one.
        align: Returns the pairs (index of a given word, index of a heard word) that stand for each other, both rising.
    """
    count = len(words)
    starts, ends = np.array([window.seconds for window in windows], np.float64).T
    # Time without what lies between the windows: a pause holds no words.
    begins = np.concatenate([[0.0], np.cumsum(ends - starts)])
    times = [
        begins[index] + (position + 0.5) / len(part) * (ends[index] - starts[index])
        for index, part in enumerate(heard)
        for position in range(len(part))
    ]
    pairs = align(words, [word for part in heard for word in part])
    anchors = [-0.5, *(float(given) for given, _ in pairs), count - 0.5]
    at = [0.0, *(times[index] for _, index in pairs), float(begins[-1])]
    placed = np.interp(np.arange(count), anchors, at)
    cuts = np.searchsorted(placed, begins[1:-1], side="left")
    edges = [0, *(int(cut) for cut in cuts), count]
    return [range(low, high) for low, high in pairwise(edges)]


def _to_samples(start: float, end: float, length: int) -> tuple[int, int]:
    low = max(0, round((start - _MARGIN) * SAMPLING_RATE))
    return low, min(length, round((end + _MARGIN) * SAMPLING_RATE))


def _cut_long(speech: Segments) -> list[tuple[float, float]]:
    """Return the stretches with those that fit no window cut into even parts."""
    parts: list[tuple[float, float]] = []
    for start, end in speech:
        count = max(1, int(np.ceil((end - start) / _MAX_SPEECH)))
        edges = np.linspace(start, end, count + 1)
        parts += [(float(low), float(high)) for low, high in pairwise(edges)]
    return parts
