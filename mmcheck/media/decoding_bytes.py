"""What decoding an image will take in memory, by its header: its pixels and the copies that are made of them."""

from __future__ import annotations

from PIL import ImageFile

_SMALL_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes of a pixel by mode. Given by Pillow."""
_DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
_PIXEL = 4  # bytes of a pixel of all other modes, RGB among them; given by Pillow
_STRIPS = 64 << 20
"""Bytes that scaling deep pixels takes, as it goes by strips. Our own choice: above what a strip takes."""
_WHOLE_PICTURE_READERS = frozenset({"WEBP", "AVIF", "TIFF"})


def webp_canvas(data: bytes) -> tuple[int, int]:
    """Return width and height of an extended (animated or transparent) WebP; 1 x 1 for others."""
    if data[12:16] != b"VP8X" or len(data) < 30:
        return 1, 1
    return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1


def opening_bytes(data: bytes, image_format: str) -> int:
    """Return what merely opening the file takes: nothing that counts but for WebP, whose reader makes its canvases."""
    if image_format != "WEBP":
        return 0
    width, height = webp_canvas(data)
    return 2 * _PIXEL * width * height


def decoding_bytes(
    file: ImageFile.ImageFile, data: bytes, image_format: str, stored: tuple[int, int], min_side: int | None
) -> int:
    """Return what loading the picture and turning it into RGB takes, in bytes.

    Args:
        file: The opened file, told already how far it may shrink while decoding.
        data: Its bytes.
        image_format: Its format by content.
        stored: Its size in pixels before any shrinking.
        min_side: Shorter side to which it is shrunk after decoding, px; None: it is not.
    """
    pixels = file.size[0] * file.size[1]
    own = _SMALL_MODES.get(file.mode, _PIXEL)
    total = pixels * own
    if image_format == "JPEG" and b"\xff\xc2" in data[: 1 << 16]:
        total += stored[0] * stored[1] * 6  # progressive: all coefficients of three colours, two bytes each
    if image_format in _WHOLE_PICTURE_READERS:
        total += pixels * (own if image_format == "TIFF" else 3 * _PIXEL)  # the decoder's own copies
    is_shrunk = min_side is not None and min(file.size) >= 2 * min_side
    if file.mode in _DEEP_MODES:
        return total + _STRIPS + (pixels // 4 if is_shrunk else pixels * (2 + _PIXEL))
    if file.mode in ("RGBA", "LA", "La", "RGBa", "PA") or "transparency" in file.info:
        return total + pixels * _PIXEL * (3 if is_shrunk else 4)
    if file.mode != "RGB":
        total += pixels * _PIXEL
    return total + (pixels if is_shrunk else pixels * _PIXEL)
