"""Bytes of an image file -> an upright RGB image, or a MediaError that says what is wrong with the file.

The plugin is chosen here from the file's first bytes instead of by ``Image.open``: only a fixed list of formats is
ever handed to a decoder, and Pillow's process-wide pixel limit (which warns on stderr) does not get in the way of
ours. Nothing is decoded before the header's size was checked. A file that ends early is an error, never a half grey
picture.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from mmcheck.core.errors import MediaError
from mmcheck.media.decoding_bytes import decoding_bytes, opening_bytes, webp_canvas
from mmcheck.media.decoding_limits import DECODING_MEMORY, MAX_SECONDS, Deadline, TimedReader
from mmcheck.media.sniffing import describe_foreign, sniff_image
from mmcheck.media.to_rgb import to_rgb

try:
    from PIL import AvifImagePlugin

    _AVIF: Callable[..., ImageFile.ImageFile] | None = AvifImagePlugin.AvifImageFile
except ImportError:  # Pillow < 11.3 has no AVIF
    _AVIF = None

_PLUGINS: dict[str, Callable[..., ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
if _AVIF is not None:
    _PLUGINS["AVIF"] = _AVIF

_UPRIGHT: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What must be done to show the picture upright, by the tag's value. Given by EXIF 2.32, tag 0x0112."""
_ORIENTATION_TAG = 0x0112  # number of the tag; given by EXIF 2.32
_ZERO_TAIL = 512
"""Zero bytes at its end from which a JPEG was cut off and padded. Our own choice: one block of a disk; no coder pads as
much."""
_BLOCK = 1 << 13  # bytes that a decoder takes at a time; our own choice: the time is looked at in between
_MID_GREY, _GREY_SLACK = 128, 2
"""What a JPEG block without data decodes to, and what re-encoding adds, in levels. Given by JPEG's level shift; the
second is our own choice."""

# The limit on pixels is ours, before anything is decoded; Pillow's own would warn on stderr.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# What Pillow's readers raise on damaged files, found by fuzzing; anything else would be a bug worth seeing.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
    struct.error,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """An image and what its file said."""

    image: Image.Image
    """Mode RGB, upright, transparency laid on white (on black if that hides it); may be smaller than the original."""
    width: int
    """Width of the upright original in pixels."""
    height: int
    """Height of the upright original in pixels."""
    format: str
    """Format by content: JPEG, PNG, WEBP, GIF, BMP, TIFF or AVIF."""
    mode: str
    """Pillow's mode of the file: RGB, L, P, CMYK, I;16 ..."""
    is_animated: bool
    """Whether the file holds an animation; ``image`` is its first frame."""
    num_frames: int
    """Frames of an animation, or pages of a TIFF."""
    orientation: int
    """EXIF orientation of the file, 1 to 8; 1 if there is none."""
    grey_bottom: float
    """Share of the stored picture's height, from below, that is the flat grey of missing JPEG data; 0 to 1."""
    plain_difference: float
    """How far Pillow's ``convert("RGB")`` is from ``image`` before turning it upright: mean difference, 0 to 1."""


def decode_image(
    data: bytes, *, min_side: int | None, max_pixels: int, max_seconds: float = MAX_SECONDS
) -> DecodedImage:
    """Return the image in ``data`` as upright RGB.

    Args:
        data: A whole image file.
        min_side: The result may be shrunk (JPEG while decoding, others right after) by a whole factor as long as its
            shorter side stays at least this many pixels; None for the original size.
        max_pixels: Files whose header announces more pixels are refused undecoded.
        max_seconds: Files that take more processor time are given up.

    Raises:
        MediaError: With cause ``empty``, ``not_an_image``, ``unsupported_format``, ``too_large``, ``too_slow``,
            ``truncated`` or ``undecodable``.
    """
    if not data:
        raise MediaError("the image file is empty (0 bytes)", cause="empty")
    image_format = sniff_image(data)
    if image_format is None or image_format not in _PLUGINS:
        raise _foreign(data, image_format)
    deadline = Deadline(max_seconds, f"{image_format} file")
    if image_format == "WEBP":
        # Its reader takes the memory of the whole canvas when the file is opened.
        _check_pixels(*webp_canvas(data), image_format, max_pixels)
    with DECODING_MEMORY.reserve(opening_bytes(data, image_format)):
        file = _open(data, image_format, deadline)
    stored_width, stored_height = file.size
    _check_pixels(stored_width, stored_height, image_format, max_pixels)
    num_frames = _count_frames(file)
    mode = file.mode
    if min_side is not None and image_format == "JPEG":
        file.draft(None, (min_side, min_side))
    with DECODING_MEMORY.reserve(decoding_bytes(file, data, image_format, (stored_width, stored_height), min_side)):
        _load(file, data, image_format)
        orientation = _orientation(file)
        rgb = to_rgb(file, image_format, min_side)
        image = rgb.image
        grey_bottom = _grey_bottom(image)
        if orientation in _UPRIGHT:
            image = image.transpose(_UPRIGHT[orientation])
    turned = orientation >= 5
    return DecodedImage(
        image=image,
        width=stored_height if turned else stored_width,
        height=stored_width if turned else stored_height,
        format=image_format,
        mode=mode,
        is_animated=num_frames > 1 and image_format != "TIFF",
        num_frames=num_frames,
        orientation=orientation,
        grey_bottom=grey_bottom,
        plain_difference=rgb.plain_difference,
    )


