"""Whether a stored JSON file is one that this version can read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmcheck.core.errors import RunError


def refuse_later(file: Path, found: Mapping[str, object], version: int) -> None:
    """Refuse what a later version of mmcheck wrote so that this one would misread it.

    Args:
        file: The file.
        found: What it holds; its ``schema_version`` is counted up when earlier versions would misread it.
        version: The one that is known.

    Raises:
        RunError: If it is a later one.
    """
    its = found.get("schema_version", version)
    if isinstance(its, int) and its > version:
        raise RunError(
            f"{file} was written by a later mmcheck ({found.get('mmcheck_version') or 'unknown version'}): its "
            f"schema_version is {its}, and this one reads {version}.",
            hint="use that version, or a later one: pip install --upgrade mmcheck.",
        )
