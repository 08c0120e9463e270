"""File name endings that are right for what a file holds."""

from __future__ import annotations

from pathlib import PurePosixPath

IMAGE_SUFFIXES: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
}
"""By the format of an image that is decoded."""

AUDIO_SUFFIXES: dict[str, tuple[str, ...]] = {
    "wav": (".wav", ".wave"),
    "w64": (".w64",),
    "flac": (".flac",),
    "mp3": (".mp3", ".mp2", ".mpga"),
    "ogg": (".ogg", ".oga", ".opus", ".ogv", ".ogx", ".spx"),
    "mov": (".m4a", ".mp4", ".m4b", ".m4v", ".mov", ".3gp", ".3g2", ".aac", ".alac"),
    "matroska": (".mka", ".mkv", ".webm", ".weba"),
    "aac": (".aac", ".adts"),
    "aiff": (".aif", ".aiff", ".aifc"),
    "au": (".au", ".snd"),
    "caf": (".caf",),
    "amr": (".amr", ".awb"),
    "wv": (".wv",),
    "ac3": (".ac3",),
    "eac3": (".eac3", ".ec3"),
    "tta": (".tta",),
    "ape": (".ape",),
    "nistsphere": (".sph", ".nist", ".wv1", ".wv2"),
}
"""By FFmpeg's name of a recording's container."""

_KNOWN = frozenset(
    ending for table in (IMAGE_SUFFIXES, AUDIO_SUFFIXES) for endings in table.values() for ending in endings
)


def known_ending(name: str) -> str:
    """Return the ending of ``name`` in lower case; "" if it is none that is known."""
    suffix = PurePosixPath(name.split("?", 1)[0]).suffix.lower()
    return suffix if suffix in _KNOWN else ""


def has_right_suffix(name: str, kind: str) -> bool:
    """Return whether the ending of ``name`` fits ``kind`` (a key of the tables) or is none that is known."""
    suffix = known_ending(name)
    return not suffix or suffix in {**IMAGE_SUFFIXES, **AUDIO_SUFFIXES}.get(kind, ())
