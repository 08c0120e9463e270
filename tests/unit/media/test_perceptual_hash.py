"""The hash is that of ``imagehash.phash``: the expected values were written by ImageHash 4.3.2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mmcheck
from mmcheck.media.perceptual_hash import perceptual_hash

_MADE = {
    (1, 1): "0000000000000000",
    (1, 400): "8000000080000080",
    (3, 2): "b446d949d969cd19",
    (17, 301): "800b07ff0ff83e19",
    (31, 33): "810e78676c5956f5",
    (32, 32): "810e78676c5956f5",
    (1000, 20): "80002a2a7a7e7f7f",
    (640, 480): "82575652fcfda228",
}
_DEMO = {
    "img-00001.jpg": "c73878c738c6c738",
    "img-00073.jpg": "cab5514ab54ba6b4",
    "img-00143.jpg": "fb2b9594944a4b69",
    "img-00213.jpg": "b070ceca3827cdc7",
    "img-00285.jpg": "d29a19831e2de5f4",
}
_REAL = {
    "ANTHRO_Figure_01_01_005.jpg": "e727121f0f9e98e0",
    "ANTHRO_Figure_03_03_007.jpg": "e39d4c49946233f3",
    "ANTHRO_Figure_04_04_009.jpg": "a6e6981fc9c91dc4",
    "ANTHRO_Figure_04_07_039.jpg": "80f7b9664f68191b",
    "ANTHRO_Figure_11_03_012.png": "fba871a226b63626",
    "ANTHRO_Figure_17_01_003.jpg": "c0bd7b5028b9795a",
    "BRI_APUSH_04_03_FAmes.jpg": "d99b24640dfa12dd",
    "BRI_APUSH_05_03_MVanBuren.jpg": "8c8d732637333366",
    "BRI_APUSH_08_03_JChesnut.jpg": "f9d056726aca0a67",
    "BRI_APUSH_13_03_AHiss.jpg": "995827e496337cc3",
    "BRI_APUSH_13_03_Robinson30.jpg": "8297ed6c5043afb4",
    "BRI_APUSH_15_03_EGrisEJahn.jpg": "900c37940f77c2bf",
}


def digits(image: Image.Image) -> str:
    return np.packbits(perceptual_hash(image)).tobytes().hex()


@pytest.mark.parametrize(("size", "expected"), _MADE.items())
def test_odd_sizes(size: tuple[int, int], expected: str) -> None:
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    bands = [(rows * 7 + columns * columns) % 256, (rows * columns) % 256, (rows ^ columns) % 256]
    assert digits(Image.fromarray(np.stack(bands, axis=2).astype(np.uint8))) == expected


@pytest.mark.parametrize(("level", "expected"), [(0, "0" * 16), (1, "8" + "0" * 15), (255, "8" + "0" * 15)])
def test_blank_pictures_have_no_noise(level: int, expected: str) -> None:
    assert digits(Image.new("RGB", (50, 40), (level,) * 3)) == expected


@pytest.mark.parametrize(("name", "expected"), _DEMO.items())
def test_demo_images(name: str, expected: str) -> None:
    folder = Path(mmcheck.__file__).parent / "demo_data" / "image-caption" / "images"
    assert digits(Image.open(folder / name).convert("RGB")) == expected


def test_real_images(shared_data: Path) -> None:
    folder = shared_data / "real-images" / "images"
    assert {name: digits(Image.open(folder / name).convert("RGB")) for name in _REAL} == _REAL
