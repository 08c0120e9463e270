"""JPEGs that every decoder opens without a word, although part of the picture is not there."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from mmcheck.core.errors import MediaError
from mmcheck.media.image import decode_image
from mmcheck.media.jpeg_damage import SURPLUS, jpeg_damage

Picture = Callable[..., Image.Image]


def encode(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def grey_bottom(data: bytes, min_side: int | None = None) -> float:
    return decode_image(data, min_side=min_side, max_pixels=10**8).grey_bottom


@pytest.fixture
def photo(picture: Picture) -> Image.Image:
    return picture(400, 300)


WAYS = [{}, {"optimize": True}, {"progressive": True}, {"subsampling": 0, "quality": 95}, {"restart_marker_blocks": 20}]


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_sound_file_has_no_damage(photo: Image.Image, options: dict[str, object], mode: str) -> None:
    assert jpeg_damage(encode(photo.convert(mode), **options)) == 0.0


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_an_end_marker_behind_a_cut_file_hides_nothing(photo: Image.Image, options: dict[str, object]) -> None:
    whole = encode(photo, **options)
    assert jpeg_damage(whole[: len(whole) // 2] + b"\xff\xd9") == 1.0


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_zeros_and_gaps_inside_are_damage(photo: Image.Image, options: dict[str, object]) -> None:
    whole = encode(photo, **options)
    middle = len(whole) // 2
    assert jpeg_damage(whole[:middle] + bytes(600) + whole[middle + 600 :]) == 1.0
    assert jpeg_damage(whole[:middle] + whole[middle + 600 :]) == 1.0


def test_a_progressive_file_without_its_last_scans_is_damaged(photo: Image.Image) -> None:
    whole = encode(photo, progressive=True)
    last = whole.rindex(b"\xff\xda")
    assert jpeg_damage(whole[:last] + b"\xff\xd9") == 1.0


def test_a_few_stray_bytes_are_no_loss(photo: Image.Image) -> None:
    whole = encode(photo)
    assert jpeg_damage(whole[:-2] + b"\0\0\0" + whole[-2:]) == SURPLUS
    assert jpeg_damage(whole + b"trailing bytes of some program") == 0.0
    assert jpeg_damage(b"no JPEG at all") == 0.0


def test_a_cut_file_that_was_encoded_anew_ends_in_grey(photo: Image.Image) -> None:
    whole = encode(photo)
    cut = Image.open(io.BytesIO(whole[: len(whole) // 2] + b"\xff\xd9"))
    again = cut.convert("RGB")
    for data in (encode(again), encode(again, "PNG"), encode(again, "WEBP", quality=90)):
        assert 0.3 < grey_bottom(data) < 0.7
        assert 0.3 < grey_bottom(data, 64) < 0.7
    assert jpeg_damage(encode(again)) == 0.0
    assert grey_bottom(whole) == 0.0


def test_a_grey_ground_is_no_damage(photo: Image.Image) -> None:
    ground = Image.new("RGB", (400, 300), (128, 128, 128))
    assert grey_bottom(encode(ground, "PNG")) == 0.0, "blank, which is said elsewhere"
    ground.paste(photo.resize((200, 150)), (100, 75))
    assert grey_bottom(encode(ground, "PNG")) == 0.0
    bars = np.asarray(photo).copy()
    bars[250:] = 0
    assert grey_bottom(encode(Image.fromarray(bars), "PNG")) == 0.0


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_kinds_with_checks_of_their_own_are_refused(photo: Image.Image, kind: str) -> None:
    whole = encode(photo, kind)
    middle = len(whole) // 2
    with pytest.raises(MediaError) as error:
        decode_image(
            whole[:middle] + bytes(len(whole) // 4) + whole[middle + len(whole) // 4 :], min_side=None, max_pixels=10**8
        )
    assert error.value.cause in ("undecodable", "truncated")
