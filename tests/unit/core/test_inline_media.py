from __future__ import annotations

import base64

import pytest

from mmcheck.core.inline_media import decode_payload, payload_kind

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(90))
SOUND = b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(90)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (text(PNG), "image"),
        (text(b"\xff\xd8\xff\xe0" + bytes(90)), "image"),
        (text(b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(90)), "image"),
        (text(SOUND), "audio"),
        (text(b"fLaC" + bytes(90)), "audio"),
        ("data:image/png;base64," + text(PNG), "image"),
        ("data:audio/wav;base64," + text(SOUND), "audio"),
        ("data:application/octet-stream;base64," + text(PNG), "image"),
        ("data:;base64," + text(PNG), "image"),
        ("data:image/png,abc", None),
        ("data:text/plain;base64," + text(b"hello" * 20), None),
        ("/9j/photos/of/the/day/" + "x" * 60 + ".jpg", None),
        ("a caption of some length that is no picture at all, but goes on and on", None),
        (text(bytes(100)), None),
        ("/9j/4AAQ", None),
        ("", None),
    ],
)
def test_what_a_text_is(value: str, kind: str | None) -> None:
    assert payload_kind(value) == kind


def test_bytes_come_back() -> None:
    for value in (
        text(PNG),
        "data:image/png;base64," + text(PNG),
        text(PNG).rstrip("="),
        base64.encodebytes(PNG).decode(),
    ):
        assert decode_payload(value) == PNG
    assert decode_payload(base64.urlsafe_b64encode(PNG).decode()) == PNG
    with pytest.raises(ValueError, match="not base64"):
        decode_payload(text(PNG) + "!?")
