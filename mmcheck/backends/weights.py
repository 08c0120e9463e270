"""Finds the weights behind a name: the one door through which models come in.

Model libraries resolve names by themselves, each in its own way; one of them falls back to random weights
with a mere warning. Here a name is turned into a local folder first, and the libraries are only ever given
that folder (under ``no_network``). A folder in the Hugging Face cache that holds all wanted files is used
as it is, without asking the network whether something newer exists: a run shall not change because somebody
pushed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmcheck.backends.hub import OnProgress, download, find_cached, is_repo_id, no_network
from mmcheck.backends.weight_digests import folder_digest
from mmcheck.config import bundled_dir
from mmcheck.core.errors import WeightsError

__all__ = [
    "OnProgress",
    "WeightsRef",
    "bundled_names",
    "download",
    "find_bundled",
    "find_cached",
    "folder_digest",
    "is_repo_id",
    "no_network",
    "resolve_folder",
    "unknown_model",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsRef:
    """Where the weights behind a name are."""

    name: str
    """What the user wrote."""
    kind: Literal["bundled", "folder", "hub"]
    """Shipped with mmcheck, a local folder, or a copy in the Hugging Face cache."""
    path: Path | None
    """Local folder; None while not downloaded."""
    sha256: str | None = None
    """Digest over the folder's model files, if it was asked for."""
    repo_id: str | None = None
    """``org/name`` on the hub, for kind ``hub``."""


def bundled_names() -> list[str]:
    """Return the names of the models that ship with mmcheck, sorted; empty in an incomplete installation."""
    try:
        folder = bundled_dir("models")
    except FileNotFoundError:
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("*config.json")))


def find_bundled(name: str) -> Path | None:
    """Return the folder of the bundled model ``name``, or None if there is none of that name."""
    return bundled_dir("models") / name if name in bundled_names() else None


def resolve_folder(name: str) -> Path | None:
    """Return the folder of a bundled name or an existing local folder; None if ``name`` is neither.

    A bundled name wins over a folder of the same name in the working directory; ``./name`` means the folder.
    """
    bundled = find_bundled(name)
    if bundled is not None:
        return bundled
    if not name.strip() or "\0" in name:
        return None
    try:
        path = Path(name.removeprefix("local-dir:")).expanduser()
        return path.resolve() if path.is_dir() else None
    except (OSError, RuntimeError):
        return None


def unknown_model(name: str, known: Iterable[str], *, kind: str = "model") -> WeightsError:
    """Return the error for a name that is no bundled model, no folder and not in ``known``.

    Args:
        name: What the user wrote.
        known: Names that would have worked; bundled ones are added.
        kind: Word for the message, e.g. ``Whisper model``.
    """
    names = sorted({*known, *bundled_names()})
    by_lower = {candidate.lower(): candidate for candidate in names}
    near = [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    message = f"unknown {kind} {name!r}: " + (
        "there is no such folder." if looks_like_path else "neither a known name nor a folder."
    )
    nearest = " or ".join(repr(match) for match in near)
    hint = f"did you mean {nearest}?" if near else "see `mmcheck models list`."
    return WeightsError(message, hint=hint)
