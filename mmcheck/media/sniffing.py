"""What a file is, by its first bytes: chosen by content because names lie and because decoders must not guess."""

from __future__ import annotations

import re

_TEXT_START = re.compile(rb"^\s*(<!doctype html|<html|<head|<body|<\?xml|<svg|<!--|<error|<[a-z]+[ >])", re.IGNORECASE)
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {9, 10, 12, 13, 27}

_FOREIGN: tuple[tuple[int, bytes, str, bool], ...] = (
    (0, b"%PDF", "a PDF document", False),
    (0, b"PK\x03\x04", "a ZIP archive", False),
    (0, b"\x1f\x8b", "a gzip file", False),
    (0, b"(\xb5/\xfd", "a zstandard file", False),
    (0, b"BZh", "a bzip2 file", False),
    (0, b"7z\xbc\xaf", "a 7z archive", False),
    (0, b"PAR1", "a Parquet file", False),
    (257, b"ustar", "a tar archive", False),
    (0, b"ID3", "MP3 audio", False),
    (0, b"fLaC", "FLAC audio", False),
    (0, b"OggS", "Ogg audio", False),
    (8, b"WAVE", "WAV audio", False),
    (0, b"NIST_1A", "NIST SPHERE audio", False),
    (8, b"AVI ", "AVI video", False),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM video", False),
    (0, b"8BPS", "a Photoshop document", True),
    (0, b"\0\0\1\0", "an ICO icon", True),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image", True),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image", True),
    (0, b"\xff\x0a", "a JPEG XL image", True),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image", True),
    (4, b"ftypheic", "a HEIC image", True),
    (4, b"ftypheix", "a HEIC image", True),
    (4, b"ftypmif1", "a HEIF image", True),
    (4, b"ftyp", "MP4 audio or video", False),
    (0, b"%!PS", "a PostScript document", True),
    (0, b"P4\n", "a PNM image", True),
    (0, b"P5\n", "a PNM image", True),
    (0, b"P6\n", "a PNM image", True),
    (0, b"qoif", "a QOI image", True),
    (0, b"\xff\xd8\xff", "a JPEG image", True),
    (0, b"\x89PNG", "a PNG image", True),
    (0, b"GIF8", "a GIF image", True),
    (8, b"WEBP", "a WebP image", True),
)
"""Offset, bytes, what it is, whether it is an image that is not decoded. Given by the formats."""


def sniff_image(data: bytes) -> str | None:
    """Return the format of an image file that has a decoder (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF), else None."""
    head = data[:64]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head[4:8] == b"ftyp" and (head[8:12] in (b"avif", b"avis") or b"avif" in head[16:64]):
        return "AVIF"
    # "BM" alone is weak evidence; the header that follows has one of a few fixed lengths.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return "BMP"
    return None


def describe_foreign(data: bytes) -> tuple[str, bool]:
    """Return what ``data`` is, in words for a message, and whether it is an image of a format without decoder."""
    head = data[:512]
    if not head.strip(b"\0"):
        return f"{len(data)} zero bytes" if not data.strip(b"\0") else "data that begins with zero bytes", False
    plain = head.removeprefix(b"\xef\xbb\xbf")
    if b"<svg" in head.lower():
        return "an SVG drawing (vector graphics)", False
    for offset, magic, what, is_image in _FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            return what, is_image
    if _TEXT_START.match(plain):
        start = plain.lstrip()[:20].lower()
        return ("XML text" if start.startswith(b"<?xml") else "an HTML page (perhaps a saved error page)"), False
    if plain.lstrip()[:1] in (b"{", b"[") and _is_text(plain):
        return "JSON text (perhaps a saved error message)", False
    if plain.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer (the real file was not fetched)", False
    if _is_text(plain):
        shown = " ".join(plain[:60].decode("utf-8", "replace").split())
        return f"text that begins with {shown!r}", False
    return f"of an unknown kind (first bytes {head[:8].hex(' ')})", False


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character cut at the end of the sample is no fault
            return False
        text = head[: error.start].decode("utf-8")
    return all(ord(char) >= 0x80 or ord(char) in _PRINTABLE for char in text)
