"""What audio files say about their own length: FFmpeg decodes a file that was cut short without complaint."""

from __future__ import annotations

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)


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


def declared_end(data: bytes, container: str, codec: str, header_seconds: float | None) -> float | None:
    """Return the length in seconds that the header promises, or None where it is only an estimate from the size.

    MP3 files promise a length only by a Xing or Info frame (LAME and FFmpeg write one); FLAC, WAV, MP4 and AIFF always
    do; Ogg has no such header, its last page is all there is.
    """
    if container in ("flac", "mov", "aiff", "caf", "w64", "wv", "tta", "ape"):
        return header_seconds
    if container == "wav":
        return None  # FFmpeg's figure comes from the bytes at hand; is_cut looks at the chunk's size
    if container == "mp3" and codec == "mp3":
        return header_seconds if _has_xing(data) else None
    return None


def _missing_wav(data: bytes) -> tuple[int, int]:
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"data":
            if size in _UNKNOWN_SIZES or size >= 0xFFFFFF00:
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


def _has_xing(data: bytes) -> bool:
    start = 0
    if data[:3] == b"ID3" and len(data) > 10:
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    head = data[start : start + 4096]
    return b"Xing" in head or b"Info" in head
