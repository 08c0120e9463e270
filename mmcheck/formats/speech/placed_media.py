"""Recordings beside a written list that names them by id or place: links, so that a program finds them there.

A list of paths holds absolute paths; a list of ids cannot. So the recordings are linked to where the layout wants
them: symbolic links, which cost nothing, or the files themselves (hard links or copies) with ``output.write_media``.
"""

from __future__ import annotations

import os
from pathlib import Path

from mmcheck.config import OutputConfig
from mmcheck.core.errors import OutputError
from mmcheck.formats.output_rows import link_or_copy
from mmcheck.formats.paths import is_inside
from mmcheck.formats.text_source import is_url


def place_media(uri: str, folder: Path, relative: str, output: OutputConfig) -> None:
    """Make the file at ``uri`` be found as ``folder/relative``; nothing where it is not there, or with kept paths.

    Args:
        uri: Path of the file; addresses are left where they are.
        folder: Root of what is written.
        relative: Place below it.
        output: ``paths`` says whether a link is absolute or relative, or that none is made; ``write_media`` makes the
            file itself.

    Raises:
        OutputError: If it would lie outside ``folder``, or cannot be written.
    """
    if is_url(uri) or not os.path.isfile(uri):
        return
    if output.write_media:
        link_or_copy(uri, folder, relative)
        return
    if output.paths == "keep":
        return
    if not is_inside(relative):
        raise OutputError(f"refusing to write {relative!r}: it is outside {folder}.")
    target = folder / relative
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        wanted = uri if output.paths == "absolute" else os.path.relpath(uri, target.parent)
        if target.is_symlink() and os.readlink(target) == wanted:
            return
        target.unlink(missing_ok=True)
        target.symlink_to(wanted)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}.") from error
