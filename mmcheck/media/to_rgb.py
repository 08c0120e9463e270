"""A loaded picture of any mode -> the RGB picture that is meant, and how far Pillow's plain conversion is from it.

Trainers mostly write ``Image.open(...).convert("RGB")``: that drops transparency and shows whatever colour lies under
it (often black, so that a dark logo becomes a black square), and cuts 16-bit greys off at 255, so that they turn white.
mmcheck judges the picture as it is meant, because whether a caption is right does not depend on a decoder that can be
changed; where the plain conversion gives another picture in earnest, that is a finding of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from mmcheck.core.errors import MediaError

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
"""Modes with more than 8 bits a pixel."""

_GRID = 64  # side in pixels of the copies that are compared
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_USUAL_BITS = (8, 10, 12, 14, 16)
_TRANSPARENT_MODES = ("RGBA", "LA", "La", "RGBa", "PA")


@dataclass(frozen=True, slots=True, kw_only=True)
class RgbPicture:
    """A picture as it is meant."""

    image: Image.Image
    """Mode RGB."""
    plain_difference: float
    """Mean absolute difference from what ``convert("RGB")`` gives, 0 to 1."""


def to_rgb(file: Image.Image, image_format: str) -> RgbPicture:
    """Return a loaded file as RGB.

    Args:
        file: The loaded picture.
        image_format: Its format by content.

    Raises:
        MediaError: If the pixels cannot be turned into RGB.
    """
    try:
        if file.mode in DEEP_MODES:
            image = Image.fromarray(_to_eight_bits(file)).convert("RGB")
            return RgbPicture(image=image, plain_difference=_difference(_shrunk(file.convert("RGB")), _shrunk(image)))
        if file.mode == "CMYK" and image_format == "JPEG" and "adobe" not in file.info:
            # Pillow turns every CMYK JPEG round, which is right only for those with Adobe's marker.
            image = ImageChops.invert(file).convert("RGB")
            return RgbPicture(image=image, plain_difference=_difference(_shrunk(file.convert("RGB")), _shrunk(image)))
        if file.mode in _TRANSPARENT_MODES or "transparency" in file.info:
            return _on_ground(file)
        if file.mode == "RGB":
            # A JPEG, once loaded, holds its pixels and no file any more; a copy takes as long as resizing it.
            return RgbPicture(image=file if image_format == "JPEG" else file.copy(), plain_difference=0.0)
        return RgbPicture(image=file.convert("RGB"), plain_difference=0.0)
    except (ValueError, OSError) as error:
        message = f"pixels of mode {file.mode} cannot be turned into RGB: {error}"
        raise MediaError(message, cause="undecodable") from error


def _on_ground(file: Image.Image) -> RgbPicture:
    """Lay a transparent picture on white, or on black where it is light and white would hide it.

    On either ground one sees what is meant, unless one of them hides the picture. So the plain conversion is held
    against the ground that it is nearest to, of those that show at least a quarter as much as the other.
    """
    rgba = file.convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255):
        return RgbPicture(image=rgba.convert("RGB"), plain_difference=0.0)
    grounds = [_laid_on(rgba, (level,) * 3) for level in (255, 0)]
    small = [_shrunk(image) for image in grounds]
    shown = [float((pixels @ _LUMA).std()) for pixels in small]
    plain = _shrunk(file.convert("RGB"))
    near = [_difference(plain, pixels) for pixels, seen in zip(small, shown, strict=True) if 4 * seen >= max(shown)]
    return RgbPicture(image=grounds[0] if 4 * shown[0] >= shown[1] else grounds[1], plain_difference=min(near))


def _laid_on(rgba: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    image = Image.new("RGB", rgba.size, colour)
    image.paste(rgba, mask=rgba.getchannel("A"))
    return image


def _shrunk(image: Image.Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    size = (min(_GRID, image.width), min(_GRID, image.height))
    return np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float32)


def _difference(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.abs(one - other).mean()) / 255.0


def _to_eight_bits(file: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Scale deeper pixels to 0..255: 16 bits by the depth that they use, others (no fixed range) by what occurs.

    Cameras and scanners store 10, 12 or 14 bits in 16, which by the full range would be black.
    """
    pixels = np.asarray(file)
    if pixels.dtype.kind == "f":
        pixels = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(pixels.min()), float(pixels.max())
    if file.mode.startswith("I;16") or (file.mode == "I" and low >= 0 and high <= 65535):
        bits = next(bits for bits in _USUAL_BITS if high < 1 << bits)
        low, high = 0.0, float((1 << bits) - 1)
    elif file.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    scale = 255.0 / max(high - low, 1e-12)
    scaled = np.empty(pixels.shape, dtype=np.uint8)
    for top in range(0, len(pixels), _ROWS):  # in float a whole picture would take four times its own room
        rows = pixels[top : top + _ROWS].astype(np.float64)
        scaled[top : top + _ROWS] = np.rint((rows - low) * scale)
    return scaled


_ROWS = 64
