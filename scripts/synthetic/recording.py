"""Noise and audio files for the synthetic speech world; equal arguments give equal bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, Literal

import av
import numpy as np

from .speech import SAMPLING_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

AudioFormat = Literal["opus", "flac"]

_CONTAINERS: Final[dict[AudioFormat, str]] = {"opus": "ogg", "flac": "flac"}
_CODECS: Final[dict[AudioFormat, str]] = {"opus": "libopus", "flac": "flac"}


def coloured_noise(rng: np.random.Generator, count: int, slope: float) -> NDArray[np.float32]:
    """Returns noise of unit power whose amplitude falls as frequency to the minus `slope`, shape (count,)."""
    spectrum = np.fft.rfft(rng.standard_normal(count).astype(np.float32))
    spectrum /= np.maximum(np.arange(len(spectrum)), 4) ** slope
    noise = np.fft.irfft(spectrum, count)
    return (noise / max(float(np.sqrt(np.mean(noise**2))), 1e-9)).astype(np.float32)


def encode_audio(samples: NDArray[np.float32], audio_format: AudioFormat, bit_rate: int = 20_000) -> bytes:
    """Returns mono 16 kHz samples as the bytes of an audio file.

    Args:
        samples: Mono samples at 16 kHz, shape (n,), clipped to -1..1.
        audio_format: `opus` (in Ogg) or `flac`.
        bit_rate: Bits a second for Opus.
    """
    buffer = io.BytesIO()
    # Without bitexact the Ogg stream gets a random serial number and no two files are equal.
    options = {"fflags": "+bitexact"}
    with av.open(buffer, "w", format=_CONTAINERS[audio_format], options=options) as container:
        stream = container.add_stream(_CODECS[audio_format], rate=SAMPLING_RATE)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "s16"
        if audio_format == "opus":
            stream.codec_context.bit_rate = bit_rate
        pcm = (np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm), format="s16", layout="mono")
        frame.sample_rate = SAMPLING_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode_audio(data: bytes) -> NDArray[np.float32]:
    """Returns the bytes of an audio file as mono 16 kHz samples, shape (n,)."""
    resampler = av.AudioResampler("s16", "mono", SAMPLING_RATE)
    parts: list[NDArray[np.int16]] = []
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(audio=0):
            parts += [np.asarray(part.to_ndarray()[0], np.int16) for part in resampler.resample(frame)]
    parts += [np.asarray(part.to_ndarray()[0], np.int16) for part in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32) / 32768.0
