"""What audio files say about their own length: FFmpeg decodes a file that was cut short without complaint.

A length counts only where a program that knew it wrote it. Programs that write to a pipe put a placeholder there,
and FFmpeg itself guesses a length from the size of the file; neither says that anything is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

PLACEHOLDER_BYTES = 0x7F000000
"""A header that promises more bytes of sound than this, or none, was written by a program that did not know. Taken from
what programs write: SoX 0x7FFFF000, others 0x7FFFFFFF, 0x80000000 or 0xFFFFFFFF, some less their headers. No file of
that size is read (``MAX_MEDIA_BYTES``), so nothing real is mistaken for a placeholder."""
_ROUND_PLACEHOLDER = 2_000_000_000
"""Another such number of bytes. Taken from mpg123 and others; their headers are added or taken off."""
_HEADER_ROOM = 4096  # bytes of these headers at most; our own choice: real ones have 44 to some hundreds

_MPEG1, _MPEG2, _MPEG25 = 3, 2, 0
"""Numbers of the versions in a frame header. Given by ISO 11172-3, ISO 13818-3 and the unofficial MPEG 2.5."""
_MP3_RATES = {
    _MPEG1: (44_100, 48_000, 32_000),
    _MPEG2: (22_050, 24_000, 16_000),
    _MPEG25: (11_025, 12_000, 8_000),
}
"""Hz by version and index. Given by ISO 11172-3, ISO 13818-3 and the unofficial MPEG 2.5."""
_MP3_KILOBITS = {
    _MPEG1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    _MPEG2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second of layer III by version and index. Given by ISO 11172-3 and ISO 13818-3."""


def is_placeholder(num_bytes: int) -> bool:
    """Return whether ``num_bytes`` as the size of the sound says only that its writer did not know it."""
    return num_bytes == 0 or num_bytes >= PLACEHOLDER_BYTES or abs(num_bytes - _ROUND_PLACEHOLDER) <= _HEADER_ROOM


