"""Images in every shape they come in, and files that only claim to be images."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mmcheck.core.errors import MediaError
from mmcheck.media.image import DecodedImage, decode_image
from mmcheck.media.suffixes import has_right_suffix

PictureBytes = Callable[..., bytes]
RED = (255, 0, 0)


def decode(data: bytes, min_side: int | None = None, max_pixels: int = 10_000_000) -> DecodedImage:
    return decode_image(data, min_side=min_side, max_pixels=max_pixels)


def near(pixel: object, wanted: tuple[int, int, int], slack: int = 40) -> bool:
    return max(abs(a - b) for a, b in zip(pixel, wanted, strict=True)) <= slack  # type: ignore[call-overload]


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_each_format_is_decoded_by_content(
    image_format: str, picture: Callable[..., Image.Image], picture_bytes: PictureBytes
) -> None:
    found = decode(picture_bytes(picture(64, 48), image_format))
    assert (found.format, found.width, found.height, found.image.mode) == (image_format, 64, 48, "RGB")
    assert near(found.image.getpixel((4, 4)), RED, 60)
    assert not found.is_animated


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(
    orientation: int, picture: Callable[..., Image.Image], picture_bytes: PictureBytes
) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that stores an upright picture this way
    upright = picture(64, 48)
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(picture_bytes(stored, "JPEG", exif=exif.tobytes(), quality=95))
    assert (found.width, found.height, found.image.size, found.orientation) == (64, 48, (64, 48), orientation)
    assert near(found.image.getpixel((4, 4)), RED)
    assert not near(found.image.getpixel((60, 44)), RED)


def test_size_is_that_of_the_upright_original_though_the_picture_is_shrunk(
    picture: Callable[..., Image.Image], picture_bytes: PictureBytes
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for image_format in ("JPEG", "PNG"):
        found = decode(picture_bytes(picture(801, 403), image_format, exif=exif.tobytes()), min_side=100)
        assert (found.width, found.height) == (403, 801)
        assert 100 <= min(found.image.size) < 201
        assert found.image.size[0] < found.image.size[1]


def test_small_images_are_not_enlarged_or_shrunk(
    picture: Callable[..., Image.Image], picture_bytes: PictureBytes
) -> None:
    assert decode(picture_bytes(picture(50, 40), "JPEG"), min_side=224).image.size == (50, 40)
    assert decode(picture_bytes(picture(1, 1), "PNG"), min_side=1).image.size == (1, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_modes_become_rgb(mode: str, picture: Callable[..., Image.Image], picture_bytes: PictureBytes) -> None:
    if mode == "I;16":
        made = Image.fromarray(np.full((20, 30), 0x8000, np.uint16))
    elif mode == "I":
        made = Image.fromarray(np.full((20, 30), 0x8000, np.int32))
    elif mode == "F":
        made = Image.fromarray(np.full((20, 30), 0.5, np.float32))
    else:
        made = Image.new("RGB", (30, 20), (128, 128, 128)).convert(mode)
    found = decode(picture_bytes(made, "TIFF" if mode in ("CMYK", "YCbCr", "I", "F", "LA") else "PNG"))
    assert found.image.mode == "RGB"
    mean = float(np.asarray(found.image).mean())
    assert abs(mean - 128) < 8, f"{mode}: mid grey came out as {mean}"


def test_sixteen_bits_are_scaled_and_not_clipped(picture_bytes: PictureBytes) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (8, 1))
    grey = np.asarray(decode(picture_bytes(Image.fromarray(ramp), "PNG")).image)[0, :, 0].astype(int)
    assert grey[0] == 0
    assert grey[-1] == 255
    assert abs(grey[128] - 128) <= 1
    assert (np.diff(grey) >= 0).all()


def test_transparency_is_laid_on_white(picture_bytes: PictureBytes) -> None:
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert near(decode(picture_bytes(clear, "PNG")).image.getpixel((5, 5)), (255, 255, 255), 0)
    palette = Image.new("P", (10, 10), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert near(decode(picture_bytes(palette, "PNG", transparency=0)).image.getpixel((5, 5)), (255, 255, 255), 0)


def test_cmyk_jpeg_is_not_a_negative(picture_bytes: PictureBytes) -> None:
    data = picture_bytes(Image.new("RGB", (32, 32), RED).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    assert near(decode(data).image.getpixel((16, 16)), RED)
    # Without Adobe's marker the inks are stored straight, as libjpeg and browsers read them; Pillow always writes
    # them inverted, so inverted inks minus the marker make such a file.
    data = picture_bytes(Image.new("CMYK", (32, 32), (255, 0, 0, 255)), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    plain = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert near(decode(plain).image.getpixel((16, 16)), RED)


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(image_format: str, picture_bytes: PictureBytes) -> None:
    first, second = Image.new("RGB", (20, 20), RED), Image.new("RGB", (20, 20), (0, 0, 255))
    options = {"lossless": True} if image_format == "WEBP" else {}
    data = picture_bytes(first, image_format, save_all=True, append_images=[second], duration=100, **options)
    found = decode(data)
    assert (found.is_animated, found.num_frames) == (True, 2)
    assert near(found.image.getpixel((10, 10)), RED)


def test_pages_of_a_tiff_are_no_animation(picture_bytes: PictureBytes) -> None:
    page = Image.new("RGB", (20, 20), RED)
    found = decode(picture_bytes(page, "TIFF", save_all=True, append_images=[page]))
    assert (found.is_animated, found.num_frames) == (False, 2)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_ends_early_is_truncated(
    image_format: str, share: float, picture: Callable[..., Image.Image], picture_bytes: PictureBytes
) -> None:
    data = picture_bytes(picture(300, 200), image_format)
    with pytest.raises(MediaError) as error:
        decode(data[: int(len(data) * share)])
    assert error.value.cause == "truncated"


def test_zeros_in_place_of_the_end_are_truncation(
    picture: Callable[..., Image.Image], picture_bytes: PictureBytes
) -> None:
    data = picture_bytes(picture(300, 200), "JPEG")
    half = len(data) // 2
    with pytest.raises(MediaError) as error:
        decode(data[:half] + bytes(len(data) - half))
    assert error.value.cause == "truncated"
    assert decode(data + bytes(4096)).width == 300  # padding behind a whole picture does no harm


def bomb_png(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(MediaError) as error:
        decode_image(bomb_png(60_000, 60_000), min_side=None, max_pixels=100_000_000)
    assert error.value.cause == "too_large"
    assert "60000 x 60000" in error.value.message


@pytest.mark.parametrize(
    ("data", "cause", "word"),
    [
        (b"", "empty", "0 bytes"),
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "not_an_image", "HTML"),
        (b"\xef\xbb\xbf  <html>", "not_an_image", "HTML"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "not_an_image", "SVG"),
        (b'{"error": "forbidden"}', "not_an_image", "JSON"),
        (b"hello there", "not_an_image", "hello there"),
        ("Straße".encode(), "not_an_image", "Straße"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "not_an_image", "Git LFS"),
        (b"%PDF-1.7 ...", "not_an_image", "PDF"),
        (b"\x00" * 2000, "not_an_image", "zero bytes"),
        (b"\x01\x9f\x83\x11" * 30, "not_an_image", "unknown"),
        (b"8BPS\x00\x01" + bytes(60), "unsupported_format", "Photoshop"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(60), "unsupported_format", "HEIC"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "not_an_image", "WAV"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, cause: str, word: str) -> None:
    with pytest.raises(MediaError) as error:
        decode(data)
    assert error.value.cause == cause
    assert word in error.value.message


def test_broken_exif_does_not_matter(picture: Callable[..., Image.Image], picture_bytes: PictureBytes) -> None:
    found = decode(picture_bytes(picture(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"))
    assert (found.orientation, found.width) == (1, 64)


def test_right_and_wrong_suffixes() -> None:
    assert has_right_suffix("a/b.JPEG", "JPEG")
    assert has_right_suffix("https://x/y.png?width=3", "PNG")
    assert not has_right_suffix("x.jpg", "PNG")
    assert has_right_suffix("image[3]", "PNG"), "a name without a known ending claims nothing"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]), st.data())
def test_damage_anywhere_gives_a_picture_or_a_media_error(image_format: str, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((40, 30)).convert("RGB").save(buffer, image_format)
    whole = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        found = decode(bytes(whole[:cut]), max_pixels=1_000_000)
    except MediaError:
        return
    assert found.image.mode == "RGB"
    assert found.width * found.height <= 1_000_000
