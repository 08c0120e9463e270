"""Putting written manifests in the place of the earlier ones: only what mmcheck wrote there gives way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mmcheck.core.atomic import atomic_path
from mmcheck.core.errors import OutputError
from mmcheck.core.progress import Progress
from mmcheck.store.own_entries import foreign_files, read_inventory, remove, tell_foreign, write_inventory


def place_folders(out: Path, staged: Mapping[str, Path | None], progress: Progress) -> None:
    """Put each staged folder in the place of ``out/<name>`` and remember its files.

    Files that somebody else put there stay, and are told of. A kill at any moment leaves each file whole and known.

    Args:
        out: The run folder, or that of a comparison.
        staged: Folder's name -> what shall be there; None: nothing.
        progress: Told what stayed.

    Raises:
        OutputError: If the folder cannot be written.
    """
    before = read_inventory(out)
    after = {name: set(foreign_files(folder, ())) if folder is not None else set() for name, folder in staged.items()}
    # Until all is done, both the old and the new files are known as mmcheck's.
    write_inventory(out, {name: {*before.get(name, ()), *files} for name, files in after.items()})
    for name, folder in staged.items():
        final = out / name
        known = {*before.get(name, ()), *after[name]}
        foreign = sorted(foreign_files(final, known))
        if foreign:
            progress.note(tell_foreign(final, foreign))
            _merge(final, known, folder, after[name])
            continue
        shutil.rmtree(final, ignore_errors=True)
        if folder is not None:
            with atomic_path(final) as temporary:
                folder.rename(temporary)
    write_inventory(out, {name: files for name, files in after.items() if files})


def _merge(final: Path, known: set[str], staged: Path | None, files: set[str]) -> None:
    remove(final, sorted(known - files))
    if staged is None:
        return
    for name in sorted(files):
        target = final / name
        if os.path.realpath(target.parent) != os.path.join(os.path.realpath(final), os.path.dirname(name)).rstrip("/"):
            raise OutputError(
                f"{target} would be written through a link.", hint="remove the link in that folder, then try again."
            )
        with atomic_path(target) as temporary:
            os.replace(staged / name, temporary)
    shutil.rmtree(staged, ignore_errors=True)
