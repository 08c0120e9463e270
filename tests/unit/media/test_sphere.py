"""NIST SPHERE: plain and companded sound is decoded, packed sound is told with the way to unpack it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from mmcheck.core.errors import MediaError
from mmcheck.media.audio import decode_audio

RATE = 8000


@pytest.mark.parametrize("coding", ["PCM_16", "ULAW", "ALAW"])
def test_each_side_of_a_call_is_decoded(coding: str) -> None:
    time = np.arange(RATE) / RATE
    sides = 0.4 * np.stack([np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 500 * time)], axis=1)
    file = io.BytesIO()
    soundfile.write(file, sides, RATE, format="NIST", subtype=coding)
    expected, _ = soundfile.read(io.BytesIO(file.getvalue()))
    for side in range(2):
        audio = decode_audio(file.getvalue(), start=None, duration=None, max_seconds=10, channel=side)
        assert (audio.info.container, audio.info.channels, audio.info.num_samples) == ("nistsphere", 2, RATE)
        # At half the rate again: the decoded sound has 16 kHz.
        assert np.abs(audio.samples[::2][200:-200] - expected[200:-200, side]).max() < 0.02


@pytest.mark.parametrize("packing", ["shorten", "wavpack"])
def test_packed_sound_is_told(packing: str) -> None:
    lines = ["NIST_1A", "   1024", "channel_count -i 1", "sample_rate -i 16000", "sample_n_bytes -i 2"]
    lines += [f"sample_coding -s26 pcm,embedded-{packing}-v2.00", "sample_count -i 1000", "end_head"]
    data = "\n".join(lines).encode().ljust(1024, b"\n") + b"ajkg" + bytes(range(256)) * 8
    with pytest.raises(MediaError, match=f"packed with {packing}") as caught:
        decode_audio(data, start=None, duration=None, max_seconds=10)
    assert caught.value.cause == "undecodable"
    assert "sph2pipe" in str(caught.value.hint)
