"""Media made small enough to travel inside the page: thumbnails, short clips and waveforms as ``data:`` URIs.

The page must open offline and years later, on a machine without the dataset. So pictures and sounds are re-encoded
small and embedded, up to a bound for the whole page; what does not fit, or cannot be read, is said in its place.
"""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass
from typing import ClassVar

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcheck.core.errors import MediaError
from mmcheck.core.types import MediaRef
from mmcheck.media.audio import decode_audio
from mmcheck.media.image import decode_image
from mmcheck.media.source import MediaSource
from mmcheck.report.shown_text import show_plain

MAX_MEDIA_BYTES = 32 << 20
"""Base64 characters of media that one page holds at most. Our own choice: a browser opens it at once."""
SAMPLE_RATE = 16_000
"""Hz of the players' sound. Given by the decoded recordings."""
_BIT_RATE = 24_000  # bits a second of the players' sound; our own choice: speech is clear
_OPUS_OPTIONS = {"application": "voip", "compression_level": "3"}
_WAVE_COLUMNS = 150  # columns of a waveform; our own choice: two units each
WAVE_WIDTH, WAVE_HEIGHT = 300, 36
"""Size of a waveform drawing in SVG units. Our own choice: as wide as a player."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture."""

    is_shown: ClassVar[bool] = True
    uri: str
    """``data:`` URI of a JPEG."""
    width: int
    """Its width in pixels."""
    height: int
    """Its height in pixels."""
    source_size: str
    """Size of the image itself, as the file says: ``640 x 480``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A short recording."""

    is_shown: ClassVar[bool] = True
    uri: str
    """``data:`` URI of Ogg/Opus, or of WAV where PyAV has no Opus encoder."""
    seconds: float
    """Length of the clip."""
    is_cut: bool
    """Whether the recording (or segment) is longer than the clip."""
    whole_seconds: float | None
    """Length of the whole recording (or segment), if it is known."""
    waveform: str
    """SVG path of its envelope."""
    is_silent: bool
    """Whether every sample is zero or nearly so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """Stands where a medium cannot be shown."""

    is_shown: ClassVar[bool] = False
    reason: str
    """Why, in plain words."""
    cause: str
    """Stable word."""


PAGE_FULL = Placeholder(reason="left out to keep this page small", cause="page_full")
"""Stands where the page's bound on media is reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedOptions:
    """How small."""

    thumbnail_pixels: int
    """Longer side of a thumbnail."""
    max_audio_seconds: float
    """Length of a clip."""
    max_pixels: int
    """Larger images are refused undecoded."""


def make_thumbnail(ref: MediaRef, source: MediaSource, options: EmbedOptions) -> Thumbnail | Placeholder:
    """Return a thumbnail of the image at ``ref``, or why there is none."""
    try:
        decoded = decode_image(source.read(ref), min_side=options.thumbnail_pixels, max_pixels=options.max_pixels)
    except MediaError as error:
        return Placeholder(reason=show_plain(error.message, 300), cause=error.cause)
    image = decoded.image.convert("RGB")
    side = options.thumbnail_pixels
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80, optimize=True)
    return Thumbnail(
        uri=_data_uri("image/jpeg", buffer.getvalue()),
        width=image.width,
        height=image.height,
        source_size=f"{decoded.width} x {decoded.height}",
    )


