"""What a picture is meant to be, and how far a trainer's plain convert("RGB") is from it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmcheck.media.image import DecodedImage, decode_image

Picture = Callable[..., Image.Image]
LIMIT = 0.1  # of the rule in the presets


def decode(picture: Image.Image, kind: str = "PNG", **options: Any) -> DecodedImage:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return decode_image(buffer.getvalue(), min_side=None, max_pixels=10**8)


def logo(colour: tuple[int, int, int], under: tuple[int, int, int]) -> Image.Image:
    picture = Image.new("RGBA", (120, 90), (*under, 0))
    ImageDraw.Draw(picture).rectangle((30, 20, 90, 70), fill=(*colour, 255))
    return picture


@pytest.mark.parametrize(
    ("colour", "under", "differs"),
    [
        ((0, 0, 0), (0, 0, 0), True),
        ((30, 20, 40), (0, 0, 0), True),
        ((255, 255, 255), (255, 255, 255), True),
        ((0, 0, 0), (255, 255, 255), False),
        ((255, 255, 255), (0, 0, 0), False),
        ((220, 40, 40), (0, 0, 0), False),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_lies_under_transparency(
    colour: tuple[int, int, int], under: tuple[int, int, int], differs: bool, kind: str
) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = decode(logo(colour, under), kind, **options)
    assert (found.plain_difference > LIMIT) is differs
    assert np.asarray(found.image).std() > 20, "on the ground that shows it"


def test_a_transparent_palette_counts_and_an_opaque_one_does_not(picture: Picture) -> None:
    ring = Image.new("P", (80, 80), 0)
    ring.putpalette([0, 0, 0, 10, 10, 10])
    ImageDraw.Draw(ring).ellipse((10, 10, 70, 70), fill=1)
    assert decode(ring, transparency=0).plain_difference > LIMIT
    assert decode(ring).plain_difference == 0.0
    assert decode(picture(64, 48).convert("P")).plain_difference == 0.0


def test_opaque_and_nearly_opaque_pictures_do_not_differ(picture: Picture) -> None:
    opaque = picture(64, 48).convert("RGBA")
    assert decode(opaque).plain_difference == 0.0
    opaque.putpixel((3, 3), (0, 0, 0, 0))
    assert decode(opaque).plain_difference < 0.01
    assert decode(picture(64, 48), "JPEG").plain_difference == 0.0


@pytest.mark.parametrize(("top", "differs"), [(65535, True), (4095, True), (1023, True), (255, False)])
def test_sixteen_bit_greys(top: int, differs: bool) -> None:
    ramp = np.linspace(top * 0.1, top, 100).astype(np.uint16)
    found = decode(Image.fromarray(np.tile(ramp, (60, 1))))
    assert found.mode.startswith("I;16")
    assert (found.plain_difference > LIMIT) is differs
    assert np.asarray(found.image).max() == pytest.approx(255, abs=1), "the depth that is used, not the one stored"
    assert np.asarray(found.image).min() == pytest.approx(25, abs=2)


def test_floating_point_greys() -> None:
    ramp = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (60, 1))
    found = decode(Image.fromarray(ramp), "TIFF")
    assert found.plain_difference > LIMIT
    assert np.asarray(found.image).max() == 255