def is_cut(data: bytes) -> bool:
    """Return whether the container itself (RIFF chunk, Ogg page, MP4 box) announces bytes beyond the file's end."""
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        missing, total = _missing_wav(data)
        return missing > max(4096, total // 100)
    if data[:4] == b"OggS":
        return _ogg_page_is_cut(data)
    if data[4:8] == b"ftyp":
        return _mp4_is_cut(data)
    return len(data) < 64 and data[:4] in (b"fLaC", b"ID3\x03", b"ID3\x04")


def sphere_packing(data: bytes) -> str | None:
    """Return how the sound of a NIST SPHERE file is packed (``shorten``, ``wavpack`` ...); None if it is not.

    Args:
        data: The file.
    """
    if not data.startswith(b"NIST_1A"):
        return None
    coding = next((line for line in data[:1024].split(b"\n") if line.startswith(b"sample_coding")), b"")
    found = next((name for name in (b"shorten", b"shortpack", b"wavpack") if name in coding.lower()), None)
    return found.decode() if found is not None else None


def known_length(data: bytes, container: str, seconds: float | None, bytes_per_second: float) -> float | None:
    """Return the length in seconds that the header states, or None where it states none.

    Args:
        data: The file.
        container: FFmpeg's name of it.
        seconds: What FFmpeg takes its length to be; an estimate for some.
        bytes_per_second: Of the decoded sound, to tell a placeholder from a length.
    """
    if container == "mp3":
        found = read_mp3_header(data)
        return found.seconds if found is not None and not found.goes_on else None
    if container == "aac" or seconds is None or is_placeholder(int(seconds * bytes_per_second)):
        return None
    return seconds


def declared_end(data: bytes, container: str, length: float | None) -> float | None:
    """Return the seconds of sound that must be there, or None where nothing promises any.

    MP3 files promise a length only by a Xing, Info or VBRI frame (LAME and FFmpeg write one), and joined ones have that
    of the first part; FLAC, MP4, AIFF and NIST SPHERE do; Ogg has no such header, its last page is all there is.

    Args:
        data: The file.
        container: FFmpeg's name of it.
        length: What ``known_length`` returned.
    """
    if container in ("flac", "mov", "aiff", "caf", "w64", "wv", "tta", "ape", "nistsphere"):
        return length
    if container == "mp3":
        found = read_mp3_header(data)
        return None if found is None else found.seconds
    return None  # WAV: FFmpeg's figure comes from the bytes at hand; is_cut looks at the chunk's size


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp3Header:
    """What the Xing, Info or VBRI frame at the beginning of an MP3 file says."""

    seconds: float
    """Length of the sound that it counts."""
    goes_on: bool
    """Whether the file goes on behind what it counts: another MP3 file was joined on."""


def read_mp3_header(data: bytes) -> Mp3Header | None:
    """Return what an MP3 file's own header frame says; None where it has none."""
    start = 0
    while data[start : start + 3] == b"ID3" and len(data) > start + 10:
        sizes = zip(data[start + 6 : start + 10], (21, 14, 7, 0), strict=True)
        start += 10 + sum((byte & 0x7F) << shift for byte, shift in sizes)
    start = _first_frame(data, start)
    if start < 0:
        return None
    version, mode = (data[start + 1] >> 3) & 3, data[start + 3] >> 6
    rate = _MP3_RATES[version][(data[start + 2] >> 2) & 3]
    samples = 1152 if version == _MPEG1 else 576
    side = (17 if mode == 3 else 32) if version == _MPEG1 else (9 if mode == 3 else 17)
    at = start + 4 + side
    frames = size = silent = 0
    if data[at : at + 4] in (b"Xing", b"Info"):
        flags = _big(data, at + 4)
        frames = _big(data, at + 8) if flags & 1 else 0
        size = _big(data, at + 8 + 4 * (flags & 1)) if flags & 2 else 0
        silent = _encoder_padding(
            data, at + 8 + 4 * (flags & 1) + 2 * (flags & 2) + 25 * (flags & 4) + (flags & 8) // 2
        )
    elif data[start + 36 : start + 40] == b"VBRI":
        size, frames = _big(data, start + 46), _big(data, start + 50)
    if not frames:
        return None
    rest = len(data) - start - size if size else 0
    # Tags at the end (ID3v1, APE, lyrics) are no sound; what begins like a frame is.
    goes_on = rest > 0 and _sound_follows(data, start + size)
    return Mp3Header(seconds=max(0, frames * samples - silent) / rate, goes_on=goes_on)


def _encoder_padding(data: bytes, at: int) -> int:
    """Return the samples at both ends that the LAME tag at ``at`` says were added; decoders take them off again."""
    if data[at : at + 4] not in (b"LAME", b"Lavc", b"Lavf", b"L3.9"):
        return 0
    delays = int.from_bytes(data[at + 21 : at + 24], "big")
    return (delays >> 12) + (delays & 0xFFF)


def _sound_follows(data: bytes, at: int) -> bool:
    """Return whether an MP3 frame stands behind ``at``, perhaps after a tag."""
    found = data.find(b"ID3", at, at + 4096)
    if found >= 0 and found + 10 < len(data):
        sizes = zip(data[found + 6 : found + 10], (21, 14, 7, 0), strict=True)
        at = found + 10 + sum((byte & 0x7F) << shift for byte, shift in sizes)
    return _first_frame(data, at) >= 0


def _first_frame(data: bytes, start: int) -> int:
    """Return where a Layer III frame that another follows begins near ``start``; -1 if none does."""
    at = data.find(b"\xff", start, start + 8192)
    while at >= 0:
        length = _frame_length(data, at)
        if length and _frame_length(data, at + length) and data[at + 1] == data[at + length + 1]:
            return at
        at = data.find(b"\xff", at + 1, start + 8192)
    return -1


def _frame_length(data: bytes, at: int) -> int:
    """Return the bytes of the Layer III frame whose header stands at ``at``; 0 if none does."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:  # sync word and Layer III
        return 0
    version, index, choice = (data[at + 1] >> 3) & 3, data[at + 2] >> 4, (data[at + 2] >> 2) & 3
    if version not in _MP3_RATES or choice == 3 or index in (0, 15):
        return 0
    kilobits = _MP3_KILOBITS[_MPEG1 if version == _MPEG1 else _MPEG2][index]
    factor = 144_000 if version == _MPEG1 else 72_000
    return factor * kilobits // _MP3_RATES[version][choice] + ((data[at + 2] >> 1) & 1)


def _big(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _missing_wav(data: bytes) -> tuple[int, int]:
    at, long_size = 12, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"ds64":
            long_size = int.from_bytes(data[at + 16 : at + 24], "little")  # of an RF64 file: the data's true size
        if name == b"data":
            if size == 0xFFFFFFFF and long_size:
                size = long_size
            if is_placeholder(size):
                return 0, 0  # written to a pipe: the length is not known
            return max(0, at + 8 + size - len(data)), size
        at += 8 + size + (size & 1)
    return (1 << 20 if at > len(data) or len(data) < 44 else 0), 0


def _ogg_page_is_cut(data: bytes) -> bool:
    at = data.rfind(b"OggS")
    if at + 27 > len(data):
        return True
    segments = data[at + 26]
    table = data[at + 27 : at + 27 + segments]
    return len(table) < segments or at + 27 + segments + sum(table) > len(data)


def _mp4_is_cut(data: bytes) -> bool:
    at, names = 0, set()
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        names.add(name)
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return b"moov" not in names
        if size < 8:
            return False
        at += size
    return at > len(data) or b"moov" not in names
