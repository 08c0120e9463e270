"""Where the images lie that a manifest names relative to a folder which it does not name.

Annotation files of public sets stand apart from their images: ``annotations/captions_val2014.json`` beside
``val2014/``, ``results.csv`` beside ``flickr30k_images/``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmcheck.config import InputConfig
from mmcheck.formats.paths import folder_of
from mmcheck.formats.text_source import is_url

_NAMES = 8  # images looked for; our own choice: quick
_FOLDERS = 200  # folders looked into at one place; our own choice: bounds the time
_APART = frozenset(("annotations", "annotation", "captions", "labels", "meta", "metadata", "json", "jsons", "splits"))
"""Folders that hold annotations and no images: then the images may be beside them."""


def find_root(manifest: str, names: Sequence[str], options: InputConfig) -> str:
    """Return the folder that relative paths of images start from: the manifest's own, or one below or beside it.

    Another folder than the manifest's own counts only where it alone has the images, or its name stands in the
    manifest's or is a usual one.

    Args:
        manifest: The manifest.
        names: Paths of images as the first rows have them.
        options: Input options.
    """
    base = folder_of(manifest)
    wanted = [name for name in names if name and not is_url(name) and not os.path.isabs(name)][:_NAMES]
    if is_url(base) or not wanted or options.columns.image is not None:
        return base
    if _count(base, wanted):
        return base
    below = _folders(base)
    places = [*below, *(inner for folder in below if _is_usual(folder) for inner in _folders(folder))]
    if os.path.basename(base).lower() in _APART:
        beside = [os.path.dirname(base), *_folders(os.path.dirname(base))]
        places += [*beside, *(inner for folder in beside[1:] if _is_usual(folder) for inner in _folders(folder))]
    counted = [(count, place) for place in places if (count := _count(place, wanted))]
    if not counted:
        return base
    best = [place for count, place in counted if count == max(count for count, _ in counted)]
    stem = os.path.basename(manifest).lower()
    for is_telling in (lambda place: os.path.basename(place).lower() in stem, _is_usual):
        told = [place for place in best if is_telling(place)]
        if len(told) == 1:
            return told[0]
    return best[0] if len(best) == 1 else base


def _count(folder: str, names: Sequence[str]) -> int:
    return sum(os.path.isfile(os.path.join(folder, name)) for name in names)


def _is_usual(folder: str) -> bool:
    name = os.path.basename(folder).lower()
    return "image" in name or name in ("img", "imgs", "flicker8k_dataset", "coco", "data")


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []
    return found[:_FOLDERS]
