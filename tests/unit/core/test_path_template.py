"""A pattern over columns makes paths, and no value leads out of the folder that the pattern names."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.core.path_template import PathTemplate, TemplateFault

ROW: dict[str, object] = {
    "path": "a/b/x.mp3",
    "id": "LJ001-0001",
    "n": 42,
    "as_float": 42.0,
    "audio": {"path": "y.wav", "bytes": None},
    "images": ["1.jpg", "2.jpg"],
    "clip path": "größe.png",
    "a.b": "dotted",
}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("clips/{path}", ["clips/a/b/x.mp3"]),
        ("wavs/{id}.wav", ["wavs/LJ001-0001.wav"]),
        ("{path:name}", ["x.mp3"]),
        ("{path:stem}.wav", ["x.wav"]),
        ("{path:no_suffix}.flac", ["a/b/x.flac"]),
        ("{path:last2}", ["b/x.mp3"]),
        ("{n:012d}.jpg", ["000000000042.jpg"]),
        ("{as_float:06d}.jpg", ["000042.jpg"]),
        ("{n}", ["42"]),
        ("{audio}", ["y.wav"]),
        ("{audio.path}", ["y.wav"]),
        ("{a.b}.png", ["dotted.png"]),
        ("img/{images}", ["img/1.jpg", "img/2.jpg"]),
        ("{n}/{images}", ["42/1.jpg", "42/2.jpg"]),
        ("{{x}}/{clip path}", ["{x}/größe.png"]),
        ("../media/{id}", ["../media/LJ001-0001"]),
        ("/data/{id}.wav", ["/data/LJ001-0001.wav"]),
    ],
)
def test_paths(text: str, paths: list[str]) -> None:
    assert PathTemplate(text).fill(ROW) == paths


@pytest.mark.parametrize(
    "text", ["clips", "", "{", "clips/{path", "path}", "{}", "{path!r}/}", "{path:shout}", "{n:0d}"]
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match=r"names no column|no partner|is not known"):
        PathTemplate(text)


@pytest.mark.parametrize(
    ("text", "row", "cause"),
    [
        ("clips/{gone}", {"path": "x"}, "missing_column"),
        ("clips/{audio.gone}", ROW, "missing_column"),
        ("clips/{path}", {"path": ""}, "missing_media"),
        ("clips/{path}", {"path": None}, "missing_media"),
        ("clips/{path}", {"path": []}, "missing_media"),
        ("clips/{path}", {"path": True}, "bad_path"),
        ("clips/{path}", {"path": 1.5}, "bad_path"),
        ("{path:06d}", {"path": "x"}, "bad_path"),
        ("{a}/{b}", {"a": ["1"], "b": ["1", "2"]}, "ambiguous"),
        ("clips/{path}", {"path": "../../etc/passwd"}, "bad_path"),
        ("{path}", {"path": "../x.jpg"}, "bad_path"),
        ("{a}{b}/x", {"a": ".", "b": "."}, "bad_path"),
        ("clips/{path}", {"path": "..\\..\\x"}, "bad_path"),
        ("s3://bucket/clips/{path}", {"path": "../other/x"}, "bad_path"),
    ],
)
def test_rows_that_do_not_fit(text: str, row: Mapping[str, object], cause: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        PathTemplate(text).fill(row)
    assert caught.value.cause == cause


@pytest.mark.parametrize(
    ("text", "value", "path"),
    [
        ("clips/{path}", "/data/x.mp3", "/data/x.mp3"),
        ("clips/{path}", "https://example.org/x.mp3", "https://example.org/x.mp3"),
        ("{path}.wav", "/data/x", "/data/x.wav"),
        ("{path}.wav", "/data/x.wav", "/data/x.wav"),
        ("clips/{path:name}", "/data/x.mp3", "clips/x.mp3"),
    ],
)
def test_absolute_paths_of_the_manifest_stay(text: str, value: str, path: str) -> None:
    assert PathTemplate(text).fill({"path": value}) == [path]


@given(st.text(min_size=1), st.text(), st.sampled_from(["clips/{a}{b}", "clips/{a}/{b}", "clips/x{a}/../{b}"]))
def test_no_relative_value_leaves_the_folder(a: str, b: str, text: str) -> None:
    try:
        path = PathTemplate(text).fill({"a": a, "b": b})[0]
    except TemplateFault:
        return
    if not (a.startswith("/") or b.startswith("/") or "://" in a + b):
        assert posixpath.normpath(path.replace("\\", "/")).startswith("clips/")
