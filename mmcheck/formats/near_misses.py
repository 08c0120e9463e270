"""Manifests that are nearly in a format: what they lack, so that nobody has to guess why another one was taken."""

from __future__ import annotations

import re

from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Row
from mmcheck.formats.compression import STREAM_ERRORS
from mmcheck.formats.jsonl import first_objects
from mmcheck.formats.text_source import looks_binary, open_bytes, read_head

_ROWS = 64  # rows looked at; our own choice: as the files that are tried
_MAX_SEARCHED = 64 << 20  # bytes in which a key is looked for; our own choice: a second or less
_BLOCK = 1 << 20  # bytes read at once; our own choice: bounds memory
_LIKE_AUDIO_FILEPATH = ("audio_path", "audio_file", "audio", "wav", "wav_path", "path", "filepath")


def find_near_miss(manifest: str) -> str | None:
    """Return what a manifest is nearly, and what it lacks for it, as a piece of a sentence; None if nothing is near.

    Args:
        manifest: A file (path or URL). Never raises.
    """
    try:
        head = read_head(manifest)
        if looks_binary(head):
            return None
        text = head.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
        if text.startswith("{") and (rows := first_objects(manifest, "utf-8", _ROWS)):
            if (found := _of_rows(rows)) is not None:
                return found
        if text.startswith("{") and re.search(r'"images"\s*:\s*\[\s*\{[^]]*"file_name"', text):
            if not re.search(r'"sentences"\s*:', text) and not _holds(manifest, b'"annotations"'):
                return "a COCO file without `annotations`, which hold the captions (as image_info_*.json of test sets)"
    except (ManifestError, *STREAM_ERRORS):
        return None
    return None


def _of_rows(rows: list[dict[str, object]] | list[Row]) -> str | None:
    cuts = [row for row in rows if isinstance(row.get("supervisions"), list)]
    if cuts and not any(row["supervisions"] for row in cuts):
        return "a lhotse CutSet whose supervisions are empty, so that there are no transcripts"
    keys = rows[0].keys()
    if {"duration", "text"} <= keys and "audio_filepath" not in keys:
        near = next((name for name in _LIKE_AUDIO_FILEPATH if name in keys), None)
        if near is not None:
            return f"a NeMo manifest, but for the column `{near}`, which NeMo calls `audio_filepath`"
    return None


def _holds(manifest: str, word: bytes) -> bool:
    rest = b""
    read = 0
    with open_bytes(manifest) as file:
        while read < _MAX_SEARCHED and (block := file.read(_BLOCK)):
            if word in rest + block:
                return True
            rest = block[-len(word) :]
            read += len(block)
    return read >= _MAX_SEARCHED  # not known: nothing is said of it
