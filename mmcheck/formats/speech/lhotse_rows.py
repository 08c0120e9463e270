"""What Lhotse's records say of a recording: which file, which of its channels, which stretch.

Lhotse resolves relative paths against the working directory; the manifest's folder is tried first, because a data set
is moved as a whole. Nothing is ever run: a recording that comes from a command is a broken row.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from mmcheck.core.types import MediaRef, Row, RowDict
from mmcheck.formats.cells import RowFault, shown
from mmcheck.formats.new_text import only_mapping, put_text
from mmcheck.formats.output_rows import with_added
from mmcheck.formats.paths import resolve_media

_SAME = 0.01
"""Seconds that a segment may be off the whole recording and still be it. Our own choice: below any word."""
_TEXT = "text"
_SPEEDS = ("Speed", "Tempo")
"""Transforms that move times: a second of the cut is ``factor`` seconds of the file."""


def recording_ref(recording: object, base: str, channel: object = None) -> MediaRef:
    """Return the file of a recording and the channel of it that is meant.

    Args:
        recording: Lhotse's record.
        base: Folder of the manifest.
        channel: Channel of the cut or supervision; a list of several means all of them.

    Raises:
        RowFault: If it names no file that can be read.
    """
    if not isinstance(recording, Mapping):
        raise RowFault("missing_media", "has no recording")
    sources = recording.get("sources")
    if not isinstance(sources, list) or not sources or not all(isinstance(one, Mapping) for one in sources):
        raise RowFault("missing_media", "has a recording without sources")
    wanted = _one_channel(channel)
    source = next((one for one in sources if wanted is not None and wanted in _channels(one)), sources[0])
    kind, place = source.get("type"), source.get("source")
    if kind == "command":
        raise RowFault("command", f"gets its recording from a command, and commands are never run: {shown(place)}")
    if kind not in ("file", "url"):
        raise RowFault("bad_path", f"has a recording of the type {kind!r}, which is no file: {shown(place)}")
    if not isinstance(place, str) or not place or "\0" in place:
        raise RowFault("bad_path", f"names no recording: its source is {shown(place)}")
    ref = MediaRef(uri=resolve_media(place, base, try_cwd=True))
    return with_channel(ref, source, wanted)


def with_channel(ref: MediaRef, source: Mapping[str, Any], channel: int | None) -> MediaRef:
    """Return ``ref`` for the channel, counted within its file; a file of one channel needs none."""
    channels = _channels(source)
    if channel is None or len(channels) < 2 or channel not in channels:
        return ref
    return replace(ref, channel=channels.index(channel))


def channel_of_record(value: object) -> int | None:
    """Return the one channel that a record names; None if it names several or none."""
    return _one_channel(value)


def with_segment(ref: MediaRef, recording: Mapping[str, Any], start: object, duration: object) -> MediaRef:
    """Return ``ref`` for a stretch of the recording; the whole of it is no segment.

    Args:
        ref: The recording.
        recording: Lhotse's record.
        start: First second.
        duration: Seconds.

    Raises:
        RowFault: If the stretch is no stretch.
    """
    begin, length = _seconds(start, "start"), _seconds(duration, "duration")
    if length <= 0:
        raise RowFault("bad_segment", f"has a segment of {length:g} seconds")
    factor = _speed(recording)
    whole = recording.get("duration")
    if _is_number(whole) and begin <= _SAME and begin + length >= whole - _SAME:
        return ref
    if not math.isfinite(begin * factor) or not math.isfinite(length * factor):
        raise RowFault("bad_segment", f"has a segment from {begin:g} s on of {length:g} seconds")
    return replace(ref, start=round(begin * factor, 6), duration=round(length * factor, 6))


def supervised(cut: Mapping[str, Any], supervision: Mapping[str, Any]) -> tuple[float, float]:
    """Return begin and length of a supervision within its recording, no further than the cut reaches.

    Raises:
        RowFault: If times are missing or none.
    """
    first, length = _seconds(cut.get("start", 0.0), "start"), _seconds(cut.get("duration"), "duration")
    begin, span = supervision.get("start", 0.0), _seconds(supervision.get("duration"), "duration")
    # A supervision may begin before the cut that was taken of it.
    offset = float(begin) if _is_number(begin) else 0.0
    low, high = max(0.0, offset), min(length, offset + span)
    if high <= low:
        raise RowFault("bad_segment", "has a supervision that lies outside its cut")
    return first + low, high - low


def text_of_supervision(supervision: Mapping[str, Any]) -> str:
    """Return the text of a supervision; without one, an empty text."""
    text = supervision.get("text")
    return text if isinstance(text, str) else ""


def with_supervised_text(row: Row, old: str | None, text: str) -> Row | None:
    """Return a cut of one supervision, or a supervision, with another text; None if it has not the old one."""
    if "supervisions" not in row:
        return put_text(row, (_TEXT,), old, text)
    one = only_mapping(row["supervisions"])
    changed = put_text(one, (_TEXT,), old, text) if one is not None else None
    return None if changed is None else {**row, "supervisions": [changed]}


def moved_sources(recording: Mapping[str, Any], moved: Mapping[str, str], base: str) -> RowDict:
    """Return a copy of a recording whose files are named by absolute paths.

    Args:
        recording: Lhotse's record.
        moved: Files -> the paths to write for them instead.
        base: Folder of the manifest.
    """
    named = recording.get("sources")
    if not isinstance(named, list):
        return dict(recording)
    sources = []
    for source in named:
        place = source.get("source") if isinstance(source, Mapping) else None
        if isinstance(place, str) and place and source.get("type") == "file":
            found = resolve_media(place, base, try_cwd=True)
            sources.append({**source, "source": moved.get(found, found)})
        else:
            sources.append(source)
    return {**recording, "sources": sources}


def with_custom(record: Row, extra: Row) -> Row:
    """Return a record with the new columns in ``custom``."""
    if not extra:
        return record
    custom = record.get("custom")
    return {**record, "custom": with_added(custom if isinstance(custom, Mapping) else {}, extra)}


def _channels(source: Mapping[str, Any]) -> list[int]:
    found = source.get("channels")
    return found if isinstance(found, list) else []


def _one_channel(value: object) -> int | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _seconds(value: object, name: str) -> float:
    if not _is_number(value) or value < 0:
        raise RowFault("bad_segment", f"has no usable time: {name!r} must be seconds >= 0, but is {shown(value)}")
    return float(value)


def _speed(recording: Mapping[str, Any]) -> float:
    factor = 1.0
    transforms = recording.get("transforms")
    for transform in transforms if isinstance(transforms, list) else ():
        if isinstance(transform, Mapping) and transform.get("name") in _SPEEDS:
            kwargs = transform.get("kwargs")
            value = kwargs.get("factor") if isinstance(kwargs, Mapping) else None
            factor *= value if _is_number(value) and value > 0 else 1.0
    return factor


def _is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number that can be reckoned with; JSON has larger integers than floats reach."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
