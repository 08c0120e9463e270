from __future__ import annotations

from typing import Any

import pytest

from mmcheck.config import ColumnsConfig
from mmcheck.core.errors import ManifestError
from mmcheck.formats.columns import RoleFinder


def roles(row: dict[str, Any], **columns: str) -> dict[str, str]:
    finder = RoleFinder(ColumnsConfig(**columns), examples=[row])
    found = finder.roles(row)
    named = {"id", "image", "audio", "media", "caption", "transcript", "language", "start", "duration", "end"}
    return {name: value for name in named if (value := getattr(found, name)) is not None}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"image": "a.jpg", "text": "x"}, {"image": "image", "caption": "text"}),
        ({"Image": "a.jpg", "Caption": "x", "text": "y"}, {"image": "Image", "caption": "Caption"}),
        ({"URL": "https://x.org/1", "TEXT": "x"}, {"media": "URL", "caption": "TEXT"}),
        ({"filepath": "a.jpg", "title": "x"}, {"media": "filepath", "caption": "title"}),
        ({"file_name": "a.jpg", "text": "x", "title": "y"}, {"media": "file_name", "caption": "text"}),
        (
            {"client_id": "q", "path": "a.mp3", "sentence": "x", "locale": "ja"},
            {"media": "path", "transcript": "sentence", "language": "locale"},
        ),
        (
            {"audio_filepath": "a.wav", "offset": 1, "duration": 2, "text": "x", "lang": "de"},
            {
                "audio": "audio_filepath",
                "start": "offset",
                "duration": "duration",
                "transcript": "text",
                "language": "lang",
            },
        ),
        ({"image": "a.jpg", "audio": "a.wav", "text": "x"}, {"image": "image", "audio": "audio", "caption": "text"}),
        (
            {"image": "a.jpg", "audio": "a.wav", "caption": "x", "text": "y"},
            {"caption": "caption", "transcript": "text"},
        ),
        ({"uid": "u", "url": "https://x.org/1.jpg", "text": "x"}, {"id": "uid", "media": "url"}),
        ({"foto": "a.jpg", "titel": "x"}, {"media": "foto", "caption": "titel"}),
        ({"path": "/data/set", "foto": "a.jpg", "text": "x"}, {"media": "foto"}),
        ({"foto": "a.jpg", "titel": "x", "autor": "y"}, {"media": "foto"}),
        ({"image": "a.jpg", "sentence": "x"}, {"image": "image", "caption": "sentence"}),
    ],
)
def test_conventions(row: dict[str, Any], wanted: dict[str, str]) -> None:
    found = roles(row)
    assert {name: found.get(name) for name in wanted} == wanted


def test_two_candidates_for_a_text_are_not_guessed() -> None:
    found = roles({"foto": "a.jpg", "titel": "x", "autor": "y"})
    assert "caption" not in found


def test_sentences_beside_single_words_are_the_text() -> None:
    rows = [
        {"column_1": "a.wav", "column_2": "alice", "column_3": "we leave at nine"},
        {"column_1": "b.wav", "column_2": "bob", "column_3": "yes"},
        {"column_1": "c.wav", "column_2": "Carol Ann", "column_3": "no trains today"},
    ]
    finder = RoleFinder(ColumnsConfig(), examples=rows)
    assert {finder.roles(row).transcript for row in rows} == {"column_3"}


def test_the_config_overrides_names() -> None:
    row = {"image": "a.jpg", "caption": "x", "better": "y", "nr": "1", "id": "2"}
    assert roles(row, caption="better", id="nr") == {
        "image": "image",
        "caption": "better",
        "id": "nr",
    }
    assert "caption" not in roles(row, caption="absent")


def test_what_a_generic_column_holds() -> None:
    finder = RoleFinder(ColumnsConfig(), examples=[{"file": "a.flac"}] * 3)
    found = finder.roles({"file": "b"})
    assert finder.modality("s3://b/b.jpg?x=1", found) == "image"
    assert finder.modality("https://x.org/b.MP3?x=1.jpg", found) == "audio"
    assert finder.modality("b", found) == "audio"
    assert finder.modality(None, found) == "audio"
    assert RoleFinder(ColumnsConfig(), modality="image").modality("b", found) == "image"


def test_configured_columns_may_come_late_but_must_come() -> None:
    finder = RoleFinder(ColumnsConfig(caption="alt_text2"))
    finder.check("m")  # no row yet: nothing to say
    finder.roles({"image": 1, "alt_text": 2})
    with pytest.raises(ManifestError, match="no column 'alt_text2'") as caught:
        finder.check("m")
    assert "image, alt_text" in caught.value.message
    assert "'alt_text'" in str(caught.value.hint)
    finder.roles({"image": 1, "alt_text2": 2})
    finder.check("m")
