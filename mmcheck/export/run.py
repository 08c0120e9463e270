"""``mmcheck export``: the rows of a finished run, written as a trainer reads them.

Works on what the scan stored; the sources are read only where media have to come along, and are never changed. An
export is put in place as a whole. The same run and the same wishes give the same bytes, and asking again is quick.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from mmcheck.config import Config
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import OutputError, UserError
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.core.types import Action
from mmcheck.core.version import VERSION
from mmcheck.decide.decide import make_policy, written_columns
from mmcheck.decide.written_columns import WrittenColumn
from mmcheck.export.empty_export import nothing_fits
from mmcheck.export.folder import FolderContent, find_export, look_into, put_in_place, require_free, staged
from mmcheck.export.rows import RunRows
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.summary import ExportSummary, LeftOutRows, WrittenFiles
from mmcheck.export.target import TARGETS, MediaMode, PathMode, TargetOptions, TargetTraits
from mmcheck.export.words import tell_done, tell_further
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.run_folder import RunFolder

_MEDIA_MODES = get_args(MediaMode)
SHARD_SIZE = 10_000
"""Rows a shard. Taken from img2dataset, whose shards hold as many."""


def export_run(
    run: str | Path,
    *,
    format: str,
    out: str | Path,
    only: Sequence[str] = (Action.KEEP,),
    media: str | None = None,
    paths: str | None = None,
    columns: bool = True,
    shard_size: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportSummary:
    """Write the rows of a run below ``out`` in the form of ``format``; return what was written.

    Args:
        run: The folder of a finished run.
        format: A name of ``TARGETS``.
        out: A new or empty folder.
        only: Verdicts of the rows that are written: ``keep``, ``flag``, ``quarantine``, ``unchecked``.
        media: ``reference``, ``link`` or ``copy``; None: the first that the format knows.
        paths: ``absolute``, ``relative`` or ``keep``; None: as the format wants it, else as the run's config says.
        columns: Whether the ``mmcheck_*`` columns are written.
        shard_size: Rows a shard, at least 1; None: 10,000. Only for formats of shards.
        overwrite: Whether an earlier export in ``out`` is replaced.
        progress: Receives progress reports.

    Returns:
        What the export's own summary holds; ``was_there`` says that ``out`` held this export already.

    Raises:
        UserError: If what was asked for is not possible, or no row that was wanted can be written in this format.
        OutputError: If ``out`` cannot be used.
        RunError: If the run is not complete or damaged.
    """
    target_class = TARGETS.get(format)
    traits = target_class.traits
    actions = _actions(only)
    mode = _media_mode(format, traits, media)
    if shard_size is not None and not traits.has_shards:
        raise UserError(f"--shard-size means nothing for {format}, which has no shards.", hint="leave it out.")
    if shard_size is not None and shard_size < 1:
        raise UserError(f"--shard-size must be at least 1, but is {shard_size}.")
    folder = RunFolder(run)
    final = Path(os.path.abspath(out))
    with hold_for_reading(folder.path):
        folder = RunFolder(run)
        require_complete(folder)
        counts = folder.summary
        _check_apart(folder, final)
        config = folder.config()
        # The config may leave mmcheck's columns out of clean/; here --no-columns says so.
        output = config.output.model_copy(update={"columns": columns})
        added = written_columns(folder, make_policy(folder, config), output)
        options = TargetOptions(
            config=config,
            columns=columns,
            paths=_path_mode(format, traits, mode, paths, config),
            media=mode,
            shard_size=shard_size or SHARD_SIZE,
            final=final,
            sources=tuple((entry.manifest, entry.format) for entry in folder.record.inputs),
            worse={column.name: column.higher_is_better for column in added},
        )
        identity = _identity(folder, format, options, actions, added)
        if (found := find_export(final, identity)) is not None:
            return found.model_copy(update={"was_there": True})
        require_free(final, overwrite=overwrite)
        rows = RunRows(folder, actions, traits, added if columns else None, progress or SilentProgress())
        target = target_class(options)
        with staged(final, identity) as staging:
            shelf = MediaShelf(options, traits, staging)
            try:
                target.write(rows, shelf, staging)
            finally:
                shelf.close()
            if not rows.written and rows.left_out:
                raise nothing_fits(format, traits, rows.left_out, actions)
            if rows.with_further and not traits.has_further:
                rows.note(tell_further(rows.with_further, format))
            summary = _summarise(
                folder, format, options, actions, rows, shelf, look_into(staging), identity
            ).model_copy(
                update={
                    "load": target.how_to_load(),
                    "other_verdicts": {
                        action.value: count
                        for action in Action
                        if action not in actions and (count := cast("Mapping[str, int]", counts).get(action.value))
                    },
                }
            )
            put_in_place(staging, final, summary)
    return summary


def _actions(only: Sequence[str]) -> tuple[Action, ...]:
    known = [action.value for action in Action]
    for name in only:
        if name not in known:
            raise UserError(f"--only names {name!r}, which is no verdict.", hint=f"choose from {', '.join(known)}.")
    if not only:
        raise UserError("--only names no verdict.", hint=f"choose from {', '.join(known)}.")
    return tuple(action for action in Action if action.value in only)


def _media_mode(format: str, traits: TargetTraits, media: str | None) -> MediaMode:
    if media is None:
        return traits.media[0]
    for mode in traits.media:
        if mode == media:
            return mode
    if media not in _MEDIA_MODES:
        raise UserError(f"--media must be reference, link or copy, but is {media!r}.")
    why = "holds the media themselves" if traits.media == ("copy",) else "needs the files below its folder"
    why = "writes no media" if traits.media == ("reference",) else why
    raise UserError(
        f"--media {media} is not possible for {format}, which {why}.",
        hint=f"use --media {' or '.join(traits.media)}, or leave it out.",
    )


def _path_mode(format: str, traits: TargetTraits, mode: MediaMode, paths: str | None, config: Config) -> PathMode:
    if mode != "reference" and paths == "keep":
        raise UserError(
            f"--paths keep means the paths of the sources, but --media {mode} writes files of its own.",
            hint="leave --paths out, or use --media reference.",
        )
    wanted = paths if paths is not None else config.output.paths if mode == "reference" else traits.paths[0]
    for known in traits.paths:
        if known == wanted:
            return known
    if paths is None:
        return traits.paths[0]
    raise UserError(f"--paths {paths} is not possible for {format}.", hint=f"use --paths {' or '.join(traits.paths)}.")


def _check_apart(run: RunFolder, out: Path) -> None:
    """Refuse to write into a scanned folder, where the next scan would read it, or over the run."""
    place = out.resolve()
    if run.path.resolve().is_relative_to(place):
        raise OutputError(f"--out {out} holds the run {run.path}.", hint="choose another --out.")
    for entry in run.record.inputs:
        if "://" not in entry.manifest and os.path.isdir(entry.manifest):
            if place.is_relative_to(Path(entry.manifest).resolve()):
                raise OutputError(
                    f"--out {out} is inside the scanned folder {entry.manifest}.", hint="choose an --out elsewhere."
                )


def _identity(
    run: RunFolder, format: str, options: TargetOptions, actions: Sequence[Action], added: Sequence[WrittenColumn]
) -> str:
    verdicts = hashlib.sha256()
    for shard in run.shards():
        part = run.verdicts_part(shard)
        verdicts.update(part.read_bytes() if part.is_file() else b"")
    return digest_value(
        {
            "version": VERSION,
            "work": run.record.identity,
            "measured": {name: part.fingerprint for name, part in run.record.measured().items()},
            "verdicts": verdicts.hexdigest(),
            "added": [(column.name, column.probe, column.value, column.factor) for column in added],
            "format": format,
            "only": [action.value for action in actions],
            "columns": options.columns,
            "paths": options.paths,
            "media": options.media,
            "shard_size": options.shard_size,
            "final": str(options.final),
        }
    )


def _summarise(
    run: RunFolder,
    format: str,
    options: TargetOptions,
    actions: Sequence[Action],
    rows: RunRows,
    shelf: MediaShelf,
    content: FolderContent,
    identity: str,
) -> ExportSummary:
    return ExportSummary(
        run=str(run.path),
        format=format,
        folder=str(options.final),
        only=tuple(action.value for action in actions),
        media=options.media,
        paths=options.paths,
        rows=rows.written,
        other_verdicts={},
        left_out={
            reason: LeftOutRows(rows=found.rows, ids=tuple(found.ids)) for reason, found in rows.left_out.items()
        },
        written={
            ending: WrittenFiles(files=count, bytes=content.bytes[ending]) for ending, count in content.files.items()
        },
        done=dict(sorted(shelf.done.items())),
        notes=(*tell_done(shelf.done), *rows.notes),
        load="",
        identity=identity,
        content=content.digest,
    )
