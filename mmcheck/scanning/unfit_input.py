"""Before anything is measured: manifests that cannot be what was meant, each with the next step.

A manifest without rows, one of which no column fits, or one whose first files are all missing would only fill the
quarantine after hours of loading models. Where some files are missing the scan goes on: those are findings.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.errors import ManifestError
from mmcheck.core.inline_media import payload_kind
from mmcheck.core.pair_kinds import IMAGE_CAPTION, MEDIA, PAIR_KINDS, TEXTS
from mmcheck.core.progress import Progress
from mmcheck.core.types import Shard
from mmcheck.formats.known_layouts import Layout, find_layout
from mmcheck.media.nearby_names import NearbyNames
from mmcheck.media.remote import is_remote
from mmcheck.store.run_folder import read_part
from mmcheck.store.run_record import InputRecord

FIRST_FILES = 64
"""How many files of each kind are looked for; if none of them is there, none of the others is expected to be. Our own
choice: quick."""

_PLAIN_FORMATS = ("webdataset", "parquet", "csv")
"""Formats in which no layout hides whose rows are read but not all of them."""
_WITHOUT_FILES = (
    f"To judge by the vectors that are given, without any file: --probes {IMAGE_CAPTION.probe},caption_text."
)
_WANT_TEXT = {"caption_text", "transcript_text", *(kind.probe for kind in PAIR_KINDS)}
"""Probes that measure nothing without a text."""
_WANT_NO_MEDIA = {"caption_text", "transcript_text"}
"""Probes that open no file."""


@dataclass(slots=True)
class _Seen:
    """What one manifest's rows hold."""

    rows: int = 0
    columnless: int = 0
    """Rows in which no column fits."""
    media: int = 0
    texts: int = 0
    problem: str = ""
    """What is said of the first row in which no column fits."""
    files: dict[str, list[str]] = field(default_factory=dict)
    """Kind of medium -> the first files."""


def refuse_unfit_inputs(
    out: Path,
    shards: Sequence[Shard],
    inputs: Sequence[InputRecord],
    config: Config,
    limit: int | None,
    progress: Progress,
) -> None:
    """Refuse what the plan in ``out`` shows to be no set of pairs.

    Args:
        out: The run folder with the planned samples.
        shards: Its shards.
        inputs: The manifests, each with its number of ``rows``.
        config: The config.
        limit: How many rows were asked for.
        progress: Told of an empty manifest among others.

    Raises:
        ManifestError: Naming the manifest, what was looked for, and what to do.
    """
    if not config.rules:
        # Nothing is judged, as where `overlap` scans one of its sides; it says itself what it could not compare.
        return
    _check_rows(inputs, limit, progress)
    seen: dict[str, _Seen] = {}
    for shard in shards:
        _look_at(read_part(out / "samples" / shard.part, ["manifest", "problem", *MEDIA, *TEXTS]), seen)
    enabled = set(config.probes.enabled())
    without_media = set(_WANT_NO_MEDIA)
    if config.input.embeddings.is_given:
        without_media.add(IMAGE_CAPTION.probe)
    wants_text, wants_media = bool(enabled & _WANT_TEXT), bool(enabled - without_media)
    layouts = {entry.manifest: find_layout(entry.manifest) for entry in inputs if entry.format not in _PLAIN_FORMATS}
    for manifest, found in seen.items():
        _check_columns(manifest, found, wants_text, layouts.get(manifest))
        for kind, files in found.files.items():
            if files and wants_media:
                _check_files(manifest, kind, files, config)
    for manifest, layout in layouts.items():
        if layout is not None:
            progress.note(f"{manifest} is {layout.seen}. Hint: {layout.hint}")


def _check_rows(inputs: Sequence[InputRecord], limit: int | None, progress: Progress) -> None:
    if limit is not None and sum(entry.rows for entry in inputs) >= limit:
        # What lies behind the limit was not read.
        return
    empty = [entry.manifest for entry in inputs if not entry.rows]
    if len(empty) == len(inputs):
        names = ", ".join(empty[:3]) + (f" and {len(empty) - 3} more" if len(empty) > 3 else "")
        raise ManifestError(
            f"{names}: no rows; there is nothing to scan.",
            hint="was it written to its end? Is it the right file, and in the format that --format names?",
        )
    for manifest in empty:
        progress.note(f"{manifest} is empty: it has no rows.")


