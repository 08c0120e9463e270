"""How long a recording is, at which rate and in how many channels, by its header alone.

libsndfile is asked first, because that is what trainers read with; FFmpeg knows the kinds that it does not.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

import av
import av.error
import soundfile

from mmcheck.core.errors import MediaError
from mmcheck.media.audio import ANY_METADATA, DEMUXERS, refuse_open

_UNKNOWN_FRAMES = 1 << 62  # length of a file whose length is not known; given by libsndfile


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioShape:
    """What the header of a recording says."""

    sampling_rate: int
    """Hz."""
    channels: int
    """How many."""
    num_samples: int
    """Samples a channel."""

    @property
    def duration(self) -> float:
        """Return the length in seconds."""
        return self.num_samples / self.sampling_rate


def read_shape(source: bytes | str) -> AudioShape:
    """Return what the header of a recording says.

    Args:
        source: A whole audio file, or the path of one.

    Raises:
        MediaError: With cause ``missing``, ``no_audio_stream`` or ``undecodable``.
    """
    if isinstance(source, str) and not os.path.isfile(source):
        raise MediaError(f"there is no file {source}", cause="missing")
    try:
        found = soundfile.info(io.BytesIO(source) if isinstance(source, bytes) else source)
        if found.samplerate > 0 and 0 < found.frames < _UNKNOWN_FRAMES:
            return AudioShape(
                sampling_rate=int(found.samplerate), channels=int(found.channels), num_samples=int(found.frames)
            )
    except (soundfile.LibsndfileError, ValueError, OSError):
        pass  # a kind that libsndfile does not know
    return _by_ffmpeg(source)


def _by_ffmpeg(source: bytes | str) -> AudioShape:
    try:
        with (
            io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file,
            av.open(
                file, mode="r", options={"format_whitelist": DEMUXERS}, io_open=refuse_open, **ANY_METADATA
            ) as container,
        ):
            if not container.streams.audio:
                raise MediaError("the file holds no audio stream", cause="no_audio_stream")
            stream = container.streams.audio[0]
            rate, channels = int(stream.codec_context.sample_rate), int(stream.codec_context.channels)
            seconds = None
            if stream.duration and stream.time_base is not None:
                seconds = float(stream.duration * stream.time_base)
            elif container.duration:
                seconds = container.duration / 1_000_000
    except (av.error.FFmpegError, ValueError, OSError, OverflowError, MemoryError) as error:
        said = " ".join(str(error).split())
        raise MediaError(f"the recording cannot be opened: {said}", cause="undecodable") from error
    if seconds is None or seconds <= 0 or rate <= 0:
        raise MediaError("the recording does not say how long it is", cause="undecodable")
    return AudioShape(sampling_rate=rate, channels=channels, num_samples=max(1, round(seconds * rate)))
