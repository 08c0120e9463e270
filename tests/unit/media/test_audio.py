"""Recordings in every shape they come in, and files that end early or are something else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.errors import MediaError
from mmcheck.media.audio import Audio, decode_audio

Samples = np.ndarray[Any, Any]
Tone = Callable[..., Samples]
WavBytes = Callable[..., bytes]


def decode(data: bytes, start: float | None = None, duration: float | None = None, limit: float = 7200) -> Audio:
    return decode_audio(data, start=start, duration=duration, max_seconds=limit)


def encode(samples: Samples, container: str, codec: str, rate: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis].astype(np.float32), format="flt", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout="mono",
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for source in (frame, None):
            for piece in resampler.resample(source):
                out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def pitch(samples: Samples, rate: int = 16_000) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


CODECS = [
    ("wav", "pcm_s16le", 16_000),
    ("flac", "flac", 22_050),
    ("mp3", "mp3", 32_000),
    ("ogg", "libopus", 48_000),
    ("mp4", "aac", 44_100),
    ("matroska", "libopus", 48_000),
]


@pytest.mark.parametrize(("container", "codec", "rate"), CODECS)
def test_each_codec_gives_the_tone_back(container: str, codec: str, rate: int, tone: Tone) -> None:
    audio = decode(encode(tone(2.0, rate), container, codec, rate))
    assert audio.samples.dtype == np.float32
    assert audio.duration == pytest.approx(2.0, abs=0.08)
    assert audio.info.sampling_rate == rate
    assert pitch(audio.samples) == pytest.approx(440, abs=2)
    assert np.abs(audio.samples[4000:-4000]).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_sample_types_have_the_same_level(dtype: str, tone: Tone, wav_bytes: WavBytes) -> None:
    samples = tone(0.5, level=0.5)
    if dtype == "uint8":
        stored = np.round(samples * 128 + 128).astype(np.uint8)
    elif dtype.startswith("int"):
        stored = np.round(samples * 2.0 ** (int(dtype[3:]) - 1)).astype(dtype)
    else:
        stored = samples.astype(dtype)
    audio = decode(wav_bytes(stored))
    assert np.abs(audio.samples - samples).max() < 0.01
    assert audio.info.peak == pytest.approx(0.5, abs=0.01)
    assert audio.info.clipping_ratio == 0


def test_twenty_four_bits_are_full_scale(tone: Tone) -> None:
    audio = decode(encode(tone(0.5, level=0.9), "wav", "pcm_s24le"))
    assert (audio.info.codec, round(audio.info.peak, 2)) == ("pcm_s24le", 0.9)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_resampling_keeps_pitch_time_and_length(rate: int, tone: Tone, wav_bytes: WavBytes) -> None:
    samples = tone(1.0, rate)
    samples[: rate // 2] = 0  # the tone begins at 0.5 s
    audio = decode(wav_bytes(samples, rate))
    assert len(audio.samples) == 16_000
    assert pitch(audio.samples[8_000:]) == pytest.approx(440, abs=3)
    onset = int(np.argmax(np.abs(audio.samples) > 0.2))
    assert abs(onset - 8_000) < 40


def test_stereo_is_the_mean_of_its_channels(tone: Tone, wav_bytes: WavBytes) -> None:
    left = tone(0.5, level=0.8)
    audio = decode(wav_bytes(np.stack([left, np.zeros_like(left)], axis=1)))
    assert audio.info.channels == 2
    assert np.abs(audio.samples - left / 2).max() < 1e-4
    assert audio.info.peak == pytest.approx(0.8, abs=0.01)


def test_channels_of_opposite_phase_do_not_become_silence(tone: Tone, wav_bytes: WavBytes) -> None:
    left = tone(0.5)
    audio = decode(wav_bytes(np.stack([left, -left], axis=1)))
    assert np.abs(audio.samples).max() > 0.4


def test_clipping_is_counted_on_the_original(tone: Tone, wav_bytes: WavBytes) -> None:
    loud = np.clip(tone(0.5, level=2.0) * 32768, -32768, 32767).astype(np.int16)
    audio = decode(wav_bytes(loud))
    assert audio.info.clipping_ratio == pytest.approx(2 / 3, abs=0.02)
    assert audio.info.peak == 1.0


def test_nan_and_infinity_become_zero(tone: Tone, wav_bytes: WavBytes) -> None:
    samples = tone(0.5)
    samples[10], samples[20] = np.nan, np.inf
    audio = decode(wav_bytes(samples))
    assert np.isfinite(audio.samples).all()
    assert audio.info.num_nonfinite == 2
    with pytest.raises(MediaError) as error:
        decode(wav_bytes(np.full(1000, np.nan, np.float32)))
    assert error.value.cause == "undecodable"


@pytest.mark.parametrize(("container", "codec", "rate"), CODECS)
@pytest.mark.parametrize(("start", "duration"), [(0.0, 1.0), (0.4, 0.5), (2.5, 1.0), (3.2, None)])
def test_a_segment_is_a_slice_of_the_whole(
    container: str, codec: str, rate: int, start: float, duration: float | None, tone: Tone
) -> None:
    sweep = np.sin(2 * np.pi * (200 * (t := np.arange(4 * rate) / rate) + 150 * t**2)).astype(np.float32) / 2
    data = encode(sweep, container, codec, rate)
    whole = decode(data).samples
    part = decode(data, start, duration)
    low = round(start * 16_000)
    wanted = whole[low : low + round(duration * 16_000)] if duration is not None else whole[low:]
    assert len(part.samples) == pytest.approx(len(wanted), abs=200)
    n = min(len(wanted), len(part.samples)) - 400
    best = max(
        float(np.corrcoef(part.samples[200 : n - 200], wanted[200 + k : n - 200 + k])[0, 1]) for k in range(-48, 49, 2)
    )
    assert best > 0.98


def test_segments_outside_and_senseless_ones_are_refused(tone: Tone, wav_bytes: WavBytes) -> None:
    data = wav_bytes(tone(2.0))
    for container, codec, rate in CODECS[:4]:
        with pytest.raises(MediaError) as error:
            decode(encode(tone(2.0, rate), container, codec, rate), 5.0, 1.0)
        assert error.value.cause == "segment_outside", codec
    for start, duration in ((-1.0, 1.0), (0.0, 0.0), (float("nan"), None), (0.0, float("inf"))):
        with pytest.raises(MediaError) as error:
            decode(data, start, duration)
        assert error.value.cause == "segment_invalid"
    assert decode(data, 1.5, 10.0).duration == pytest.approx(0.5)
    assert decode(data, None, 0.5).duration == pytest.approx(0.5)


def test_too_long_is_refused_whole_but_not_its_segments(tone: Tone, wav_bytes: WavBytes) -> None:
    data = wav_bytes(tone(5.0))
    with pytest.raises(MediaError) as error:
        decode(data, limit=3)
    assert error.value.cause == "too_long"
    assert decode(data, 3.0, 1.0, limit=3).duration == pytest.approx(1.0)


@pytest.mark.parametrize(("container", "codec", "rate"), CODECS[:5])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_a_file_that_ends_early_is_an_error(container: str, codec: str, rate: int, share: float, tone: Tone) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * rate).astype(np.float32)
    data = encode(noise, container, codec, rate)
    with pytest.raises(MediaError) as error:
        decode(data[: max(20, int(share * len(data)))])
    assert error.value.cause in ("truncated", "undecodable", "empty")
    if share > 0.1:
        assert error.value.cause == "truncated"


def test_zero_samples_are_empty(wav_bytes: WavBytes) -> None:
    for dtype in (np.int16, np.float32):
        with pytest.raises(MediaError) as error:
            decode(wav_bytes(np.zeros(0, dtype)))
        assert error.value.cause == "empty"
    with pytest.raises(MediaError) as error:
        decode(b"")
    assert error.value.cause == "empty"


def test_one_sample_is_measured(wav_bytes: WavBytes) -> None:
    assert len(decode(wav_bytes(np.full(1, 0.5, np.float32))).samples) == 1


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"<html>not found</html>", "not_audio"),
        (b"hello", "not_audio"),
        (bytes(5000), "not_audio"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not_audio"),
        (b"fLaC" + b"\x99" * 500, "undecodable"),
        (b"RIFF\x24\x00\x00\x00WAVEjunk", "truncated"),
    ],
)
def test_what_is_no_audio_is_named(data: bytes, cause: str) -> None:
    with pytest.raises(MediaError) as error:
        decode(data)
    assert error.value.cause == cause


def test_a_playlist_opens_no_other_file(tmp_path: Path, tone: Tone, wav_bytes: WavBytes) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav_bytes(tone(1.0)))
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
    ):
        with pytest.raises(MediaError):
            decode(text.encode())


def test_a_picture_in_a_video_file_without_sound_is_named() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        out.mux(stream.encode(None))
    with pytest.raises(MediaError) as error:
        decode(buffer.getvalue())
    assert error.value.cause == "no_audio_stream"


def test_real_recordings_decode_and_segments_fit(shared_data: Path) -> None:
    files = sorted((shared_data / "real-speech" / "audio").iterdir())
    assert len(files) > 20
    for file in files:
        audio = decode(file.read_bytes())
        assert 1 < audio.duration < 60
        assert 0.01 < audio.info.peak <= 1.0
        part = decode(file.read_bytes(), 0.5, 0.5).samples
        assert np.abs(part - audio.samples[8000:16000]).max() < 0.05, file.name


SMALL = {
    f"{container}/{codec}": encode(np.sin(np.arange(rate // 4) / 20).astype(np.float32) / 2, container, codec, rate)
    for container, codec, rate in CODECS
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SMALL)), st.data())
def test_damage_anywhere_gives_sound_or_a_media_error(name: str, data: st.DataObject) -> None:
    whole = bytearray(SMALL[name])
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        audio = decode(bytes(whole[:cut]), limit=60)
    except MediaError:
        return
    assert np.isfinite(audio.samples).all()
    assert np.abs(audio.samples).max(initial=0) <= 1.0
    assert 0 < audio.duration <= 61


def test_a_header_cut_before_the_code_of_the_sound_is_a_media_error() -> None:
    whole = SMALL["mp4/aac"]
    causes = set()
    # MP4's header stands at the end of what is written in one go.
    for cut in range(whole.rindex(b"moov"), whole.rindex(b"mp4a") + 64):
        with pytest.raises(MediaError) as caught:
            decode(whole[:cut], limit=60)
        causes.add(caught.value.cause)
    assert "undecodable" in causes