def _check_pixels(width: int, height: int, image_format: str, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise MediaError(f"the {image_format} header says {width} x {height} pixels", cause="undecodable")
    if width * height > max_pixels:
        raise MediaError(
            f"the image has {width} x {height} pixels, more than the limit of {max_pixels}; it was not decoded",
            cause="too_large",
            hint="raise probes.media.max_pixels if such images are intended.",
        )


def _foreign(data: bytes, image_format: str | None) -> MediaError:
    if image_format is not None:
        return MediaError(
            f"the file is {image_format}, which is not decoded; supported are {', '.join(_PLUGINS)}",
            cause="unsupported_format",
            hint="convert it to JPEG, PNG or WebP.",
        )
    what, is_image = describe_foreign(data)
    if is_image:
        return MediaError(
            f"the file is {what}, which is not decoded; supported are {', '.join(_PLUGINS)}",
            cause="unsupported_format",
            hint="convert it to JPEG, PNG or WebP.",
        )
    return MediaError(f"the file is not an image: it is {what}", cause="not_an_image")


def _open(data: bytes, image_format: str, deadline: Deadline) -> ImageFile.ImageFile:
    try:
        file = _PLUGINS[image_format](TimedReader(data, deadline), "")
        file.decodermaxblock = _BLOCK
        return file
    except _DECODER_ERRORS as error:
        raise _damage(data, image_format, error) from error


def _load(file: ImageFile.ImageFile, data: bytes, image_format: str) -> None:
    try:
        file.load()
    except _DECODER_ERRORS as error:
        raise _damage(data, image_format, error) from error
    # libjpeg fills up zeroed blocks (a download that was allocated but not finished) without a word.
    is_zeroed = image_format == "JPEG" and data.endswith(bytes(_ZERO_TAIL))
    if is_zeroed and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        zeros = len(data) - len(data.rstrip(b"\0"))
        raise MediaError(f"the JPEG file ends in {zeros} zero bytes in place of picture data", cause="truncated")


def _damage(data: bytes, image_format: str, error: BaseException) -> MediaError:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return MediaError(f"the {image_format} file holds a larger image than it should: {said}", cause="too_large")
    if isinstance(error, MemoryError):
        return MediaError(f"the {image_format} file needs more memory than there is", cause="too_large")
    if "truncated" in said.lower() or "unexpected end" in said.lower() or _is_short(data, image_format):
        return MediaError(f"the {image_format} file ends early ({len(data)} bytes): {said}", cause="truncated")
    return MediaError(f"the {image_format} file is damaged: {said}", cause="undecodable")


def _is_short(data: bytes, image_format: str) -> bool:
    """Return whether the file's own frame says that bytes are missing at its end."""
    if len(data) < 24:
        return True
    if image_format == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if image_format == "PNG":
        return b"IEND" not in data[-16:]
    if image_format == "JPEG":
        return b"\xff\xd9" not in data[2:]
    if image_format == "GIF":
        return not data.rstrip(b"\0").endswith(b";")
    if image_format == "BMP":
        return int.from_bytes(data[2:6], "little") > len(data)
    if image_format == "AVIF":
        return _boxes_run_over(data)
    return image_format == "TIFF" and _tiff_offset(data) + 2 > len(data)


def _boxes_run_over(data: bytes) -> bool:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return False
        if size < 8:
            return False
        at += size
    return at > len(data)


def _tiff_offset(data: bytes) -> int:
    return int.from_bytes(data[4:8], "little" if data[:2] == b"II" else "big")


def _count_frames(file: ImageFile.ImageFile) -> int:
    try:
        return max(1, int(getattr(file, "n_frames", 1)))
    except _DECODER_ERRORS:
        # A damaged later frame does not matter: only the first one is used, and that is checked by decoding it.
        return 1


def _orientation(file: ImageFile.ImageFile) -> int:
    try:
        value = file.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _grey_bottom(image: Image.Image) -> float:
    """Return the share of rows at the bottom that are mid-grey throughout, as libjpeg paints what is missing.

    A picture that begins so as well has a grey ground.
    """
    if not _is_grey(image, image.height - 1, image.height) or _is_grey(image, 0, 1):
        return 0.0
    pixels = np.asarray(image)
    grey: np.ndarray = np.all(np.abs(pixels.astype(np.int16) - _MID_GREY) <= _GREY_SLACK, axis=(1, 2))
    high = image.height - 1
    while high and grey[high - 1]:
        high -= 1
    return (image.height - high) / image.height


def _is_grey(image: Image.Image, top: int, bottom: int) -> bool:
    row = np.asarray(image.crop((0, top, image.width, bottom))).astype(np.int16)
    return bool((np.abs(row - _MID_GREY) <= _GREY_SLACK).all())