def _look_at(table: Any, seen: dict[str, _Seen]) -> None:
    """Add one shard; most shards are of one manifest."""
    for manifest in pc.unique(table["manifest"]).to_pylist():
        rows = table.filter(pc.equal(table["manifest"], manifest))
        found = seen.setdefault(manifest, _Seen())
        found.rows += rows.num_rows
        found.media += _count_any(rows, MEDIA)
        found.texts += _count_any(rows, TEXTS)
        problems = rows["problem"].drop_null()
        if len(problems):
            found.columnless += sum(problem["cause"] == "missing_column" for problem in problems.to_pylist())
            found.problem = found.problem or problems[0].as_py()["message"]
        for kind in MEDIA:
            files = found.files.setdefault(kind, [])
            wanted = FIRST_FILES - len(files)
            if wanted > 0:
                first = rows[kind].drop_null().slice(0, wanted).to_pylist()
                files += [ref["uri"] for ref in first if not payload_kind(ref["uri"])]


def _count_any(rows: Any, columns: Sequence[str]) -> int:
    """Return how many rows have a value in any of the columns."""
    count: int = pc.sum(reduce(pc.or_, [rows[name].is_valid() for name in columns])).as_py()
    return count


def _check_columns(manifest: str, found: _Seen, wants_text: bool, layout: Layout | None) -> None:
    if layout is not None and (found.columnless == found.rows or (wants_text and found.media and not found.texts)):
        raise ManifestError(
            f"{manifest} is {layout.seen}.", hint=f"{layout.hint} To check only the files: --probes media."
        )
    if found.columnless == found.rows:
        raise ManifestError(
            f"no column of {manifest} names an image or a recording: {found.problem}",
            hint="name the column: --set input.columns.image=<column> --set input.columns.caption=<column> (or "
            "input.columns.audio and input.columns.transcript).",
        )
    # A folder of files has no columns; that no texts lie beside them is told of each.
    if wants_text and found.media and not found.texts and not os.path.isdir(manifest):
        raise ManifestError(
            f"no column of {manifest} holds captions or transcripts.",
            hint="name the column: --set input.columns.caption=<column> (or input.columns.transcript); to check only "
            "the files: --probes media.",
        )


def _check_files(manifest: str, kind: str, paths: Sequence[str], config: Config) -> None:
    remote = [path for path in paths if is_remote(path)]
    if remote and config.input.allow_remote:
        return
    local = [path for path in paths if not is_remote(path)]
    if not all(map(_is_missing, dict.fromkeys(local))):
        return
    if not local:
        files = f"the first {len(paths)} files" if len(paths) > 1 else "the only file"
        are = "are remote addresses" if len(paths) > 1 else "is a remote address"
        raise ManifestError(
            f"{files} that {manifest} names {are} ({remote[0]}), and the config does not allow fetching those.",
            hint="--set input.allow_remote=true if the manifest is to be trusted." + _without_files(config),
        )
    first = local[0]
    which = f"none of the first {len(paths)} files" if len(paths) > 1 else "the only file"
    is_there = "is there" if len(paths) > 1 else "is missing"
    hints = [
        NearbyNames().hint(first) or "",
        _find_elsewhere(manifest, first),
        "Relative paths count from the folder of the manifest: is that the right folder? "
        f"Is it the right column (--set input.columns.{kind}=<column>)?",
        "--set input.allow_remote=true fetches the remote ones." if remote else "",
        _without_files(config).strip(),
    ]
    raise ManifestError(
        f"{which} that {manifest} names {is_there}; the first is {first}.",
        hint=" ".join(hint for hint in hints if hint),
    )


def _without_files(config: Config) -> str:
    """Return how the set is judged without any file, where there is a way; else ""."""
    if config.input.embeddings.is_given:
        return f" {_WITHOUT_FILES}"
    return (
        " To judge by the manifest's own columns alone, without any file: --probes none."
        if config.judged_columns
        else ""
    )


def _find_elsewhere(manifest: str, path: str) -> str:
    """Return where a file lies that the manifest names relative to another folder than its own; empty if unknown."""
    base = os.path.dirname(os.path.abspath(manifest))
    name = os.path.relpath(path, base)
    if name.startswith(os.pardir):
        return ""
    try:
        below = sorted(entry.path for entry in os.scandir(base) if entry.is_dir())
    except OSError:
        below = []
    for folder in (os.path.dirname(base), os.path.dirname(os.path.dirname(base)), os.getcwd(), *below[:1000]):
        if os.path.exists(os.path.join(folder, name)):
            return f"{name} is in {folder}: put the manifest there."
    return ""


def _is_missing(path: str) -> bool:
    for scheme in ("file://", "local://"):
        path = path.removeprefix(scheme)
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        # Another trouble (rights, an impossible name) is told of the file itself.
        return False
    return False
