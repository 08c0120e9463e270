"""Memory that is reserved before it is taken, and time after which a file is given up."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcheck.core.errors import MediaError
from mmcheck.media.audio import decode_audio
from mmcheck.media.decoding_bytes import decoding_bytes
from mmcheck.media.decoding_limits import DecodingMemory
from mmcheck.media.image import decode_image
from mmcheck.media.jpeg_damage import jpeg_damage

Tone = Callable[..., np.ndarray[Any, Any]]


def hold_all(memory: DecodingMemory, sizes: list[int]) -> int:
    """Let one thread a size reserve it; return the most that was held at once."""
    held, most, lock = 0, 0, threading.Lock()

    def work(size: int) -> None:
        nonlocal held, most
        with memory.reserve(size):
            with lock:
                held += size
                most = max(most, held)
            time.sleep(0.01)
            with lock:
                held -= size

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return most


def test_threads_never_hold_more_than_the_limit() -> None:
    assert hold_all(DecodingMemory(100), [40] * 12) <= 100


def test_what_needs_more_than_the_limit_is_alone() -> None:
    assert hold_all(DecodingMemory(100), [30, 30, 250, 30, 250, 30]) == 250


def test_room_comes_back_after_an_error() -> None:
    memory = DecodingMemory(10)
    with pytest.raises(ValueError, match="broken"), memory.reserve(10):
        raise ValueError("broken")
    assert hold_all(memory, [10]) == 10


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "CMYK", "P"])
def test_the_estimate_covers_the_pixels(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (500, 400)).save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    file: Any = Image.open(buffer)
    kind = file.format
    assert decoding_bytes(file, buffer.getvalue(), kind, file.size, None) >= 500 * 400 * 4
    assert decoding_bytes(file, buffer.getvalue(), kind, file.size, 64) >= 500 * 400


def webp_with_canvas(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    data = bytearray(buffer.getvalue())
    assert data[12:16] == b"VP8X"
    data[24:27], data[27:30] = (width - 1).to_bytes(3, "little"), (height - 1).to_bytes(3, "little")
    return bytes(data)


@pytest.mark.parametrize(("width", "height"), [(64, 1 << 24), (12_000, 12_000), (1 << 24, 1 << 24)])
def test_an_animated_canvas_beyond_the_limit_is_too_large(width: int, height: int) -> None:
    with pytest.raises(MediaError) as error:
        decode_image(webp_with_canvas(width, height), min_side=None, max_pixels=100_000_000)
    assert error.value.cause == "too_large"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "BMP"])
def test_other_kinds_beyond_the_limit_are_too_large(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("L", (400, 300)).save(buffer, kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    with pytest.raises(MediaError) as error:
        decode_image(buffer.getvalue(), min_side=None, max_pixels=100_000)
    assert error.value.cause == "too_large"


def many_scans(number: int) -> bytes:
    """Return a progressive JPEG whose last scan stands there again and again: small, and slow to decode."""
    buffer = io.BytesIO()
    Image.new("L", (1500, 1500), 90).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * number + b"\xff\xd9"


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    data = many_scans(3000)
    assert len(data) < 3_000_000
    with pytest.raises(MediaError, match=r"more than 0\.2 s") as error:
        decode_image(data, min_side=None, max_pixels=10**8, max_seconds=0.2)
    assert error.value.cause == "too_slow"
    assert "max_decode_seconds" in str(error.value.hint)
    assert jpeg_damage(data) == 0.0, "not gone through again"


def test_a_recording_that_takes_too_long_is_given_up(tone: Tone, wav_bytes: Callable[..., bytes]) -> None:
    wav = wav_bytes((tone(60.0, 48_000) * 32767).astype(np.int16), 48_000)
    with pytest.raises(MediaError) as error:
        decode_audio(wav, start=None, duration=None, max_seconds=7200, max_decode_seconds=1e-4)
    assert error.value.cause == "too_slow"


def test_ordinary_files_are_not_given_up(tone: Tone, wav_bytes: Callable[..., bytes]) -> None:
    assert decode_image(many_scans(1), min_side=None, max_pixels=10**8).width == 1500
    assert decode_audio(wav_bytes(tone(1.0)), start=None, duration=None, max_seconds=7200).duration == 1.0
