"""For a file that is missing: what lies near that the manifest may have meant. Folders are listed once.

Names are compared as people and programs garble them: upper and lower case, composed and decomposed accents, percent
codes, a query string, blanks around the name, another ending, a typing error. Numbers are never garbled: for
``img_0042.jpg`` nobody means ``img_0041.jpg``. Where the folder itself does not exist (an absolute path from another
machine), the file is looked for below the folder of the manifest.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from rapidfuzz import fuzz, process

_MAX_LISTED = 200_000  # names of a folder that are listed; our own choice: bounds time and memory
_MAX_COMPARED = 5000  # names that are compared by likeness; our own choice: bounds time
_MAX_FOLDERS = 16  # listings that are kept; our own choice: bounds memory
_ALIKE = 80.0
"""Likeness (of 100, as rapidfuzz counts) from which a name is proposed. Our own choice: a letter or two of ten."""
_TEXT_ENDINGS = frozenset(".txt .json .jsonl .csv .tsv .xml .srt .vtt .lab .caption .md .npy .parquet .html".split())
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{4,12}[-_](?=.)")  # Label Studio puts such a code before an uploaded file's name


@dataclass(slots=True)
class _Listing:
    """Names in a folder, or paths below it, by what is left of them when what people garble is taken away."""

    names: list[str] = field(default_factory=list)
    by_fold: dict[str, str] = field(default_factory=dict)
    by_stem: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, found: str) -> None:
        fold = _fold(name)
        stem, ending = os.path.splitext(fold)
        self.by_fold.setdefault(fold, found)
        if ending not in _TEXT_ENDINGS:
            self.names.append(name)
            self.by_stem.setdefault(stem, found)


class NearbyNames:
    """Remembers folder listings and finds the nearest name. Thread-safe."""

    def __init__(self) -> None:
        self._listings: OrderedDict[tuple[str, bool], _Listing] = OrderedDict()
        self._lock = threading.Lock()

    def hint(self, path: str, home: str | None = None) -> str | None:
        """Return a sentence about the nearest existing file, or None if nothing is near.

        Args:
            path: What is missing.
            home: Folder of the manifest; what lies below it counts where nothing in the path's own folder is near.
        """
        folder, name = os.path.split(path)
        if os.path.isdir(folder or "."):
            found = self._find(self._listing(folder or "."), name)
            if found and found != name and _composed(found) == _composed(name):
                return f"did you mean {found}, whose accents are coded in another way (Unicode forms NFC and NFD)?"
            if found:
                return f"did you mean {found}?"
        below = self._below(path, home)
        if below:
            return f"did you mean {below}?"
        if os.path.isdir(folder or "."):
            return None
        existing = folder
        while existing and not os.path.isdir(existing) and os.path.dirname(existing) != existing:
            existing = os.path.dirname(existing)
        return f"the folder {folder} does not exist" + (f"; {existing} does." if existing else ".")

    def _find(self, listing: _Listing, name: str) -> str | None:
        for variant in _variants(name):
            found = listing.by_fold.get(_fold(variant)) or listing.by_stem.get(_fold(variant))
            found = found or listing.by_stem.get(os.path.splitext(_fold(variant))[0])
            if found:
                return found
        if len(listing.names) > _MAX_COMPARED:
            return None
        numbers = _numbers(name)
        alike = [other for other in listing.names if _numbers(other) == numbers]
        near = process.extractOne(name, alike, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        return str(near[0]) if near else None

    def _below(self, path: str, home: str | None) -> str | None:
        """Return the file below ``home`` that shares the longest end with ``path``; None if there is none."""
        if home is None or not os.path.isdir(home):
            return None
        listing = self._listing(home, deep=True)
        parts = re.split(r"[\\/]+", path)
        for count in range(min(len(parts), 8), 0, -1):
            for variant in _variants(parts[-1]):
                found = listing.by_fold.get(_fold("/".join((*parts[-count:-1], variant))))
                if found:
                    return found
        return None

    def _listing(self, folder: str, *, deep: bool = False) -> _Listing:
        key = (folder, deep)
        with self._lock:
            if key in self._listings:
                self._listings.move_to_end(key)
                return self._listings[key]
            listing = _Listing()
            for _, name in zip(range(_MAX_LISTED), _walk(folder) if deep else _list(folder), strict=False):
                if not deep:
                    listing.add(name, name)
                    continue
                parts = name.split("/")
                for start in range(len(parts)):
                    listing.by_fold.setdefault(_fold("/".join(parts[start:])), os.path.join(folder, *parts))
            self._listings[key] = listing
            if len(self._listings) > _MAX_FOLDERS:
                self._listings.popitem(last=False)
            return listing


def _variants(name: str) -> Iterator[str]:
    """Yield ``name`` as it was probably meant, the surest guess first."""
    name = re.split(r"[\\/]", name)[-1]
    seen = set()
    plain = name.strip()
    for variant in (
        *(name, plain, unquote(plain), plain.split("?", 1)[0].split("#", 1)[0]),
        *(unquote(plain.split("?", 1)[0]), plain.strip("\"'"), plain.replace("+", " "), _UPLOAD_PREFIX.sub("", plain)),
    ):
        if variant and variant not in seen:
            seen.add(variant)
            yield variant


def _list(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for _, entry in zip(range(_MAX_LISTED), entries, strict=False))
    except OSError:
        return []


def _walk(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        prefix = os.path.relpath(place, folder)
        for name in sorted(files):
            yield name if prefix == "." else f"{prefix}/{name}".replace(os.sep, "/")


def _numbers(name: str) -> list[int]:
    return [int(run) for run in re.findall(r"[0-9]+", name)]


def _fold(name: str) -> str:
    return _composed(name).casefold()


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
