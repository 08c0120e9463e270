"""What is told where a file is missing: the name that was probably meant, and never another number's."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from mmcheck.media.nearby_names import NearbyNames


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    decomposed = unicodedata.normalize("NFD", "café.jpg")
    names = ["UP.JPG", decomposed, "my photo.jpg", "plain.png", "plain.txt", "img_0041.jpg", "trail .jpg", "a#b.jpg"]
    for name in [*names, "sub/win.jpg", "Other/deep/one.jpg"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("missing", "meant"),
    [
        ("up.jpg", "UP.JPG"),
        ("my%20photo.jpg", "my photo.jpg"),
        ("my+photo.jpg", "my photo.jpg"),
        (" UP.JPG ", "UP.JPG"),
        ("plain.jpg", "plain.png"),
        ("plain", "plain.png"),
        ("plain.png?x=1", "plain.png"),
        ("trail.jpg", "trail .jpg"),
        ("my_phto.jpg", "my photo.jpg"),
        ("img_41.jpg", "img_0041.jpg"),
    ],
)
def test_the_nearest_name_in_the_folder(folder: Path, missing: str, meant: str) -> None:
    assert NearbyNames().hint(str(folder / missing)) == f"did you mean {meant}?"


def test_accents_that_are_coded_otherwise_are_said_to_be(folder: Path) -> None:
    hint = NearbyNames().hint(str(folder / "café.jpg")) or ""
    assert unicodedata.normalize("NFD", "café.jpg") in hint
    assert "NFC and NFD" in hint


@pytest.mark.parametrize("missing", ["img_0042.jpg", "quite_another.jpg"])
def test_another_number_is_not_meant(folder: Path, missing: str) -> None:
    assert NearbyNames().hint(str(folder / missing)) is None


@pytest.mark.parametrize(
    ("missing", "meant"),
    [
        ("/data/set/sub/win.jpg", "sub/win.jpg"),
        ("/data/upload/3/ab12cd34-plain.png", "plain.png"),
        ("C:\\set\\sub\\win.jpg", "sub/win.jpg"),
        ("OTHER/deep/one.jpg", "Other/deep/one.jpg"),
        ("elsewhere/one.jpg", "Other/deep/one.jpg"),
    ],
)
def test_files_are_found_below_the_folder_of_the_manifest(folder: Path, missing: str, meant: str) -> None:
    path = missing if missing.startswith("/") else os.path.join(folder, missing)
    assert NearbyNames().hint(path, str(folder)) == f"did you mean {folder / meant}?"


def test_a_missing_folder_is_named_where_nothing_is_near(folder: Path) -> None:
    hint = NearbyNames().hint(str(folder / "images" / "zzz.jpg"), str(folder)) or ""
    assert f"the folder {folder / 'images'} does not exist; {folder} does." == hint
