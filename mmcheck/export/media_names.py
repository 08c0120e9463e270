"""The names that media get in an export, and the few changes of content that go with them."""

from __future__ import annotations

import io
import os
import re
from urllib.parse import unquote

from mmcheck.core.inline_media import bytes_kind, payload_kind
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef
from mmcheck.export.records import ExportRow
from mmcheck.formats.paths import folder_of, url_path
from mmcheck.formats.text_source import is_url
from mmcheck.media.image import decode_image
from mmcheck.media.sniffing import sniff_image
from mmcheck.media.suffixes import IMAGE_SUFFIXES, known_ending

_SOUNDS = ((b"fLaC", 0, ".flac"), (b"OggS", 0, ".ogg"), (b"ID3", 0, ".mp3"), (b"WAVE", 8, ".wav"))
"""Magic number of a recording, its offset, and the ending of such files. Given by the formats."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


def safe_name(name: str) -> str:
    """Return a path or name without characters that some file system refuses."""
    return _UNSAFE.sub("_", name)


def as_written(row: ExportRow, ref: MediaRef) -> str | None:
    """Return the text by which a row names its medium; None if it names it in another way."""
    base = folder_of(row.sample.manifest)
    for value in row.sample.row.values():
        name = value.get("path") if isinstance(value, dict) else value
        if isinstance(name, str) and name and len(name) < len(ref.uri) + 1:
            if ref.uri in (name, os.path.abspath(name), os.path.normpath(os.path.join(base, name))):
                return name
    return None


def last_part(ref: MediaRef) -> str:
    """Return the last part of the name that a medium has; "" for one that stands in a text."""
    if payload_kind(ref.uri):
        return ""
    name = url_path(ref.uri) if is_url(ref.uri) and ref.member is None else ref.name
    return safe_name(unquote(name.rsplit("/", 1)[-1]))


def suffix_of(data: bytes, name: str, kind: PairKind) -> str:
    """Return the ending that fits a medium: by its content, else its own, else none that says more than its kind."""
    if kind.is_seen and (image_format := sniff_image(data)):
        return IMAGE_SUFFIXES[image_format][0]
    for magic, offset, suffix in _SOUNDS:
        if not kind.is_seen and data[offset : offset + len(magic)] == magic:
            return known_ending(name) if known_ending(name) in (".opus", ".oga") and suffix == ".ogg" else suffix
    return known_ending(name) or (".bin" if bytes_kind(data) is None else "")


def png(data: bytes, max_pixels: int) -> bytes:
    """Return a picture as PNG."""
    buffer = io.BytesIO()
    decode_image(data, min_side=None, max_pixels=max_pixels).image.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
