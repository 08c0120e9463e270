"""Bytes of a recording -> 16 kHz mono float32, or a MediaError that says what is wrong with the file.

PyAV (FFmpeg as a library) decodes everything, so no program is started. FFmpeg would follow playlists to other
files and addresses; only demuxers that read one file are let through, and opening a second one is refused. What
FFmpeg passes over in silence (a file that ends early) is found by comparing the decoded length with the one in the
header.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from mmcheck.core.errors import MediaError
from mmcheck.media.audio_headers import declared_end, is_cut, known_length, sphere_packing
from mmcheck.media.decoding_limits import DECODING_MEMORY, MAX_SECONDS, Deadline
from mmcheck.media.sniffing import describe_foreign

SAMPLING_RATE = 16_000
"""Rate of every decoded recording in Hz. Given by Whisper and Silero, which take no other."""

DEMUXERS = "wav,w64,flac,mp3,ogg,mov,matroska,aac,aiff,au,caf,amr,wv,ac3,eac3,tta,ape,nistsphere"
# Tags that are not UTF-8 must not refuse a recording; PyAV 19 reads any and has no word for it any more.
ANY_METADATA: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "ignore"}
_GROUP = 1 << 19  # samples that are mixed and resampled in one go; our own choice: bounds memory
_SLACK_SECONDS = 0.1
"""Seconds that a header may promise too much. Our own choice: headers are often off by a frame; less than this is no
truncation."""
_SLACK_SHARE = 0.01  # share that a header may promise too much; our own choice: the same for long recordings
_PREROLL_SECONDS = 0.5
"""Seconds decoded before a segment. Our own choice: lossy codecs need some packets before the first right sample."""
_CANCELLED = 0.05
"""Share of its loudest channel's energy below which a mix has lost the signal. Our own choice: channels of opposite
sign leave nearly nothing, unlike ones a half."""
_MIN_RATE, _MAX_RATE = 1000, 1_000_000  # Hz that a recording may have; our own choice: all others are broken headers

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """What the file said and what its own samples show, before mixing and resampling."""

    sampling_rate: int
    """Hz, of the file."""
    channels: int
    """Channels of the file."""
    codec: str
    """FFmpeg's codec name: pcm_s16le, flac, mp3, opus, vorbis, aac ..."""
    container: str
    """FFmpeg's container name: wav, flac, mp3, ogg, mov ..."""
    duration: float
    """Seconds that were decoded (the segment, or the whole file)."""
    file_duration: float | None
    """Seconds of the whole file by its header; None if the header does not say."""
    num_samples: int
    """Samples a channel that were decoded, at the file's rate."""
    peak: float
    """Largest absolute sample over all channels; 1 is full scale (floating-point files may exceed it)."""
    clipping_ratio: float
    """Share of samples (all channels) at or beyond full scale, 0 to 1."""
    num_nonfinite: int
    """NaN and infinite samples, which were set to 0."""
    num_bad_packets: int
    """Packets that could not be decoded and were passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """A recording, or a segment of one, ready for the models."""

    samples: Samples
    """[num_samples] float32 in [-1, 1], 16 kHz, mono (mean of the channels)."""
    info: AudioInfo
    """What the file said."""
    sampling_rate: int = SAMPLING_RATE
    """Always 16000 Hz."""

    @property
    def duration(self) -> float:
        """Length of ``samples`` in seconds."""
        return len(self.samples) / self.sampling_rate


def decode_audio(
    data: bytes,
    *,
    start: float | None,
    duration: float | None,
    max_seconds: float,
    channel: int | None = None,
    max_decode_seconds: float = MAX_SECONDS,
) -> Audio:
    """Return the recording in ``data``, or the segment of it, as 16 kHz mono.

    Args:
        data: A whole audio file (or a video file with sound).
        start: First second of the segment; None for the beginning.
        duration: Length of the segment in seconds; None for everything to the end. A segment that begins inside the
            recording and ends beyond it gives what there is.
        max_seconds: More seconds than this are refused.
        channel: The one channel that is wanted, 0-based; None: the mean of all. A mono recording has one.
        max_decode_seconds: Files that take more processor time are given up.

    Raises:
        MediaError: With cause ``empty``, ``not_audio``, ``no_audio_stream``, ``too_long``, ``too_slow``,
            ``truncated``, ``undecodable``, ``segment_outside`` or ``segment_invalid``.
    """
    if not data:
        raise MediaError("the audio file is empty (0 bytes)", cause="empty")
    if packing := sphere_packing(data):
        raise MediaError(
            f"the NIST SPHERE file is packed with {packing}, which is not decoded",
            cause="undecodable",
            hint="unpack it: sph2pipe -f wav IN.sph OUT.wav",
        )
    for name, value, low in (("start", start, 0.0), ("duration", duration, 1e-9)):
        if value is not None and not (math.isfinite(value) and value >= low):
            raise MediaError(f"the segment's {name} of {value} s is not valid", cause="segment_invalid")
    begin = start or 0.0
    end = None if duration is None else begin + duration
    if duration is not None and duration > max_seconds:
        _refuse_length(duration, max_seconds)
    deadline = Deadline(max_decode_seconds, "recording")
    decoding = _Decoding(data, begin, end, max_seconds, deadline)
    try:
        audio = decoding.run(channel=channel)
        if channel is None and decoding.is_cancelled():
            # Channels of opposite phase: their mean is silence, so the loudest one speaks for all.
            audio = _Decoding(data, begin, end, max_seconds, deadline).run(channel=decoding.loudest_channel())
    except (av.error.FFmpegError, ValueError, OSError, OverflowError, MemoryError) as error:
        raise _damage(data, error) from error
    return audio


class _Decoding:
    """One pass over one file: frames in, resampled mono out, with running figures."""

    def __init__(self, data: bytes, begin: float, end: float | None, max_seconds: float, deadline: Deadline) -> None:
        self._data = data
        self._deadline = deadline
        self._begin = begin
        self._end = end
        self._max_seconds = max_seconds
        self._peak = 0.0
        self._clipped = 0
        self._nonfinite = 0
        self._bad_packets = 0
        self._num_packets = 0
        self._num_samples = 0
        self._full_scale = 1.0
        self._decoded_to = 0.0
        self._mix_energy = 0.0
        self._energies: NDArray[np.float64] | None = None

    def is_cancelled(self) -> bool:
        if self._energies is None or len(self._energies) < 2:
            return False
        return self._mix_energy < _CANCELLED**2 * float(self._energies.max())

    def loudest_channel(self) -> int:
        return 0 if self._energies is None else int(np.argmax(self._energies))

    def run(self, *, channel: int | None) -> Audio:
        with av.open(
            io.BytesIO(self._data),
            mode="r",
            options={"format_whitelist": DEMUXERS},
            io_open=refuse_open,
            **ANY_METADATA,
        ) as container:
            if not container.streams.audio:
                raise MediaError("the file holds no audio stream", cause="no_audio_stream")
            stream = container.streams.audio[0]
            codec = stream.codec_context
            if codec is None:
                raise MediaError("the sound is coded in a way that cannot be decoded", cause="undecodable")
            rate, channels = int(codec.sample_rate or 0), int(codec.channels or 0)
            if not _MIN_RATE <= rate <= _MAX_RATE or channels < 1:
                raise MediaError(
                    f"the header says {rate} Hz and {channels} channels, which is not audio that can be decoded",
                    cause="undecodable",
                )
            if channels == 1:
                channel = None
            elif channel is not None and channel >= channels:
                raise MediaError(
                    f"the row is about channel {channel} (counted from 0), but the recording has {channels} channels",
                    cause="segment_outside",
                )
            codec.thread_count = 1
            codec_name = codec.name.removesuffix("float")  # FFmpeg has two MP3 decoders, mp3 and mp3float
            if codec_name == "flac":
                codec.options = {"err_detect": "crccheck+explode"}
            name = container.format.name.split(",")[0]
            width = codec.format.bytes if codec.format is not None else 2
            file_duration = known_length(self._data, name, _header_seconds(container, stream), rate * channels * width)
            self._check_segment(file_duration)
            with DECODING_MEMORY.reserve(self._memory(_header_seconds(container, stream))):
                parts = list(self._resample(self._blocks(container, stream, rate, channel), rate))
                mono = np.concatenate(parts) if parts else np.zeros(0, np.float32)
            self._check_complete(name, file_duration)
            info = AudioInfo(
                sampling_rate=rate,
                channels=channels,
                codec=codec_name,
                container=name,
                duration=self._num_samples / rate,
                file_duration=file_duration,
                num_samples=self._num_samples,
                peak=self._peak,
                clipping_ratio=self._clipped / max(1, self._num_samples * channels),
                num_nonfinite=self._nonfinite,
                num_bad_packets=self._bad_packets,
            )
        if self._nonfinite == self._num_samples * channels:
            raise MediaError("every sample of the recording is NaN or infinite", cause="undecodable")
        length = max(1, round(self._num_samples * SAMPLING_RATE / rate))
        return Audio(samples=_fit(mono, length), info=info)

    def _memory(self, seconds: float | None) -> int:
        """Return the bytes that the sound takes: it lies in pieces and then as a whole."""
        end = self._end if self._end is not None else seconds if seconds is not None else self._max_seconds
        return round(min(max(end - self._begin, 0.0), self._max_seconds) * SAMPLING_RATE) * 8

    def _check_segment(self, file_duration: float | None) -> None:
        if file_duration is None:
            return
        if self._begin and self._begin >= file_duration:
            raise MediaError(
                f"the segment begins at {self._begin:g} s, but the recording ends at {file_duration:g} s",
                cause="segment_outside",
            )
        if self._end is None and file_duration - self._begin > self._max_seconds:
            _refuse_length(file_duration - self._begin, self._max_seconds)

    def _check_complete(self, container: str, file_duration: float | None) -> None:
        if self._num_samples == 0:
            if self._begin:
                raise MediaError(
                    f"the segment begins at {self._begin:g} s, but the recording ends at {self._decoded_to:g} s",
                    cause="segment_outside",
                )
            if self._bad_packets or is_cut(self._data):
                raise MediaError("the file has a header but no sound that can be decoded", cause="truncated")
            raise MediaError("the recording has 0 samples", cause="empty")
        declared = declared_end(self._data, container, file_duration)
        wanted = declared if self._end is None else (None if declared is None else min(declared, self._end))
        slack = max(_SLACK_SECONDS, _SLACK_SHARE * (wanted or 0.0))
        if wanted is not None and self._decoded_to < wanted - slack:
            raise MediaError(
                f"the header says {wanted:.2f} s of sound, but only {self._decoded_to:.2f} s can be decoded",
                cause="truncated",
            )
        if self._end is None and is_cut(self._data):
            raise MediaError(f"the file ends in the middle, after {self._decoded_to:.2f} s of sound", cause="truncated")
        lost = self._bad_packets
        if lost > 2 and lost > _SLACK_SHARE * self._num_packets:
            raise MediaError(f"{lost} of {self._num_packets} packets of the recording are damaged", cause="undecodable")

    def _blocks(self, container: Any, stream: Any, rate: int, channel: int | None) -> Iterator[Samples]:
        """Yield mono blocks at the file's rate, cut to the segment."""
        group: list[Samples] = []
        held = 0
        for block in self._channels(container, stream, rate):
            group.append(block)
            held += block.shape[1]
            if held >= _GROUP:
                yield self._mix(np.concatenate(group, axis=1), channel)
                group, held = [], 0
        if group:
            yield self._mix(np.concatenate(group, axis=1), channel)

    def _mix(self, block: Samples, channel: int | None) -> Samples:
        finite = np.isfinite(block)
        if not finite.all():
            self._nonfinite += int(block.size - np.count_nonzero(finite))
            block = np.where(finite, block, np.float32(0))
        magnitude = np.abs(block)
        self._peak = max(self._peak, float(magnitude.max(initial=0.0)))
        self._clipped += int(np.count_nonzero(magnitude >= self._full_scale))
        mono = block.mean(axis=0) if channel is None else block[channel]
        energies = np.einsum("ij,ij->i", block, block, dtype=np.float64)
        self._energies = energies if self._energies is None else self._energies + energies
        self._mix_energy += float(np.dot(mono.astype(np.float64), mono))
        return np.ascontiguousarray(np.clip(mono, -1.0, 1.0), dtype=np.float32)

    def _channels(self, container: Any, stream: Any, rate: int) -> Iterator[Samples]:
        """Yield [channels, n] float blocks inside the segment, in order."""
        origin = self._origin(stream)
        position: float | None = 0.0
        if self._begin > 2 * _PREROLL_SECONDS:
            container.seek(int((self._begin - _PREROLL_SECONDS + origin) / stream.time_base), stream=stream)
            position = None  # known from the first frame's time stamp
        for frame in self._frames(container, stream):
            block = self._to_float(frame)
            if position is None:
                position = max(0.0, float(frame.pts * stream.time_base) - origin) if frame.pts is not None else 0.0
            first = round(position * rate)
            position += block.shape[1] / rate
            self._decoded_to = position
            low = max(0, round(self._begin * rate) - first)
            high = block.shape[1] if self._end is None else min(block.shape[1], round(self._end * rate) - first)
            if high > low:
                self._num_samples += high - low
                if self._num_samples > self._max_seconds * rate:
                    _refuse_length(self._num_samples / rate, self._max_seconds)
                yield block[:, low:high]
            if self._end is not None and position >= self._end:
                return

    def _origin(self, stream: Any) -> float:
        """Return the time stamp of the first sample that FFmpeg hands out, in seconds."""
        return max(0.0, float(stream.start_time * stream.time_base)) if stream.start_time is not None else 0.0

    def _frames(self, container: Any, stream: Any) -> Iterator[AudioFrame]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                # A demuxer that stumbles at the end: the length check tells whether something is missing.
                self._bad_packets += 1
                return
            self._num_packets += 1
            self._deadline.check()
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self._bad_packets += 1

    def _to_float(self, frame: AudioFrame) -> Samples:
        raw = frame.to_ndarray()
        kind = raw.dtype
        if not frame.format.is_planar:
            raw = raw.reshape(-1, len(frame.layout.channels)).T
        if kind == np.uint8:
            self._full_scale = 127 / 128
            return (raw.astype(np.float32) - 128) / np.float32(128)
        self._full_scale = 32767 / 32768
        if kind.kind == "i":
            return raw.astype(np.float32) / np.float32(2.0 ** (8 * kind.itemsize - 1))
        return raw.astype(np.float32)

    def _resample(self, blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
        if rate == SAMPLING_RATE:
            yield from blocks
            return
        resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLING_RATE)
        for block in blocks:
            frame = AudioFrame.from_ndarray(block[np.newaxis], format="flt", layout="mono")
            frame.sample_rate = rate
            for out in resampler.resample(frame):
                yield out.to_ndarray()[0].clip(-1.0, 1.0)
        if self._num_samples:
            for out in resampler.resample(None):
                yield out.to_ndarray()[0].clip(-1.0, 1.0)


