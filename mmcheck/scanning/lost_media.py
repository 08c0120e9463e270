"""Media that are not where a manifest says: where they are instead, and the option that says so.

A few folders near the manifest are looked at, by the names of three rows; what fits is counted on all rows that were
tried. Nothing is walked: folders are listed two levels deep, and the number of looks is bounded, so that a data set of
millions of files on a network drive costs no more than a small one.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mmcheck.formats.paths import MEDIA_FOLDERS, SUFFIXES_OF, Modality
from mmcheck.formats.text_source import is_url

_MAX_LOOKS = 20_000  # files that are asked for; our own choice: a second on a local disk
_MAX_SECONDS = 5.0  # seconds that the search may take; our own choice: a network drive may be slow
_MAX_FOLDERS = 300  # subfolders that are looked into; our own choice: those of a data set, not shards by the thousand
_ENOUGH = 2  # one in so many that are found is enough to look no further away; our own choice: half
_LEAST = 4  # one in so many must be found, or they are namesakes of other files; our own choice: a quarter
_COMMON = (".jpg", ".png", ".jpeg", ".webp", ".JPG", ".PNG", ".wav", ".flac", ".mp3", ".opus", ".ogg", ".WAV", ".m4a")
"""Suffixes that are tried first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A medium as a row names it."""

    uri: str
    """Where it was looked for."""
    value: str | None = None
    """What the row says; None if no column tells."""
    column: str | None = None
    """The column that says so."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where and how the files may lie."""

    folder: str
    prefix: str | None
    """The folder below the one that paths start from ("": itself); None: elsewhere."""
    word: str = ""
    """What of the name is taken: "" all of it, ``name`` or ``last2`` ...: its last parts."""
    suffix: str = ""
    """"": as it is; ``.wav``: put behind the name; ``*.wav``: in place of its suffix."""

    def path(self, value: str) -> str:
        """Return where the medium called ``value`` would lie."""
        name = value.replace("\\", "/")
        if self.word:
            count = 1 if self.word == "name" else int(self.word[-1])
            name = "/".join([part for part in name.split("/") if part][-count:])
        if self.suffix.startswith("*"):
            name = os.path.splitext(name)[0] + self.suffix[1:]
        else:
            name += self.suffix
        return os.path.join(self.folder, name)


