"""What mmcheck writes into a run folder, by name: nothing else in it is ever removed.

Every writer's names stand here (a test runs all commands and holds them to it). What is not of them belongs to somebody
else and stays, and links are never followed. Of ``clean/`` and its like, whose files are called as the manifests are,
``outputs.json`` says which were written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmcheck.core.atomic import TMP_PREFIX, write_text
from mmcheck.core.errors import OutputError

LOCK = ".lock"
INVENTORY = "outputs.json"
"""The files below each folder of written manifests, so that what others put there is told from them."""
OUTPUTS = ("clean", "flagged", "quarantine", "unchecked", "removed")
"""Folders of written manifests (``removed``: of a comparison)."""
RUN_FILES = ("run.json", "summary.json", "report.html", "config.yaml", "timings.json", INVENTORY)
PRODUCTS = {
    "coverage": ("summary.json", "coverage.html", "clusters.parquet", "samples.parquet", "slices.parquet"),
    "repair": ("repair.html", "summary.json", "proposals.jsonl", "proposals.parquet"),
}
"""Folder of a command -> the files that it writes there."""
OVERLAP = "overlap"
OVERLAP_MARKER = ".mmcheck-overlap"
"""File that tells a folder of a comparison from one whose files merely have such names."""
OVERLAP_FILES = ("summary.json", "overlap.html", "overlaps.parquet", "overlaps.jsonl")
OVERLAP_RUNS = ("train-run", "test-run")
PIPED = "input"
"""Folder of what came through standard input: the manifest that the run was made of."""
_PIPED_NAME = re.compile(r"stdin(\.[a-z0-9]{1,8}){0,3}")
_PART = re.compile(r"\d{5,}(\.partial)?\.parquet")
_SHOWN = 5  # names that a message lists; our own choice: a message stays readable


def clear_run(out: Path) -> list[str]:
    """Remove what mmcheck wrote into a run folder; return what is left, which is somebody else's.

    Raises:
        OutputError: If an entry that mmcheck would write is a link, or cannot be removed.
    """
    refuse_links(out)
    inventory = read_inventory(out)
    for folder in (out / "samples", out / "verdicts", *_folders(out / "measurements")):
        clear_parts(folder)
    remove(out / "measurements", ())
    if (out / PIPED).is_dir() and not (out / PIPED).is_symlink():
        remove(out / PIPED, [entry.name for entry in os.scandir(out / PIPED) if _PIPED_NAME.fullmatch(entry.name)])
    for name in PRODUCTS:
        clear_products(out, name)
    for folder in _folders(out / OVERLAP):
        if (folder / OVERLAP_MARKER).is_file():
            _clear_overlap(folder)
    remove(out / OVERLAP, ())
    for name in OUTPUTS:
        remove(out / name, inventory.get(name, ()))
    # Last, so that a kill leaves a folder that is still known as a run's.
    for name in RUN_FILES:
        _unlink(out / name)
    return sorted(foreign_files(out, ()))


def clear_parts(folder: Path) -> None:
    """Remove the stored parts, and the summary of an analysis, from a folder, and the folder if nothing else is in it.

    Raises:
        OutputError: If one cannot be removed.
    """
    if folder.is_dir() and not folder.is_symlink():
        remove(folder, [entry.name for entry in os.scandir(folder) if is_part(entry.name)])


def is_part(name: str) -> bool:
    """Return whether a file of this name in a folder of parts is mmcheck's."""
    return name == "summary.json" or _PART.fullmatch(name) is not None


def clear_products(out: Path, name: str) -> None:
    """Remove what the command with the folder ``name`` wrote.

    Raises:
        OutputError: If it cannot be removed.
    """
    remove(out / name, PRODUCTS[name])


def remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files below a folder by their names there, and the folders that are empty then; links are not followed.

    Raises:
        OutputError: If one cannot be removed.
    """
    if folder.is_symlink() or not folder.is_dir():
        return
    by_place: dict[str, list[str]] = {"": []}
    for name in names:
        place, base = os.path.split(name)
        by_place.setdefault(place, []).append(base)
    for place in sorted(by_place, key=lambda name: name.count("/"), reverse=True):
        if not _leads_through_link(folder, place):
            for base in by_place[place]:
                _unlink(folder / place / base)
            _prune(folder, place)


def _leads_through_link(folder: Path, place: str) -> bool:
    parts = Path(place).parts
    return any((folder / Path(*parts[:count])).is_symlink() for count in range(1, len(parts) + 1))


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        if path.is_dir():
            return  # a folder of that name is none that mmcheck made
        raise OutputError(
            f"cannot remove {path}: {error.strerror or error}.", hint="make the run folder writable."
        ) from error


def _prune(folder: Path, place: str) -> None:
    """Remove the folder ``place`` and those above it, up to ``folder``, as far as they are empty."""
    parts = Path(place).parts
    for count in range(len(parts), -1, -1):
        try:
            (folder / Path(*parts[:count])).rmdir()
        except OSError:
            return  # not empty, or not there


def refuse_links(out: Path) -> None:
    """Refuse a run folder in which something that mmcheck replaces is a link to elsewhere.

    Raises:
        OutputError: Naming it.
    """
    for name in ("samples", "measurements", "verdicts", PIPED, *OUTPUTS, *PRODUCTS, OVERLAP):
        if (out / name).is_symlink():
            raise OutputError(
                f"{out / name} is a link; mmcheck removes nothing through a link.",
                hint="remove the link, or choose another --out.",
            )


def foreign_files(folder: Path, own: Collection[str]) -> Iterator[str]:
    """Yield the relative names of the files (and links) below a folder that are not among ``own``."""
    for root, folders, files in os.walk(folder):
        linked = [name for name in folders if os.path.islink(os.path.join(root, name))]
        for name in (*files, *linked):
            relative = os.path.relpath(os.path.join(root, name), folder)
            if relative not in own and name != LOCK and not relative.startswith(TMP_PREFIX):
                yield relative


def tell_foreign(place: Path, names: Collection[str]) -> str:
    """Return the sentence that says what stayed because mmcheck did not write it."""
    shown = ", ".join(sorted(names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{place} holds files that mmcheck did not write; they are kept: {shown}{more}."


def read_inventory(out: Path) -> dict[str, list[str]]:
    """Return the files of the written manifests by folder; empty where no one can say."""
    try:
        found = json.loads((out / INVENTORY).read_text("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: [file for file in files if isinstance(file, str) and _is_below(file)]
        for name, files in found.items()
        if isinstance(files, list)
    }


def write_inventory(out: Path, files: Mapping[str, Iterable[str]]) -> None:
    """Write which files the folders of written manifests hold.

    Raises:
        OutputError: If it cannot be written.
    """
    told: dict[str, Any] = {name: sorted(names) for name, names in files.items()}
    write_text(out / INVENTORY, json.dumps(told, indent=0, ensure_ascii=True) + "\n")


def _is_below(name: str) -> bool:
    return bool(name) and not os.path.isabs(name) and ".." not in Path(name).parts


def _folders(parent: Path) -> list[Path]:
    if parent.is_symlink() or not parent.is_dir():
        return []
    return [Path(entry.path) for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]


def _clear_overlap(folder: Path) -> None:
    inventory = read_inventory(folder)
    for name in OVERLAP_RUNS:
        if (folder / name / "run.json").is_file() and not (folder / name).is_symlink():
            clear_run(folder / name)
            remove(folder / name, (LOCK,))
    for name in OUTPUTS:
        remove(folder / name, inventory.get(name, ()))
    remove(folder, (*OVERLAP_FILES, OVERLAP_MARKER, LOCK, INVENTORY))
