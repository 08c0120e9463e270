"""A loaded picture of any mode -> the RGB picture that is meant, and how far Pillow's plain conversion is from it.

Trainers mostly write ``Image.open(...).convert("RGB")``: that drops transparency and shows whatever colour lies under
it (often black, so that a dark logo becomes a black square), and cuts 16-bit greys off at 255, so that they turn white.
mmcheck judges the picture as it is meant, because whether a caption is right does not depend on a decoder that can be
changed; where the plain conversion gives another picture in earnest, that is a finding of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from mmcheck.core.errors import MediaError

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
"""Modes with more than 8 bits a pixel."""

_GRID = 64  # side in pixels of the grids that are compared; our own choice: enough to see a black square
_STRIP_PIXELS = 1 << 20  # pixels of deep greys scaled at once; our own choice: bounds memory
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Share of red, green and blue in lightness. Given by ITU-R BT.601."""
_USUAL_BITS = (8, 10, 12, 14, 16)  # bits that deep greys may have; given by the depths of sensors and scanners
_TRANSPARENT_MODES = ("RGBA", "LA", "La", "RGBa", "PA")


Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RgbPicture:
    """A picture as it is meant."""

    image: Image.Image
    """Mode RGB."""
    plain_difference: float = 0.0
    """Mean absolute difference from what ``convert("RGB")`` gives, 0 to 1."""


def to_rgb(file: Image.Image, image_format: str, min_side: int | None) -> RgbPicture:
    """Return a loaded file as RGB.

    Args:
        file: The loaded picture.
        image_format: Its format by content.
        min_side: The result is shrunk by a whole factor as long as its shorter side stays this long, px; None: never.

    Raises:
        MediaError: If the pixels cannot be turned into RGB.
    """
    try:
        if file.mode in DEEP_MODES:
            return _of_deep(file, min_side)
        if file.mode == "CMYK" and image_format == "JPEG" and "adobe" not in file.info:
            # Pillow turns every CMYK JPEG round, which is right only for those with Adobe's marker.
            sample = _sample(file)
            difference = _difference(sample.convert("RGB"), ImageChops.invert(sample).convert("RGB"))
            image = _reduced(ImageChops.invert(file).convert("RGB"), min_side)
            return RgbPicture(image=image, plain_difference=difference)
        if file.mode in _TRANSPARENT_MODES or "transparency" in file.info:
            return _on_ground(file, min_side)
        if file.mode == "RGB":
            # A JPEG, once loaded, holds its pixels and no file any more; a copy takes as long as resizing it.
            image = _reduced(file, min_side)
            return RgbPicture(image=file.copy() if image is file and image_format != "JPEG" else image)
        return RgbPicture(image=_reduced(file.convert("RGB"), min_side))
    except (ValueError, OSError) as error:
        message = f"pixels of mode {file.mode} cannot be turned into RGB: {error}"
        raise MediaError(message, cause="undecodable") from error


def _on_ground(file: Image.Image, min_side: int | None) -> RgbPicture:
    """Lay a transparent picture on white, or on black where it is light and white would hide it.

    On either ground one sees what is meant, unless one of them hides the picture. So the plain conversion is held
    against the ground that it is nearest to, of those that show at least a quarter as much as the other.
    """
    rgba = file.convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255):
        return RgbPicture(image=_reduced(rgba.convert("RGB"), min_side))
    sample = _sample(file)
    plain, clear = sample.convert("RGB"), sample.convert("RGBA")
    grounds = [_laid_on(clear, level) for level in (255, 0)]
    shown = [float((np.asarray(image, dtype=np.float32) @ _LUMA).std()) for image in grounds]
    near = [_difference(plain, image) for image, seen in zip(grounds, shown, strict=True) if 4 * seen >= max(shown)]
    image = _laid_on(_reduced(rgba, min_side), 255 if 4 * shown[0] >= shown[1] else 0)
    return RgbPicture(image=image, plain_difference=min(near))


def _of_deep(file: Image.Image, min_side: int | None) -> RgbPicture:
    """Scale deeper pixels to 0..255: 16 bits by the depth that they use, others (no fixed range) by what occurs.

    Cameras and scanners store 10, 12 or 14 bits in 16, which by the full range would be black. Done in strips, as a
    whole picture in floating point takes four times its own room.
    """
    factor = _factor(file, min_side)
    low, high = math.inf, -math.inf
    for strip in _strips(file, factor):
        low, high = min(low, float(strip.min())), max(high, float(strip.max()))
    if file.mode.startswith("I;16") or (file.mode == "I" and low >= 0 and high <= 65535):
        bits = next(bits for bits in _USUAL_BITS if high < 1 << bits)
        low, high = 0.0, float((1 << bits) - 1)
    elif file.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0

    def scaled(pixels: Floats) -> Image.Image:
        return Image.fromarray(np.rint((pixels - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8))

    parts = [np.asarray(_by_factor(scaled(strip), factor)) for strip in _strips(file, factor)]
    sample = _sample(file)
    meant = scaled(_finite(np.asarray(sample)))
    return RgbPicture(
        image=Image.fromarray(np.concatenate(parts)).convert("RGB"),
        plain_difference=_difference(sample.convert("RGB"), meant.convert("RGB")),
    )


def _strips(file: Image.Image, factor: int) -> Iterator[Floats]:
    height = factor * max(1, _STRIP_PIXELS // (factor * file.width))
    for top in range(0, file.height, height):
        yield _finite(np.asarray(file.crop((0, top, file.width, min(top + height, file.height)))))


def _finite(pixels: np.ndarray) -> Floats:
    found: Floats = np.nan_to_num(pixels.astype(np.float64), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return found


def _laid_on(rgba: Image.Image, level: int) -> Image.Image:
    image = Image.new("RGB", rgba.size, (level, level, level))
    image.paste(rgba, mask=rgba.getchannel("A"))
    return image


def _factor(image: Image.Image, min_side: int | None) -> int:
    return 1 if min_side is None else max(1, min(image.size) // min_side)


def _reduced(image: Image.Image, min_side: int | None) -> Image.Image:
    return _by_factor(image, _factor(image, min_side))


def _by_factor(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor >= 2 else image


def _sample(image: Image.Image) -> Image.Image:
    """Return single pixels of a grid over the picture; averages would hide what is cut off or under transparency."""
    return image.resize((_GRID, _GRID), Image.Resampling.NEAREST)


def _difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=np.float32) - np.asarray(other, dtype=np.float32)).mean()) / 255.0