def _fit(samples: Samples, length: int) -> Samples:
    """Cut or pad (by the few samples a resampler holds back) to exactly ``length``."""
    if len(samples) >= length:
        return samples[:length]
    return np.pad(samples, (0, length - len(samples)))


def _header_seconds(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration / 1_000_000)
    return None


def refuse_open(url: str, flags: int, options: object) -> NoReturn:
    """Refuse to open what a file refers to.

    Raises:
        PermissionError: Always.
    """
    raise PermissionError(f"the file refers to another one ({url!r}), which is not opened")


def _refuse_length(seconds: float, max_seconds: float) -> NoReturn:
    raise MediaError(
        f"the recording is {seconds:.0f} s long, more than the limit of {max_seconds:g} s",
        cause="too_long",
        hint="raise probes.media.max_audio_seconds, or cut it into segments.",
    )


def _damage(data: bytes, error: Exception) -> MediaError:
    said = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return MediaError("the recording needs more memory than there is", cause="too_large")
    if is_cut(data):
        return MediaError(f"the file ends early ({len(data)} bytes)", cause="truncated")
    what, _ = describe_foreign(data)
    if any(word in what for word in ("audio", "video")):
        return MediaError(f"the file begins like {what}, but cannot be decoded: {said}", cause="undecodable")
    return MediaError(f"the file is not audio: it is {what}", cause="not_audio")
