"""Stretches are made of probabilities as faster-whisper makes them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from faster_whisper import vad

from mmcheck.backends.speech_spans import WINDOW, SpanRules, find_spans

RATE = 16_000


def theirs(probabilities: np.ndarray, num_samples: int, rules: SpanRules, patch: pytest.MonkeyPatch):
    patch.setattr(vad, "get_vad_model", lambda: lambda _: probabilities)
    options = vad.VadOptions(
        threshold=rules.threshold,
        min_speech_duration_ms=round(rules.min_speech / RATE * 1000),
        min_silence_duration_ms=round(rules.min_silence / RATE * 1000),
        speech_pad_ms=round(rules.pad / RATE * 1000),
        max_speech_duration_s=rules.max_speech / RATE,
    )
    found = vad.get_speech_timestamps(np.zeros(num_samples, np.float32), options)
    return [(span["start"], span["end"]) for span in found]


@pytest.mark.parametrize("longest", [math.inf, 1.0, 5.0])
@pytest.mark.parametrize("pad", [0, 480, 6400])
def test_spans_are_those_of_faster_whisper(longest: float, pad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(pad)
    for turn in range(60):
        count = int(rng.integers(1, 300))
        held = int(rng.integers(1, 12))  # windows that a level stays for
        levels = np.repeat(rng.random(count // held + 1), held)[:count] + rng.normal(0, 0.1, count)
        probabilities = np.clip(levels, 0, 1).astype(np.float32)
        rules = SpanRules(
            rate=RATE,
            threshold=(0.1, 0.5, 0.7)[turn % 3],
            min_speech=(0, 1600, 4000)[turn % 3],
            min_silence=(800, 4800, 32_000)[turn // 3 % 3],
            pad=pad,
            max_speech=RATE * longest,
        )
        length = WINDOW * (count - 1) + int(rng.integers(0, WINDOW))
        assert find_spans(probabilities.tolist(), length, rules) == theirs(probabilities, length, rules, monkeypatch)
