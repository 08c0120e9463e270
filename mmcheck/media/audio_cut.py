"""A segment, or one channel, of a recording as a file of its own, at the recording's own rate and depth.

Made as WAV, which every reader takes and which says the same bytes each time. What was 16 bits deep, or came from a
lossy codec, gets 16 bits; what was deeper gets 24.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from mmcheck.core.errors import MediaError
from mmcheck.media.audio import ANY_METADATA, DEMUXERS, refuse_open
from mmcheck.media.decoding_limits import MAX_SECONDS, Deadline

_PREROLL_SECONDS = 1.0
"""Seconds decoded before a segment. Our own choice: lossy codecs need some packets before the first right sample."""
_DEEP = ("pcm_s24", "pcm_s32", "pcm_f32", "pcm_f64", "flac", "alac", "wavpack", "tta")
"""Beginnings of FFmpeg's names of codecs that may hold more than 16 bits."""


def cut_audio(
    data: bytes,
    *,
    start: float | None = None,
    duration: float | None = None,
    channel: int | None = None,
    max_decode_seconds: float = MAX_SECONDS,
) -> bytes:
    """Return a part of a recording as a WAV file.

    Args:
        data: A whole audio file (or a video file with sound).
        start: First second; None for the beginning.
        duration: Length in seconds; None for everything to the end.
        channel: The one channel that is wanted, 0-based; None: all. A mono recording has one.
        max_decode_seconds: Files that take more processor time are given up.

    Raises:
        MediaError: With cause ``undecodable``, ``no_audio_stream``, ``segment_outside`` or ``too_slow``.
    """
    try:
        with av.open(
            io.BytesIO(data), mode="r", options={"format_whitelist": DEMUXERS}, io_open=refuse_open, **ANY_METADATA
        ) as container:
            if not container.streams.audio:
                raise MediaError("the file holds no audio stream", cause="no_audio_stream")
            stream = container.streams.audio[0]
            rate, name = int(stream.codec_context.sample_rate), stream.codec_context.name
            deadline = Deadline(max_decode_seconds, "recording")
            blocks = list(_blocks(container, stream, rate, start or 0.0, duration, channel, deadline))
    except (av.error.FFmpegError, ValueError, OSError, OverflowError, MemoryError) as error:
        said = " ".join(str(error).split())
        raise MediaError(f"the recording cannot be cut: {said}", cause="undecodable") from error
    if not blocks:
        raise MediaError(f"the segment begins at {start or 0.0:g} s, where there is no sound", cause="segment_outside")
    return _wav(np.concatenate(blocks, axis=1), rate, is_deep=name.startswith(_DEEP) and blocks[0].dtype != np.int16)


def _blocks(
    container: Any,
    stream: Any,
    rate: int,
    start: float,
    duration: float | None,
    channel: int | None,
    deadline: Deadline,
) -> Iterator[NDArray[Any]]:
    """Yield [channels, n] blocks inside the segment, in order: int16, or float32 of full scale 1."""
    origin = max(0.0, float(stream.start_time * stream.time_base)) if stream.start_time is not None else 0.0
    first, last = round(start * rate), None if duration is None else round((start + duration) * rate)
    position: int | None = 0
    if start > 2 * _PREROLL_SECONDS:
        container.seek(int((start - _PREROLL_SECONDS + origin) / stream.time_base), stream=stream)
        position = None  # known from the first frame's time stamp
    for frame in container.decode(stream):
        deadline.check()
        block = _channels(frame)
        if position is None:
            seconds = float(frame.pts * stream.time_base) - origin if frame.pts is not None else 0.0
            position = max(0, round(seconds * rate))
        low = max(0, first - position)
        high = block.shape[1] if last is None else min(block.shape[1], last - position)
        position += block.shape[1]
        if high > low:
            if channel is not None and block.shape[0] > 1:
                if channel >= block.shape[0]:
                    raise MediaError(
                        f"the recording has no channel {channel} (counted from 0)", cause="segment_outside"
                    )
                block = block[channel : channel + 1]
            yield block[:, low:high]
        if last is not None and position >= last:
            return


def _channels(frame: AudioFrame) -> NDArray[Any]:
    raw = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, len(frame.layout.channels)).T
    if raw.dtype == np.int16:
        return raw
    if raw.dtype == np.uint8:
        return ((raw.astype(np.int16) - 128) * 256).astype(np.int16)
    if raw.dtype.kind == "i":
        return (raw.astype(np.float64) / 2.0 ** (8 * raw.dtype.itemsize - 1)).astype(np.float32)
    return np.nan_to_num(raw.astype(np.float32), nan=0.0, posinf=1.0, neginf=-1.0)


def _wav(samples: NDArray[Any], rate: int, *, is_deep: bool) -> bytes:
    """Return [channels, n] samples as a WAV file."""
    width = 3 if is_deep else 2
    if samples.dtype == np.int16:
        body = np.ascontiguousarray(samples.T, dtype="<i2").tobytes()
    else:
        top = 2.0 ** (8 * width - 1)
        whole = np.clip(np.rint(samples.T.astype(np.float64) * top), -top, top - 1).astype("<i4")
        body = np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(body)
    return buffer.getvalue()
