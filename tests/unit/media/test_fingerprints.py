from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from mmcheck.media.audio import decode_audio
from mmcheck.media.fingerprints import NUM_AUDIO_VALUES, audio_fingerprint, image_fingerprint


def bits_apart(first, second):
    return (int.from_bytes(first[0]) ^ int.from_bytes(second[0])).bit_count()


def colours_apart(first, second):
    one, other = (np.frombuffer(fields, np.uint8).astype(int) for fields in (first[1], second[1]))
    return int(np.abs(one - other).max())


def jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def edits(image):
    width, height = image.size
    return {
        "quality": jpeg(image, 40),
        "half": image.resize((width // 2, height // 2)),
        "double": image.resize((width * 2, height * 2)),
        "crop": image.crop((width // 80, height // 80, width - width // 80, height - height // 80)),
        "brightness": ImageEnhance.Brightness(image).enhance(0.92),
    }


def test_images_keep_their_looks(shared_data):
    files = sorted((shared_data / "real-images" / "images").iterdir())[::8]
    images = [Image.open(file).convert("RGB") for file in files]
    prints = [image_fingerprint(image) for image in images]
    assert all(len(bits) == 8 and len(colours) == 48 for bits, colours in prints)
    for image, found in zip(images, prints, strict=True):
        for name, other in edits(image).items():
            assert bits_apart(found, image_fingerprint(other)) <= 16, name
            assert colours_apart(found, image_fingerprint(other)) <= 30, name
        mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        assert bits_apart(found, image_fingerprint(mirrored)) > 16
    apart = [bits_apart(one, other) for n, one in enumerate(prints) for other in prints[:n]]
    assert min(apart) > 12


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (3, 2), (1000, 20)])
def test_odd_and_blank_images_have_fingerprints(size):
    black, grey = (image_fingerprint(Image.new("RGB", size, (level,) * 3)) for level in (0, 130))
    assert [len(data) for data in black] == [8, 48]
    assert grey[1] == b"\x82" * 48
    assert colours_apart(black, grey) == 130


def speech_like(rng, seconds=3.0):
    """Return noise bursts with formants that move: syllables of no language."""
    count = int(seconds * 16_000)
    times = np.arange(count) / 16_000
    sound = np.zeros(count)
    at = 0.1
    while at < seconds - 0.3:
        length = rng.uniform(0.08, 0.3)
        shape = np.exp(-(((times - at - length / 2) / (length / 3)) ** 2))
        for _ in range(3):
            frequency = rng.uniform(200, 3400) + rng.uniform(-2000, 2000) * (times - at)
            sound += shape * rng.uniform(0.1, 1) * np.sin(2 * np.pi * np.cumsum(frequency) / 16_000)
        at += length + rng.uniform(0, 0.15)
    sound += 10**-2.2 * rng.standard_normal(count)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def through_mp3(samples, rate=16_000, bit_rate=32_000):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate)
        stream.codec_context.layout = "mono"
        stream.codec_context.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = 16_000
        for part in av.AudioResampler("fltp", "mono", rate).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return decode_audio(buffer.getvalue(), start=None, duration=None, max_seconds=100).samples


def same_recording(samples, rng):
    level = float(np.sqrt(np.mean(samples**2)))
    quiet = np.zeros(4000, dtype=np.float32)
    return {
        "gain": 0.1 * samples,
        "noise of -30 dB": samples + (10**-1.5 * level * rng.standard_normal(len(samples))).astype(np.float32),
        "padding": np.concatenate([quiet, samples, quiet]),
        "trim": samples[1200:-900],
        "mp3": through_mp3(samples),
        "mp3 at 8 kHz": through_mp3(samples, 8_000, 16_000),
    }


def test_recordings_are_known_again_and_told_apart():
    rng = np.random.default_rng(0)
    clips = [speech_like(rng, seconds) for seconds in (1.5, 2.0, 3.0, 3.0, 6.0)]
    prints = [audio_fingerprint(clip) for clip in clips]
    for clip, found in zip(clips, prints, strict=True):
        assert found.shape == (NUM_AUDIO_VALUES,)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
        for name, other in same_recording(clip, rng).items():
            assert float(found @ audio_fingerprint(other)) > 0.93, name
    others = np.array(prints) @ np.array(prints).T - 2 * np.eye(len(prints))
    assert others.max() < 0.7


def test_real_recordings(shared_data):
    rng = np.random.default_rng(1)
    files = sorted((shared_data / "real-speech" / "audio").iterdir())
    clips = [decode_audio(file.read_bytes(), start=None, duration=None, max_seconds=100).samples for file in files[::3]]
    prints = np.array([audio_fingerprint(clip) for clip in clips])
    likeness = prints @ prints.T - 2 * np.eye(len(prints))
    assert likeness.max() < 0.8
    for clip, found in zip(clips, prints, strict=True):
        quieter = 0.5 * clip + (1e-4 * rng.standard_normal(len(clip))).astype(np.float32)
        assert float(found @ audio_fingerprint(through_mp3(quieter))) > 0.93


def test_what_cannot_be_recognised_has_no_fingerprint():
    times = np.arange(32_000) / 16_000
    silence, tone = np.zeros(32_000, np.float32), (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    for samples in (np.zeros(0, np.float32), np.ones(100, np.float32), silence, tone, tone[:2000]):
        assert audio_fingerprint(samples) is None


def test_hours_take_blocks():
    rng = np.random.default_rng(2)
    piece = np.concatenate([speech_like(rng, 3.0) for _ in range(4)])
    # Longer than one block of frames; the spectrum of a whole is not that of its first block.
    long = np.tile(piece, 16)[: 180 * 16_000]
    assert float(audio_fingerprint(long) @ audio_fingerprint(long[800:])) > 0.97
