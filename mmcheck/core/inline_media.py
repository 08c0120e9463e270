"""Media that stand in a manifest's text: bare base64 (OFA's TSV files) and ``data:`` URIs."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal

_DATA_URI = re.compile(r"data:(?P<kind>[\w.+-]*)/?[\w.+-]*(?:;[\w.+=-]+)*;base64,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\r\n]+={0,2}\s*")
_SMALLEST = 64
"""Characters of the smallest picture; a shorter text is something else. Our own choice: below the base64 of any real
file."""
_HEAD = 64  # characters that are looked at; our own choice: more than any signature takes
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_SOUNDS = (b"fLaC", b"OggS", b"ID3")
_BEGINNINGS = ("/9j/", "iVBORw0KGgo", "R0lGODdh", "R0lGODlh", "UklGR", "SUkqA", "TU0AK", "ZkxhQ", "T2dnU", "SUQz")
"""The media's magic numbers in base64."""


def payload_kind(text: str) -> Literal["image", "audio"] | None:
    """Return which medium a text is itself, in base64 or as a ``data:`` URI; None if it is none."""
    if text[:5].lower() == "data:":
        match = _DATA_URI.match(text)
        if match is None:
            return None
        named = match["kind"].lower()
        return "image" if named == "image" else "audio" if named == "audio" else _kind(text[match.end() :])
    return _kind(text) if text.startswith(_BEGINNINGS) and len(text) >= _SMALLEST else None


def decode_payload(text: str) -> bytes:
    """Return the bytes of a text that ``payload_kind`` knows.

    Raises:
        ValueError: If it is not base64 to its end.
    """
    match = _DATA_URI.match(text)
    body = "".join(text[match.end() if match else 0 :].split()).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"it is not base64: {error}") from error


def bytes_kind(data: bytes) -> Literal["image", "audio"] | None:
    """Return which medium data is by its magic number; None if it is none of the usual ones."""
    if data.startswith(b"RIFF"):
        return {b"WEBP": "image", b"WAVE": "audio"}.get(data[8:12])  # type: ignore[return-value]
    if data.startswith(_IMAGES):
        return "image"
    return "audio" if data.startswith(_SOUNDS) else None


def _kind(text: str) -> Literal["image", "audio"] | None:
    head = text[:_HEAD]
    # The end tells a path from a payload: it has a dot there.
    if not _BASE64.fullmatch(head) or not _BASE64.fullmatch(text[-8:]):
        return None
    try:
        data = decode_payload(head[: len(head) // 4 * 4])
    except ValueError:
        return None
    return bytes_kind(data)
