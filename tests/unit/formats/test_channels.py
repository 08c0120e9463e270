"""The channel of a call that a row is about, from the manifest to the sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcheck.config import InputConfig
from mmcheck.core.errors import MediaError
from mmcheck.formats.cells import channel_of
from mmcheck.formats.jsonl import JsonlFormat
from mmcheck.media.audio import decode_audio


@pytest.mark.parametrize(
    ("value", "channel"),
    [(0, 0), (1, 1), ("1", 1), ("B", 1), ("left", 0), (1.0, 1), ([1], 1), ([0, 1], None), (None, None), ("BBC", None)],
)
def test_what_names_a_channel(value: Any, channel: int | None) -> None:
    assert channel_of({"channel": value}, "channel") == channel


def test_a_row_names_its_channel(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(json.dumps({"audio_filepath": "a.wav", "channel": 1, "text": "hello"}) + "\n")
    (sample,) = JsonlFormat(InputConfig()).read(str(manifest))
    assert sample.audio is not None
    assert sample.audio.channel == 1


def test_one_channel_is_decoded(wav_bytes: Callable[..., bytes], tone: Callable[..., np.ndarray[Any, Any]]) -> None:
    left, right = tone(0.5, hertz=440.0), tone(0.5, hertz=880.0, level=0.2)
    wav = wav_bytes(np.stack([left, right], axis=1))

    def decode(data: bytes, channel: int | None) -> np.ndarray[Any, Any]:
        return decode_audio(data, start=None, duration=None, max_seconds=10, channel=channel).samples

    assert np.abs(decode(wav, 0) - left).max() < 1e-4
    assert np.abs(decode(wav, 1) - right).max() < 1e-4
    assert np.abs(decode(wav_bytes(left), 1) - left).max() < 1e-4
    with pytest.raises(MediaError, match="channel 2"):
        decode(wav, 2)
