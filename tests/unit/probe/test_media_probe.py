"""The media probe on real small files: values with the right meaning, and nothing where nothing applies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcheck.config import MediaProbeConfig
from mmcheck.core.errors import MediaError
from mmcheck.core.types import Measurement, MediaRef, Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.media import MediaProbe


@pytest.fixture(scope="module")
def probe() -> MediaProbe:
    made = MediaProbe(MediaProbeConfig(), "cpu", 0)
    made.open()
    return made


def run(probe: MediaProbe, sample: Sample) -> Measurement:
    payload = probe.prepare(SampleMedia(sample, MediaSource(allow_remote=False), min_side=64))
    (found,) = probe.measure([Prepared(sample=sample, payload=payload)])
    assert found.sample_id == sample.id
    assert {f"media.{name}" for name in found.values} <= {metric.name for metric in probe.metrics}
    for metric in probe.metrics:
        value = found.values.get(metric.name.removeprefix("media."))
        assert value is None or (metric.low is None or value >= metric.low)
        assert value is None or (metric.high is None or value <= metric.high)
    return found


def sample_of(path: Path, kind: str, **fields: Any) -> Sample:
    start, duration = fields.pop("start", None), fields.pop("duration", None)
    ref = MediaRef(uri=str(path), start=start, duration=duration)
    return Sample(id="s", manifest="m.jsonl", row_number=1, **{kind: ref}, **fields)


def test_an_image(probe: MediaProbe, tmp_path: Path, picture: Callable[..., Image.Image]) -> None:
    path = tmp_path / "x.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(300, 150).save(path, "JPEG", exif=exif.tobytes())
    found = run(probe, sample_of(path, "image"))
    assert (found.values["width"], found.values["height"], found.values["short_side"]) == (150, 300, 150)
    assert (found.values["aspect_ratio"], found.values["orientation"], found.values["wrong_suffix"]) == (2, 6, 1)
    assert found.values["blankness"] < 0.2
    assert found.content["image_sha256"] == hashlib.sha256(path.read_bytes()).digest()
    assert (found.evidence["format"], found.evidence["mode"]) == ("JPEG", "RGB")


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 90)])
def test_blank_images_are_blank(probe: MediaProbe, tmp_path: Path, colour: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0).normal(0, 2, (200, 200, 3))
    for name, pixels in (("plain", np.zeros((200, 200, 3))), ("noise", noise)):
        path = tmp_path / f"{name}.jpg"
        Image.fromarray(np.clip(pixels + colour, 0, 255).astype(np.uint8)).save(path, quality=80)
        assert run(probe, sample_of(path, "image")).values["blankness"] > 0.9


def test_a_small_object_is_not_blank_even_at_equal_luma(probe: MediaProbe, tmp_path: Path) -> None:
    pixels = np.full((200, 200, 3), (0, 130, 0), np.uint8)
    pixels[80:120, 80:120] = (255, 0, 0)  # luma 76 on luma 76
    path = tmp_path / "x.png"
    Image.fromarray(pixels).save(path)
    assert run(probe, sample_of(path, "image")).values["blankness"] < 0.05


def test_real_images_are_not_blank(probe: MediaProbe, shared_data: Path) -> None:
    files = sorted((shared_data / "real-images" / "images").iterdir())
    assert files
    assert max(run(probe, sample_of(file, "image")).values["blankness"] for file in files[::6]) < 0.2


def test_a_recording(
    probe: MediaProbe, tmp_path: Path, tone: Callable[..., Any], wav_bytes: Callable[..., bytes]
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav_bytes(tone(2.0, 8_000), 8_000))
    found = run(probe, sample_of(path, "audio", transcript="hello world"))
    assert (found.values["duration"], found.values["sampling_rate"], found.values["channels"]) == (2.0, 8000, 1)
    assert found.values["rms_db"] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)
    assert (found.values["speech_seconds"], found.values["speech_ratio"]) == (0, 0)
    assert "chars_per_second" not in found.values, "no speech: a rate of speech means nothing"
    assert found.content["audio_sha256"] == hashlib.sha256(path.read_bytes()).digest()


def test_without_voice_activity_rates_use_the_duration(
    tmp_path: Path, tone: Callable[..., Any], wav_bytes: Callable[..., bytes]
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav_bytes(tone(2.0)))
    probe = MediaProbe(MediaProbeConfig(vad=False), "cpu", 0)
    found = run(probe, sample_of(path, "audio", transcript="Hello, world!"))
    assert (found.values["chars_per_second"], found.values["words_per_second"]) == (5, 1)
    assert "speech_ratio" not in found.values
    chinese = run(probe, sample_of(path, "audio", transcript="你好世界"))
    assert chinese.values["chars_per_second"] == 2
    assert "words_per_second" not in chinese.values
    assert "chars_per_second" not in run(probe, sample_of(path, "audio")).values
    assert probe.fingerprint() != MediaProbe(MediaProbeConfig(), "cpu", 0).fingerprint()


def test_silence_has_a_level(probe: MediaProbe, tmp_path: Path, wav_bytes: Callable[..., bytes]) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav_bytes(np.zeros(16_000, np.int16)))
    found = run(probe, sample_of(path, "audio", transcript="said"))
    assert (found.values["rms_db"], found.values["peak"], found.values["speech_ratio"]) == (-120, 0, 0)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"row": {"audio_filepath": "x.wav", "duration": 3.5}}, 1.5),
        ({"row": {"audio_filepath": "x.wav", "duration": "2.0"}}, 0),
        ({"duration": 1.25}, 0.75),  # a whole file that is longer than its row says
        ({"start": 0.5, "duration": 1.0}, 0),
        ({"start": 1.5, "duration": 1.0}, 0.5),  # a segment that ends beyond the file
        ({"row": {"file": "x.wav", "duration": 2000}}, None),
        ({"row": {"audio_filepath": "x.wav", "duration": None}}, None),
        ({"row": {"audio_filepath": "x.wav", "duration": "two"}}, None),
    ],
)
def test_declared_duration(
    fields: dict[str, Any],
    wanted: float | None,
    probe: MediaProbe,
    tmp_path: Path,
    tone: Callable[..., Any],
    wav_bytes: Callable[..., bytes],
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav_bytes(tone(2.0)))
    error = run(probe, sample_of(path, "audio", **fields)).values.get("declared_duration_error")
    assert error == (None if wanted is None else pytest.approx(wanted, abs=1e-6))


def test_fingerprints_are_kept_and_can_be_left_out(
    tmp_path: Path, tone: Callable[..., Any], wav_bytes: Callable[..., bytes], picture: Callable[..., Image.Image]
) -> None:
    picture(300, 200).save(tmp_path / "x.jpg")
    (tmp_path / "x.wav").write_bytes(wav_bytes(tone(1.0)))
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000) * np.hanning(16_000) ** 2
    (tmp_path / "y.wav").write_bytes(wav_bytes(noise.astype(np.float32)))
    for wanted in (True, False):
        probe = MediaProbe(MediaProbeConfig(vad=False, fingerprints=wanted), "cpu", 0)
        image = run(probe, sample_of(tmp_path / "x.jpg", "image"))
        assert ("image_phash" in image.content, "image_colours" in image.content) == (wanted, wanted)
        assert not image.embeddings
        assert ("audio" in run(probe, sample_of(tmp_path / "y.wav", "audio")).embeddings) == wanted
        assert "audio" not in run(probe, sample_of(tmp_path / "x.wav", "audio")).embeddings, "a steady tone"


def test_segments_of_one_file_differ_in_their_digest(
    probe: MediaProbe, tmp_path: Path, wav_bytes: Callable[..., bytes]
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav_bytes(np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)))
    first, second, again = (
        run(probe, sample_of(path, "audio", start=start, duration=0.5)).content["audio_sha256"] for start in (0, 1, 0)
    )
    assert first == again != second


def test_no_medium_and_broken_media(probe: MediaProbe, tmp_path: Path) -> None:
    with pytest.raises(NotApplicable):
        run(probe, Sample(id="s", manifest="m", row_number=1, caption="text only"))
    (tmp_path / "x.jpg").write_bytes(b"<html>")
    for name, cause in (("x.jpg", "not_an_image"), ("y.jpg", "missing")):
        with pytest.raises(MediaError) as error:
            run(probe, sample_of(tmp_path / name, "image"))
        assert error.value.cause == cause


def test_threads_agree(probe: MediaProbe, shared_data: Path) -> None:
    file = shared_data / "real-speech" / "audio" / "tts_LJ001-0002.flac"
    sample = sample_of(file, "audio", transcript="in being comparatively modern.", language="en")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: run(probe, sample), range(8)))
    assert all((one.values, one.evidence) == (found[0].values, found[0].evidence) for one in found)
    assert all(np.array_equal(one.embeddings["audio"], found[0].embeddings["audio"]) for one in found)
    assert found[0].values["speech_ratio"] > 0.7
    assert 8 < found[0].values["chars_per_second"] < 20
