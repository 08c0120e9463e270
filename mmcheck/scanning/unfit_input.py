"""Before anything is measured: manifests that cannot be what was meant, each with the next step.

A manifest without rows, or one of which no column fits, would only fill the quarantine after hours of loading models.
One whose files are not there is told earlier, while it is read (``first_files``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import IMAGE_CAPTION, MEDIA, PAIR_KINDS, TEXTS
from mmcheck.core.progress import Progress
from mmcheck.core.types import Shard
from mmcheck.formats.known_layouts import Layout, find_layout
from mmcheck.store.run_folder import read_part
from mmcheck.store.run_record import InputRecord

_PLAIN_FORMATS = ("webdataset", "parquet", "csv")
"""Formats in which no layout hides whose rows are read but not all of them."""
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
    wants_text = wants_texts(config)
    layouts = {entry.manifest: find_layout(entry.manifest) for entry in inputs if entry.format not in _PLAIN_FORMATS}
    for manifest, found in seen.items():
        _check_columns(manifest, found, wants_text, layouts.get(manifest))
    for manifest, layout in layouts.items():
        if layout is not None:
            progress.note(f"{manifest} is {layout.seen}. Hint: {layout.hint}")


def wants_texts(config: Config) -> bool:
    """Return whether a scan with this config refuses a manifest without captions and transcripts."""
    return bool(set(config.probes.enabled()) & _WANT_TEXT)


def wants_files(config: Config) -> bool:
    """Return whether a scan with this config opens the files that rows name, and says what is missing."""
    # Where nothing is judged, as where `overlap` scans one of its sides, it is said there what could not be compared;
    # but who says where the media lie expects them there.
    if not config.input.try_first or not (config.rules or config.input.root or config.input.path):
        return False
    without = {*_WANT_NO_MEDIA, *([IMAGE_CAPTION.probe] if config.input.embeddings.is_given else [])}
    return bool(set(config.probes.enabled()) - without)


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