def find_media(lost: Sequence[Named], base: str, kind: Modality, template: str | None = None) -> str | None:
    """Return a sentence that says where media are, and by which option they are found; None if they are not near.

    Args:
        lost: Media that are missing, in the order of their rows.
        base: Local folder that relative paths start from.
        kind: What they are.
        template: The pattern that their paths were made by, if any.
    """
    lost = [_without_template(one, base) for one in lost] if template is not None else list(lost)
    lost = [one for one in lost if one.value and not is_url(one.value)]
    if not lost or is_url(base):
        return None
    values = [str(one.value) for one in lost]
    chosen = [values[0], values[len(values) // 2], values[-1]]
    deadline = time.monotonic() + _MAX_SECONDS
    best: tuple[int, _Place] | None = None
    can_shorten = template is None and lost[0].column is not None
    suffixes = _suffixes(kind, can_replace=can_shorten) if can_shorten or template is not None else []
    for place in _bounded(_places(base, suffixes, chosen, can_shorten=can_shorten), len(chosen)):
        if time.monotonic() > deadline or (place.prefix is None and best and best[0] * _ENOUGH >= len(values)):
            break  # what lies below the folder itself is likelier than a namesake elsewhere
        if any(map(os.path.isfile, map(place.path, chosen))):
            hits = sum(map(os.path.isfile, map(place.path, values)))
            if hits > (best[0] if best else 0) and hits * _LEAST >= len(values):
                best = hits, place
            if hits == len(values):
                break
    return _told(*best, lost, base, template) if best is not None else None


def _without_template(one: Named, base: str) -> Named:
    path = os.path.relpath(one.uri, base) if not is_url(one.uri) else one.uri
    return Named(uri=one.uri, value=one.uri if path.startswith(os.pardir) else path, column=one.column)


def _bounded(places: Iterator[_Place], looks: int) -> Iterator[_Place]:
    for _, place in zip(range(_MAX_LOOKS // looks), places, strict=False):
        yield place


def _places(base: str, suffixes: Sequence[str], values: Sequence[str], *, can_shorten: bool) -> Iterator[_Place]:
    """Yield where media may lie, the likeliest first."""
    below = _folders_below(base)
    parent = os.path.dirname(base)
    beside = [(folder, None) for folder in (parent, os.path.dirname(parent), os.getcwd())]
    beside += [(os.path.join(parent, name), None) for name, _ in _folders_below(parent, depth=1)]
    folders: list[tuple[str, str | None]] = [(base, ""), *((path, name) for name, path in below), *beside]
    words = _words(values) if can_shorten else [""]
    # A name that is absolute is no name below another folder.
    words = [word for word in words if word or not any(map(_is_absolute, values))]
    for folder, prefix in folders:
        for word in words:
            if prefix != "" or word:
                yield _Place(folder, prefix, word)
    for suffix in suffixes:
        for folder, prefix in folders:
            for word in words[:2]:
                yield _Place(folder, prefix, word, suffix)


def _words(values: Sequence[str]) -> list[str]:
    parts = max(len([part for part in re.split(r"[\\/]", value) if part]) for value in values)
    return ["", *(["name"] if parts > 1 else []), *(f"last{count}" for count in range(2, min(parts, 9)))]


def _is_absolute(value: str) -> bool:
    return os.path.isabs(value) or bool(re.match(r"[A-Za-z]:[\\/]|\\\\", value))


def _suffixes(kind: Modality, *, can_replace: bool) -> list[str]:
    own = SUFFIXES_OF[kind]
    ordered = [suffix for suffix in _COMMON if suffix.lower() in own]
    ordered += sorted(own - set(ordered))
    return [mark + suffix for suffix in ordered for mark in (("", "*") if can_replace else ("",))]


def _folders_below(base: str, depth: int = 2) -> list[tuple[str, str]]:
    """Return subfolders as pairs of relative name and path, the likely ones first, at most ``_MAX_FOLDERS``."""
    found: list[tuple[str, str]] = []
    level = [("", base)]
    for _ in range(depth):
        level = [
            (f"{name}/{inner}" if name else inner, os.path.join(path, inner))
            for name, path in level
            for inner in _list_folders(path, _MAX_FOLDERS - len(found))
        ]
        found += level
        if len(found) >= _MAX_FOLDERS:
            break
    return found[:_MAX_FOLDERS]


def _list_folders(folder: str, count: int) -> list[str]:
    found: list[str] = []
    likely = [name for name in MEDIA_FOLDERS if os.path.isdir(os.path.join(folder, name))]
    try:
        with os.scandir(folder) as entries:
            # Entries that are files count as well, so that a folder of a million of them costs no more.
            for _, entry in zip(range(_MAX_LOOKS), entries, strict=False):
                if not entry.name.startswith(".") and entry.is_dir():
                    found.append(entry.name)
                    if len(found) >= max(count, 0):
                        break
    except OSError:
        return likely
    return [*likely, *sorted(name for name in found if name not in likely)]


def _told(hits: int, place: _Place, lost: Sequence[Named], base: str, template: str | None) -> str:
    column = lost[0].column or ""
    pattern, root = _pattern(place, column, template), None
    if place.prefix is None:
        root = place.folder
    elif place.prefix and (column == "" and template is None):
        root, pattern = place.folder, None
    elif place.prefix:
        pattern = f"{place.prefix}/{pattern or template or f'{{{column}}}'}"
    options = [f"--root {shlex.quote(root)}"] if root is not None else []
    options += [f"--set {shlex.quote(f'input.path={pattern}')}"] if pattern is not None else []
    where = f"in {root}" if root is not None else f"under {place.prefix}/" if place.prefix else f"in {base}"
    how = {"": "", "name": " by their names alone"}.get(
        place.word, f" by the last {place.word[-1:]} parts of their paths"
    )
    suffix = f" with the suffix {place.suffix.lstrip('*')}" if place.suffix else ""
    who = "they are" if hits == len(lost) else f"{hits} of {len(lost)} are"
    return f"{who} {where}{how}{suffix}: {' '.join(options)}"


def _pattern(place: _Place, column: str, template: str | None) -> str | None:
    """Return the pattern for the name itself; None where a row's name is taken as it is."""
    if template is not None:
        return template + place.suffix if place.suffix else None
    if not (place.word or place.suffix):
        return None
    if place.suffix.startswith("*"):
        word = "stem" if place.word == "name" else "no_suffix"
        return f"{{{column}:{word}}}{place.suffix[1:]}"
    return f"{{{column}{':' if place.word else ''}{place.word}}}{place.suffix}"
