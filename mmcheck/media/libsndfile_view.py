"""How much of a recording libsndfile gives: what soundfile, librosa and most training code read with.

FFmpeg, which mmcheck decodes with, goes on where libsndfile stops: at the end of the first of several joined MP3 files,
at a data chunk of size 0, at a FLAC file that does not say how long it is. Only the file's header is opened here;
nothing is decoded a second time.
"""

from __future__ import annotations

import io

import soundfile

from mmcheck.media.audio_headers import read_mp3_header

_CONTAINERS = frozenset({"wav", "w64", "flac", "mp3", "ogg", "aiff", "au", "caf", "nistsphere"})
_LEAST_SECONDS = 0.1
"""Seconds that may be missing. Our own choice: codecs differ by a frame or two in where a recording begins and ends."""
_LEAST_SHARE = 0.01  # share that may be missing; our own choice: the same for long recordings
_UNKNOWN_FRAMES = 1 << 62  # length of a file whose length is not known; given by libsndfile


def libsndfile_loss(data: bytes, container: str, begin: float, seconds: float) -> float | None:
    """Return the share of the sound that libsndfile does not give, 0 to 1.

    Args:
        data: The whole file.
        container: FFmpeg's name of its kind.
        begin: First second that was decoded.
        seconds: Length that was decoded.

    Returns:
        None for kinds that libsndfile is not made for (MP4, Matroska, AMR ...).
    """
    if container not in _CONTAINERS or seconds <= 0:
        return None
    there = _readable_seconds(data, container)
    if there is None:
        return 0.0
    lost = seconds - min(seconds, max(0.0, there - begin))
    return lost / seconds if lost > max(_LEAST_SECONDS, _LEAST_SHARE * seconds) or there == 0 else 0.0


def _readable_seconds(data: bytes, container: str) -> float | None:
    """Return the seconds that libsndfile gives, 0 where it cannot open the file; None for all that there are."""
    if container == "mp3":
        # libsndfile's MP3 reader follows the header frame's count, and prints its warnings if it is asked here.
        found = read_mp3_header(data)
        return found.seconds if found is not None and found.goes_on else None
    try:
        info = soundfile.info(io.BytesIO(data))
    except (soundfile.LibsndfileError, ValueError, OSError):
        return 0.0
    if info.frames >= _UNKNOWN_FRAMES or info.samplerate <= 0:
        return 0.0
    return float(info.frames) / float(info.samplerate)
