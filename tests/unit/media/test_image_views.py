from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from mmcheck.config import DuplicatesConfig
from mmcheck.corpus.duplicates.near_images import ImageItems, NearImages
from mmcheck.corpus.groups import group_items
from mmcheck.corpus.neighbour_index import NeighbourIndex
from mmcheck.media.fingerprints import image_fingerprint
from mmcheck.media.image_views import VIEW_BYTES, VIEWS, find_content, image_views


def jpeg(image, quality=70):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def crop(image, share):
    width, height = image.size
    return image.crop((round(width * share), round(height * share / 2), width, round(height * (1 - share))))


def captioned(image):
    band = max(24, image.height // 8)
    canvas = Image.new("RGB", (image.width, image.height + band), "white")
    canvas.paste(image, (0, 0))
    ImageDraw.Draw(canvas).text((image.width // 3, image.height + band // 3), "a caption", fill="black")
    return canvas


ALTERED = {
    "mirrored": (lambda image: jpeg(ImageOps.mirror(image)), 1.0),
    "bordered": (lambda image: jpeg(ImageOps.expand(image, max(8, min(image.size) // 12), "white")), 0.75),
    "letterboxed": (lambda image: jpeg(ImageOps.pad(image, (max(image.size), max(image.size)), color="black")), 0.7),
    "captioned": (lambda image: jpeg(captioned(image)), 0.4),
    "cropped": (lambda image: jpeg(crop(image, 0.04)), 0.35),
}


def looks_at(images):
    """Return what is known of images where no model was run."""
    prints = [image_fingerprint(image) for image in images]
    items = ImageItems(
        phash=np.array([int.from_bytes(bits) for bits, _ in prints], dtype=np.uint64),
        colours=np.array([np.frombuffer(fields, np.uint8) for _, fields in prints]),
        views=np.array([np.frombuffer(image_views(image), np.uint8) for image in images]),
        has_hash=np.ones(len(images), dtype=bool),
        place=np.full(len(images), -1),
        index=NeighbourIndex(1, 0),
    )
    return NearImages(items, DuplicatesConfig())


def near_pairs(images):
    """Return which images are near-duplicates, as where no model was run."""
    left, right = looks_at(images).find_pairs()
    return {tuple(sorted(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)}


@pytest.fixture(scope="module")
def photos(shared_data):
    found = []
    for file in sorted((shared_data / "real-images" / "images").iterdir())[::4]:
        image = Image.open(file).convert("RGB")
        image.thumbnail((500, 500))
        found.append(image)
    return found


@pytest.mark.parametrize("name", ALTERED)
def test_altered_copies_of_photographs_are_found_and_nothing_else(photos, name):
    alter, least = ALTERED[name]
    count = len(photos)
    pairs = near_pairs([*photos, *map(alter, photos)])
    found = sum((number, number + count) in pairs for number in range(count))
    assert found >= least * count
    assert {(a % count, b % count) for a, b in pairs if a % count != b % count} == set()


def test_many_altered_copies_of_a_photograph_do_not_part_it_from_its_nearest_ones(photos):
    photos = photos[:15]
    count = len(photos)
    copies = [alter(photo) for alter, _ in ALTERED.values() for photo in photos]
    near = looks_at([*photos, *copies])
    left, right = near.find_pairs()
    originals = np.arange(count)
    everyone = np.arange(count * (1 + len(ALTERED)))
    likeness = near.compare(np.tile(originals, 1 + len(ALTERED)), everyone).reshape(-1, count)
    rng = np.random.default_rng(0)
    for rank in (everyone, everyone[::-1], rng.permutation(len(everyone))):
        centre = group_items(len(everyone), left, right, rank, near.compare, near.are_altered(left, right)).centre
        of_photo = centre.reshape(-1, count)
        assert all(len(set(everyone[centre == one] % count)) == 1 for one in np.unique(centre))
        together = of_photo == of_photo[0]
        assert ((together.sum(axis=0) > 1) == ((~np.isnan(likeness)).sum(axis=0) > 1)).all(), "no original is left out"
        assert together[~np.isnan(likeness)].mean() >= 0.95


def test_a_border_is_cut_off_and_a_picture_without_one_is_left_whole():
    rng = np.random.default_rng(0)
    blocks = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize((320, 240), 0)
    assert find_content(blocks) is None
    left, top, right, bottom = find_content(ImageOps.expand(blocks, (20, 30, 40, 10), "black"))
    assert [left, top, right, bottom] == pytest.approx([20, 30, 340, 270], abs=3)
    assert find_content(Image.new("RGB", (200, 100), "white")) is None


@pytest.mark.parametrize("letters", [6, 12, 20])
def test_a_band_of_writing_belongs_to_the_border(letters):
    rng = np.random.default_rng(0)
    blocks = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize((320, 240), 0)
    captioned = ImageOps.expand(blocks, (0, 0, 0, 36), "white")
    ImageDraw.Draw(captioned).text(
        (4, 244), "Image courtesy of the archive, with permission", "black", font_size=letters
    )
    left, top, right, bottom = find_content(captioned, has_writing=True)
    assert [left, top, right, bottom] == pytest.approx([0, 0, 320, 240], abs=3)
    plain = find_content(captioned)
    assert plain is None or plain[3] > 246, "without the view for writing, the band is part of the picture"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_any_size_has_views(width, height, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    assert len(image_views(Image.fromarray(pixels))) == len(VIEWS) * VIEW_BYTES
