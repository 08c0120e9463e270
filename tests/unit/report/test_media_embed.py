from __future__ import annotations

import base64
import io
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from PIL import Image

from mmcheck.core.types import MediaRef
from mmcheck.media.source import MediaSource
from mmcheck.report import media_embed
from mmcheck.report.media_embed import (
    Clip,
    EmbedOptions,
    MediaBudget,
    Placeholder,
    Thumbnail,
    draw_waveform,
    encode_clip,
    make_clip,
    make_thumbnail,
)

OPTIONS = EmbedOptions(thumbnail_pixels=64, max_audio_seconds=2.0, max_pixels=10_000_000)
SOURCE = MediaSource(allow_remote=False)


def payload(uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2])


def decoded_seconds(uri: str) -> float:
    with av.open(io.BytesIO(payload(uri))) as container:
        rate = container.streams.audio[0].codec_context.sample_rate
        return sum(frame.samples for frame in container.decode(audio=0)) / rate


def test_a_thumbnail_is_a_small_jpeg_of_the_same_shape(tmp_path: Path, report_run: ModuleType) -> None:
    shown = make_thumbnail(report_run.draw_image(tmp_path / "a.png", 3, (400, 200)), SOURCE, OPTIONS)
    assert isinstance(shown, Thumbnail)
    assert (shown.width, shown.height, shown.source_size) == (64, 32, "400 x 200")
    image = Image.open(io.BytesIO(payload(shown.uri)))
    assert (image.format, image.size) == ("JPEG", (64, 32))


def test_a_clip_is_cut_and_says_how_long_the_recording_is(tmp_path: Path, report_run: ModuleType) -> None:
    shown = make_clip(report_run.write_tone(tmp_path / "a.wav", 5.0), SOURCE, OPTIONS)
    assert isinstance(shown, Clip)
    assert shown.uri.startswith("data:audio/ogg;base64,")
    assert (shown.seconds, shown.is_cut, shown.whole_seconds) == (2.0, True, 5.0)
    assert decoded_seconds(shown.uri) == pytest.approx(2.0, abs=0.05)
    assert not shown.is_silent


def test_a_clip_of_a_segment_is_that_segment(tmp_path: Path, report_run: ModuleType) -> None:
    whole = report_run.write_tone(tmp_path / "a.wav", 5.0)
    shown = make_clip(MediaRef(uri=whole.uri, start=1.0, duration=0.75), SOURCE, OPTIONS)
    assert isinstance(shown, Clip)
    assert (shown.seconds, shown.is_cut) == (0.75, False)


def test_silence_is_told(tmp_path: Path, report_run: ModuleType) -> None:
    shown = make_clip(report_run.write_tone(tmp_path / "a.wav", 1.0, amplitude=0.0), SOURCE, OPTIONS)
    assert isinstance(shown, Clip)
    assert shown.is_silent


@pytest.mark.parametrize(
    ("content", "cause"), [(None, "missing"), (b"", "empty"), (b"no medium at all", None), (b"\xff\xd8\xff", None)]
)
def test_what_cannot_be_read_becomes_a_placeholder(tmp_path: Path, content: bytes | None, cause: str | None) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    for make in (make_thumbnail, make_clip):
        shown = make(MediaRef(uri=str(path)), SOURCE, OPTIONS)
        assert isinstance(shown, Placeholder)
        assert shown.reason
        assert cause in (None, shown.cause)


def test_equal_sound_gives_equal_bytes_and_wav_stands_in_for_opus(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.sin(np.arange(8000) / 9).astype(np.float32)
    assert encode_clip(samples) == encode_clip(samples)

    def no_encoder(pcm: object) -> bytes:
        raise ValueError("no libopus")

    monkeypatch.setattr(media_embed, "_encode_opus", no_encoder)
    uri = encode_clip(samples)
    assert uri.startswith("data:audio/wav;base64,")
    assert decoded_seconds(uri) == 0.5


@pytest.mark.parametrize("count", [1, 7, 149, 16_000])
def test_a_waveform_is_a_closed_path_of_numbers(count: int) -> None:
    path = draw_waveform(np.ones(count, dtype=np.float32))
    assert path[0] == "M"
    assert path[-1] == "Z"
    points = [tuple(map(float, point.split())) for point in path[1:-1].split("L")]
    assert all(0 <= x <= media_embed.WAVE_WIDTH and 0 <= y <= media_embed.WAVE_HEIGHT for x, y in points)
    assert min(y for _, y in points) == 1.0, "full scale fills the box"


def test_the_budget_refuses_what_no_longer_fits_and_counts_it() -> None:
    budget = MediaBudget(100)
    thumbnail = Thumbnail(uri="x" * 60, width=1, height=1, source_size="")
    assert budget.take(thumbnail) is thumbnail
    assert isinstance(budget.take(thumbnail), Placeholder)
    assert (budget.spent, budget.refused, budget.is_spent) == (60, 1, True)
    assert budget.take(Placeholder(reason="gone", cause="missing")).cause == "missing"  # type: ignore[union-attr]
    assert budget.refused == 1
