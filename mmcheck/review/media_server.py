"""The pictures and recordings of a run, made fit for a browser.

A medium is named by the number of its row, never by a path, so nothing but what the run refers to can be asked for.
What leaves is always encoded anew from what mmcheck decodes: a file that only looks like a picture is never handed on.
"""

from __future__ import annotations

import io
import threading
import wave
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from mmcheck.config import Config
from mmcheck.core.errors import MediaError, MmcheckError
from mmcheck.core.types import MediaRef, Sample
from mmcheck.media.audio import SAMPLING_RATE, decode_audio
from mmcheck.media.image import decode_image
from mmcheck.media.source import MediaSource
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import table_to_samples

SIDES = {"small": 280, "page": 1280, "full": 6000}
"""Longer side of a picture in pixels. Our own choice: of a card, of a screen, of what a browser shows without
effort."""
MAX_SECONDS = 600.0
"""Seconds of a recording that are played. Our own choice: nobody judges a pair by more, and it is 19 MB."""
_CACHE_BYTES = 192 << 20  # bytes of encoded media that are kept; our own choice: bounds memory
_QUALITY = 88  # of JPEGs; our own choice: no fault of a picture comes from it

Kind = Literal["image", "audio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A medium as it is sent."""

    data: bytes
    media_type: str


class MediaServer:
    """Gives out the media of one run. Thread-safe.

    Args:
        run: The run.
        config: Says how large media may be, and whether addresses may be fetched.
    """

    def __init__(self, run: RunFolder, config: Config) -> None:
        self._run = run
        self._max_pixels = config.probes.media.max_pixels
        self._source = MediaSource(allow_remote=config.input.allow_remote)
        self._kept: OrderedDict[tuple[int, str], Encoded] = OrderedDict()
        self._lock = threading.Lock()

    def picture(self, row: int, size: str) -> Encoded:
        """Return the picture of a row as a JPEG.

        Args:
            row: 0-based number in the run.
            size: Key of ``SIDES``.

        Raises:
            MediaError: If the row has none, or it cannot be decoded.
            RunError: If a part of the run folder is missing or damaged.
        """
        return self._find(row, size) or self._keep(row, size, self._picture(self._ref(row, "image"), SIDES[size]))

    def sound(self, row: int) -> Encoded:
        """Return the recording (or segment) of a row as WAV: 16 kHz, mono, as the models hear it.

        Args:
            row: 0-based number in the run.

        Raises:
            MediaError: If the row has none, or it cannot be decoded.
            RunError: If a part of the run folder is missing or damaged.
        """
        return self._find(row, "sound") or self._keep(row, "sound", self._sound(self._ref(row, "audio")))

    def prepare(self, row: int) -> None:
        """Make what the page of a row will ask for, so that it is at hand; what cannot be made is told then.

        Args:
            row: 0-based number in the run.
        """
        with suppress(MmcheckError):
            sample = read_sample(self._run, row)
            if sample.image is not None:
                self.picture(row, "page")
            if sample.audio is not None:
                self.sound(row)

    def close(self) -> None:
        """Close every open container."""
        self._source.close()

    def _ref(self, row: int, kind: Kind) -> MediaRef:
        sample = read_sample(self._run, row)
        ref = sample.image if kind == "image" else sample.audio
        if ref is None:
            raise MediaError(f"the row has no {'image' if kind == 'image' else 'recording'}", cause="missing")
        return ref

    def _picture(self, ref: MediaRef, side: int) -> Encoded:
        decoded = decode_image(self._source.read(ref), min_side=side, max_pixels=self._max_pixels)
        image = decoded.image.convert("RGB")
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=_QUALITY)
        return Encoded(data=buffer.getvalue(), media_type="image/jpeg")

    def _sound(self, ref: MediaRef) -> Encoded:
        wanted = MAX_SECONDS if ref.duration is None else min(ref.duration, MAX_SECONDS)
        audio = decode_audio(
            self._source.read(ref), start=ref.start, duration=wanted, max_seconds=float("inf"), channel=ref.channel
        )
        pcm = (np.clip(np.asarray(audio.samples, dtype=np.float32), -1.0, 1.0) * 32767.0).astype("<i2")
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLING_RATE)
            file.writeframes(pcm.tobytes())
        return Encoded(data=buffer.getvalue(), media_type="audio/wav")

    def _find(self, row: int, what: str) -> Encoded | None:
        with self._lock:
            found = self._kept.get((row, what))
            if found is not None:
                self._kept.move_to_end((row, what))
            return found

    def _keep(self, row: int, what: str, made: Encoded) -> Encoded:
        with self._lock:
            self._kept[row, what] = made
            while len(self._kept) > 1 and sum(len(one.data) for one in self._kept.values()) > _CACHE_BYTES:
                self._kept.popitem(last=False)
        return made


def read_sample(run: RunFolder, row: int) -> Sample:
    """Return one row of a run as it was read.

    Args:
        run: The run.
        row: 0-based number in it.

    Raises:
        MediaError: If the run has no such row.
        RunError: If a part of the run folder is missing or damaged.
    """
    if not 0 <= row < run.record.rows:
        raise MediaError(f"the run has no row {row}", cause="missing")
    shard = run.shards()[row // run.record.shard_size]
    return table_to_samples(read_part(run.samples_part(shard)).slice(row - shard.start, 1))[0]
