"""Speech is found in speech and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcheck.backends.voice_activity import find_model_file, speech_segments
from mmcheck.media.audio import decode_audio


@pytest.mark.parametrize("num_samples", [0, 1, 511, 512, 16_000, 80_000])
def test_silence_noise_and_tones_hold_no_speech(num_samples: int, tone: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    assert speech_segments(np.zeros(num_samples, np.float32)) == []
    assert speech_segments(rng.normal(0, 0.1, num_samples).astype(np.float32)) == []
    assert speech_segments(tone(num_samples / 16_000)) == []


def test_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 5\)"):
        speech_segments(np.zeros((1, 5), np.float32))


def test_model_file_is_found_without_loading() -> None:
    found = find_model_file()
    assert found is not None
    assert found.stat().st_size > 100_000


def test_real_speech_between_silences_is_placed(shared_data: Path) -> None:
    data = (shared_data / "real-speech" / "audio" / "tts_LJ001-0002.flac").read_bytes()
    speech = decode_audio(data, start=None, duration=None, max_seconds=60).samples
    gap = np.zeros(32_000, np.float32)
    clip = np.concatenate([gap, speech, gap, speech, gap])
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(speech_segments, [clip] * 8))
    assert all(spans == found[0] for spans in found)
    spans, length = found[0], len(speech) / 16_000
    assert len(spans) == 2
    for (start, end), at in zip(spans, (2.0, 4.0 + length), strict=True):
        assert start == pytest.approx(at, abs=0.3)
        assert end == pytest.approx(at + length, abs=0.3)
    assert all(0 <= start < end <= len(clip) / 16_000 for start, end in spans)


def test_spans_of_real_speech_are_those_of_faster_whisper(shared_data: Path) -> None:
    from faster_whisper.vad import get_speech_timestamps

    for file in sorted((shared_data / "real-speech" / "audio").iterdir())[::4]:
        samples = decode_audio(file.read_bytes(), start=None, duration=None, max_seconds=60).samples
        theirs = get_speech_timestamps(
            samples, threshold=0.5, min_speech_duration_ms=100, min_silence_duration_ms=300, speech_pad_ms=30
        )
        assert speech_segments(samples) == [(span["start"] / 16_000, span["end"] / 16_000) for span in theirs]
