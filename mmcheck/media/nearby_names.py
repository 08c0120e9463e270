"""For a file that is missing: what lies near that the manifest may have meant. Folders are listed once."""

from __future__ import annotations

import difflib
import os
import threading
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass, field

_MAX_LISTED = 200_000
_MAX_COMPARED = 1000
_MAX_FOLDERS = 16


@dataclass(slots=True)
class _Listing:
    names: list[str] = field(default_factory=list)
    by_fold: dict[str, str] = field(default_factory=dict)
    by_stem: dict[str, str] = field(default_factory=dict)


class NearbyNames:
    """Remembers folder listings and finds the nearest name. Thread-safe."""

    def __init__(self) -> None:
        self._listings: OrderedDict[str, _Listing] = OrderedDict()
        self._lock = threading.Lock()

    def hint(self, path: str) -> str | None:
        """Return a sentence about the nearest existing name, or None if nothing is near."""
        folder, name = os.path.split(path)
        if not os.path.isdir(folder or "."):
            existing = folder
            while existing and not os.path.isdir(existing) and os.path.dirname(existing) != existing:
                existing = os.path.dirname(existing)
            return f"the folder {folder} does not exist" + (f"; {existing} does." if existing else ".")
        found = self._find(self._listing(folder or "."), name)
        return f"did you mean {os.path.join(folder, found)}?" if found else None

    def _find(self, listing: _Listing, name: str) -> str | None:
        fold = _fold(name)
        if fold in listing.by_fold:
            return listing.by_fold[fold]
        stem = os.path.splitext(fold)[0]
        for candidate in (stem, fold):
            if candidate and candidate in listing.by_stem:
                return listing.by_stem[candidate]
        if len(listing.names) <= _MAX_COMPARED:
            near = difflib.get_close_matches(name, listing.names, n=1, cutoff=0.8)
            return near[0] if near else None
        return None

    def _listing(self, folder: str) -> _Listing:
        with self._lock:
            if folder in self._listings:
                self._listings.move_to_end(folder)
                return self._listings[folder]
            listing = _read_listing(folder)
            self._listings[folder] = listing
            if len(self._listings) > _MAX_FOLDERS:
                self._listings.popitem(last=False)
            return listing


def _read_listing(folder: str) -> _Listing:
    listing = _Listing()
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_MAX_LISTED), entries, strict=False):
                listing.names.append(entry.name)
    except OSError:
        return listing
    listing.names.sort()
    for name in listing.names:
        fold = _fold(name)
        listing.by_fold.setdefault(fold, name)
        listing.by_stem.setdefault(os.path.splitext(fold)[0], name)
    return listing


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
