"""File names, markup and addresses are told from descriptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.caption_residue import count_urls, filename_likeness, has_entities, markup_ratio


@pytest.mark.parametrize(
    "text",
    [
        "IMG_1234",
        "DSC00012.JPG",
        "dog on beach.jpg",
        "a_red_ball_03",
        "00012345",
        "P1010023",
        "Screenshot 2021-03-04 at 10.11.12",
        "WhatsApp Image 2020-01-01 at 12.00.00 PM",
        "image (1)",
        "Picture 1",
        "9f86d081884c7d659a2feaa0c55ad015",
        "123e4567-e89b-12d3-a456-426614174000",
        "dQw4w9WgXcQ",
        "/data/img/x",
        "C:\\photos\\2020\\x",
        "写真.png",
        "PXL_20230101_101112345",
    ],
)
def test_file_names(text: str) -> None:
    assert filename_likeness(text) >= 0.7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a dog",
        "Portrait of Ida M. Tarbell.",
        "image 2 apples",
        "R2-D2 and C-3PO",
        "two dogs and/or cats",
        "internationalization",
        "Ein roter Ball",
        "一个红色的球",
        "S 2",
        "e-mail",
        "3 cats, 2 dogs",
    ],
)
def test_descriptions(text: str) -> None:
    assert filename_likeness(text) < 0.3


def test_a_file_name_in_a_sentence_counts_by_its_share() -> None:
    assert 0 < filename_likeness("see the file dsc_0001.jpg for a dog on the beach") < 0.5


@pytest.mark.parametrize(
    ("text", "urls", "is_residue"),
    [
        ("a dog on a beach", 0, False),
        ("a <b>dog</b> &amp; a cat", 0, True),
        ("see https://example.org/a?b=c for more", 1, True),
        ("www.foo.com and bar.org/x", 2, True),
        ("[[File:Dog.jpg|thumb]] a dog", 0, True),
        ("5 < 6 > 4 & 3", 0, False),
        ("Mr. Smith at 3.5 m", 0, False),
    ],
)
def test_markup_and_addresses(text: str, urls: int, is_residue: bool) -> None:
    assert count_urls(text) == urls
    assert (markup_ratio(text) > 0.1) == is_residue


def test_entities() -> None:
    assert has_entities("cats &amp; dogs")
    assert not has_entities("cats & dogs; AT&T;")


@given(st.text(max_size=300))
def test_scores_stay_in_range(text: str) -> None:
    assert 0 <= filename_likeness(text) <= 1
    assert 0 <= markup_ratio(text) <= 1
    assert count_urls(text) >= 0