def make_clip(ref: MediaRef, source: MediaSource, options: EmbedOptions) -> Clip | Placeholder:
    """Return the beginning of the recording (or segment) at ``ref`` as a clip, or why there is none."""
    cap = options.max_audio_seconds
    wanted = ref.duration if ref.duration is not None else float("inf")
    try:
        # A little more than is shown, to know whether something is left out.
        audio = decode_audio(
            source.read(ref),
            start=ref.start,
            duration=min(wanted, cap + 0.5),
            max_seconds=float("inf"),
            channel=ref.channel,
        )
    except MediaError as error:
        return Placeholder(reason=show_plain(error.message, 300), cause=error.cause)
    samples = np.asarray(audio.samples, dtype=np.float32)
    if not samples.size:
        return Placeholder(reason="the recording has no samples", cause="empty")
    shown = samples[: int(cap * SAMPLE_RATE)]
    return Clip(
        uri=encode_clip(shown),
        seconds=shown.size / SAMPLE_RATE,
        is_cut=samples.size > shown.size,
        whole_seconds=ref.duration if ref.duration is not None else _rest(audio.info.file_duration, ref.start),
        waveform=draw_waveform(shown),
        is_silent=bool(np.max(np.abs(shown)) < 1e-3),
    )


def encode_clip(samples: npt.NDArray[np.float32]) -> str:
    """Return 16 kHz mono samples in -1..1 as the ``data:`` URI of an Ogg/Opus file, or of a WAV file."""
    pcm = (np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
    try:
        return _data_uri("audio/ogg", _encode_opus(pcm))
    except (av.FFmpegError, ValueError):  # a PyAV without libopus
        return _data_uri("audio/wav", _encode_wav(pcm))


def draw_waveform(samples: npt.NDArray[np.float32]) -> str:
    """Return the envelope of ``samples`` as an SVG path in a box of ``WAVE_WIDTH`` x ``WAVE_HEIGHT``.

    Heights follow the square root of the peak, so that quiet speech can be told from silence.
    """
    columns = min(_WAVE_COLUMNS, samples.size)
    bounds = np.linspace(0, samples.size, columns + 1).astype(np.int64)[:-1]
    peaks = np.sqrt(np.clip(np.maximum.reduceat(np.abs(samples), bounds), 0.0, 1.0))
    middle, half = WAVE_HEIGHT / 2, WAVE_HEIGHT / 2 - 1
    step = WAVE_WIDTH / columns
    upper = [f"{(n + 0.5) * step:.0f} {middle - max(peak * half, 0.4):.1f}" for n, peak in enumerate(peaks)]
    lower = [f"{(n + 0.5) * step:.0f} {middle + max(peak * half, 0.4):.1f}" for n, peak in enumerate(peaks)]
    return "M" + "L".join(upper + lower[::-1]) + "Z"


class MediaBudget:
    """Counts what the page holds, and refuses what no longer fits.

    Args:
        limit: Base64 characters that may be spent.
    """

    def __init__(self, limit: int = MAX_MEDIA_BYTES) -> None:
        self.limit = limit
        self.spent = 0
        self.refused = 0

    @property
    def is_spent(self) -> bool:
        """Return whether something was refused already, so that making more is in vain."""
        return self.refused > 0

    def take(self, medium: Thumbnail | Clip | Placeholder) -> Thumbnail | Clip | Placeholder:
        """Return ``medium`` if it still fits, else a placeholder that says so."""
        if isinstance(medium, Placeholder):
            self.refused += medium.cause == "page_full"
            return medium
        if self.spent + len(medium.uri) > self.limit:
            self.refused += 1
            return PAGE_FULL
        self.spent += len(medium.uri)
        return medium


def _rest(whole: float | None, start: float | None) -> float | None:
    return None if whole is None else max(0.0, whole - (start or 0.0))


def _encode_opus(pcm: npt.NDArray[np.int16]) -> bytes:
    buffer = io.BytesIO()
    # bitexact: no random stream serial, so that equal runs give equal pages.
    with av.open(buffer, "w", format="ogg", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, options=_OPUS_OPTIONS)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "s16"
        stream.codec_context.bit_rate = _BIT_RATE
        for start in range(0, pcm.size, SAMPLE_RATE):
            frame = av.AudioFrame.from_ndarray(pcm[None, start : start + SAMPLE_RATE], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _encode_wav(pcm: npt.NDArray[np.int16]) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm.astype("<i2").tobytes())
    return buffer.getvalue()


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
