"""Lhotse manifests: cuts, or recordings with supervisions; JSON Lines, plain or gzip.

A cut with several supervisions is several samples, joined to one cut again on the way out. Scores go into ``custom``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_row import JsonRow, changed_row
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import RowFault
from mmcheck.formats.jsonl import first_objects, json_line, json_rows
from mmcheck.formats.output_rows import raw_bytes
from mmcheck.formats.paths import folder_of, is_folder, join_under
from mmcheck.formats.rows import RawRow, until_break
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.lhotse_rows import (
    moved_sources,
    recording_ref,
    supervised,
    text_of_supervision,
    with_custom,
    with_segment,
    with_supervised_text,
)
from mmcheck.formats.speech.lhotse_write import MovedRecordings
from mmcheck.formats.speech.utterances import UtteranceMaker
from mmcheck.formats.text_source import open_output, output_name

_CUTS = re.compile(r"(.*[_-])?cuts([_-].*)?\.jsonl(\.gz|\.zst)?$")
_SUPERVISIONS = re.compile(r"(.*[_-])?supervisions([_-].*)?\.jsonl(\.gz|\.zst)?$")
_HEAD = 8  # rows looked at to tell a manifest; our own choice: quick


class LhotseFormat:
    """Cuts, or recordings and supervisions (either file, or their folder).

    Args:
        options: Input options.
    """

    name = "lhotse"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether its rows are Lhotse's cuts, recordings or supervisions, or it is a folder of such files."""
        if is_folder(manifest):
            return Recognised.SIGNATURE if any(map(_kind_of, _files(manifest)[:1])) else Recognised.NO
        return Recognised.SIGNATURE if _kind_of(manifest) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield a sample for each supervision; ``row_number`` is the line of its cut or supervision.

        Raises:
            ManifestError: If a file cannot be read, or recordings or supervisions have no partner.
        """
        files = _files(manifest) if is_folder(manifest) else [manifest]
        if not files:
            raise ManifestError(
                f"folder {manifest} holds no cuts and no supervisions (*.jsonl, *.jsonl.gz).",
                hint="name the manifest itself.",
            )
        for file in files:
            kind = _kind_of(file)
            if kind in ("recordings", "supervisions"):
                recordings, supervisions = _partners(file, kind)
                yield from until_break(supervisions, self._supervised(recordings, supervisions))
            else:
                yield from until_break(file, self._cuts(file))

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
    ) -> list[Path]:
        """Write cuts as cuts, and supervisions with the recordings that they need; new columns go into ``custom``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix; of a scanned folder, the name of what is written.
            output: Output options; with ``write_media``, recordings are put into ``<stem>_media``.
            manifest: The input, for the names of an output without rows.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        is_whole = bool(manifest) and is_folder(manifest)
        place = folder / stem if is_whole else folder
        files: list[Path] = []
        for source, group in groupby(rows, lambda out: out.sample.manifest):
            files += self._write_file(group, source, place, stem, output, is_whole)
        if not files:
            source = next(iter(_files(manifest)), "") if is_whole else manifest
            files += self._write_file((), source, place, stem, output, is_whole)
        return files

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another text of its supervision; None if it is not there."""
        return with_supervised_text(sample.row, sample.transcript, text)

    def _write_file(
        self, rows: Iterable[OutputRow], source: str, place: Path, stem: str, output: OutputConfig, is_whole: bool
    ) -> list[Path]:
        kind = _kind_of(source) if source else "cuts"
        recordings = None
        if kind in ("recordings", "supervisions"):
            recordings, source = _partners(source, kind)
        name = posixpath.basename(source) if is_whole else output_name(source, _stem_for(source, stem), ".jsonl")
        moved = MovedRecordings(place, stem, output)
        wanted: set[str] = set()
        with open_output(place / name) as file:
            for out in rows:
                sample = out.sample
                line = raw_bytes(sample, self._options.encoding)
                if line is None:
                    row = dict(sample.row)
                    moved.add(sample)
                    if recordings is not None:
                        wanted.add(str(row.get("recording_id")))
                    elif output.paths != "keep" and isinstance(row.get("recording"), Mapping):
                        row["recording"] = moved_sources(row["recording"], moved.paths, folder_of(sample.manifest))
                    changed = dict(with_custom(row, out.extra))
                    source_row = sample.row if isinstance(sample.row, JsonRow) else None
                    line = json_line(changed, self._options.encoding, source_row)
                file.write(line + b"\n")
        files = [place / name]
        if recordings is not None:
            final = place / _named_like(recordings, source, name)
            files.append(self._write_recordings(recordings, final, wanted, moved, output))
        return files

    def _write_recordings(
        self, recordings: str, final: Path, wanted: Collection[str], moved: MovedRecordings, output: OutputConfig
    ) -> Path:
        with open_output(final) as file:
            for raw in json_rows(recordings, self._options.encoding):
                id = str(raw.row.get("id"))
                if raw.cause is not None or id not in wanted:
                    continue
                row = raw.row
                if output.paths != "keep":
                    row = moved_sources(row, moved.paths, folder_of(recordings))
                file.write(json_line(row, self._options.encoding) + b"\n")
        return final

    def _cuts(self, manifest: str) -> Iterator[Sample]:
        maker = UtteranceMaker(manifest, self._options)
        base = folder_of(manifest)

        def find(cut: Row, channel: object) -> MediaRef:
            return recording_ref(cut.get("recording"), base, channel)

        for raw in json_rows(manifest, self._options.encoding):
            if raw.cause is not None:
                yield maker.broken(raw)
                continue
            try:
                yield from cut_samples(maker, raw, find)
            except RowFault as fault:
                yield maker.problem(raw.number, raw.row, fault.cause, fault.message, id=_id_of(raw.row))

    def _supervised(self, recordings: str, supervisions: str) -> Iterator[Sample]:
        known = {
            str(raw.row.get("id")): dict(raw.row)
            for raw in json_rows(recordings, self._options.encoding)
            if raw.cause is None
        }
        maker = UtteranceMaker(supervisions, self._options)
        base = folder_of(recordings)
        for raw in json_rows(supervisions, self._options.encoding):
            if raw.cause is not None:
                yield maker.broken(raw)
                continue
            row = raw.row
            try:
                recording = known.get(str(row.get("recording_id")))
                if recording is None:
                    where = posixpath.basename(recordings)
                    raise RowFault("missing_media", f"names the recording {row.get('recording_id')!r}, not in {where}")
                ref = recording_ref(recording, base, row.get("channel"))
                audio = with_segment(ref, recording, row.get("start", 0.0), row.get("duration"))
                yield maker.sample(
                    raw.number,
                    row,
                    id=_id_of(row) or f"{posixpath.basename(supervisions)}:{raw.number}",
                    audio=audio,
                    text=text_of_supervision(row),
                    language=language_of(row),
                )
            except RowFault as fault:
                yield maker.problem(raw.number, row, fault.cause, fault.message, id=_id_of(row))


def cut_samples(maker: UtteranceMaker, raw: RawRow, ref_of: Callable[[Row, object], MediaRef]) -> Iterator[Sample]:
    """Yield a sample for each supervision of a cut; one of which nothing can be made says so.

    Args:
        maker: Makes the samples.
        raw: The cut.
        ref_of: Cut and channel -> its recording.

    Raises:
        RowFault: If nothing can be made of the cut.
    """
    cut = raw.row
    if isinstance(cut.get("tracks"), list):
        raise RowFault(
            "mixed_cut",
            "is a cut mixed of several tracks: write such cuts as recordings first, "
            "CutSet.from_file(IN).save_audios(FOLDER).to_file(OUT), and scan OUT",
        )
    supervisions = cut.get("supervisions")
    if not isinstance(supervisions, list) or not all(isinstance(one, Mapping) for one in supervisions):
        raise RowFault("missing_text", "has no list of supervisions")
    if not supervisions:
        raise RowFault("missing_text", "has no supervision, so no text")
    several = len(supervisions) > 1
    for index, supervision in enumerate(supervisions):
        ref = ref_of(cut, supervision.get("channel", cut.get("channel")))
        row: Row = changed_row(cut, {**cut, "supervisions": [supervision]}) if several else cut
        id = (_id_of(supervision) if several else _id_of(cut)) or f"cut:{raw.number}"
        recording = cut.get("recording")
        try:
            start, duration = supervised(cut, supervision)
            audio = with_segment(ref, recording if isinstance(recording, Mapping) else {}, start, duration)
        except RowFault as fault:
            yield maker.problem(raw.number, row, fault.cause, fault.message, id=id)
            continue
        yield maker.sample(
            raw.number,
            row,
            id=id,
            audio=audio,
            text=text_of_supervision(supervision),
            language=language_of(supervision),
            item=index if several else None,
            split=("supervisions",) if several else (),
        )


def language_of(supervision: Mapping[str, Any]) -> str | None:
    """Return the language that a supervision names, if it does."""
    found = supervision.get("language")
    return found.strip() or None if isinstance(found, str) else None


def _id_of(row: Mapping[str, Any]) -> str | None:
    found = row.get("id")
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip() else None


def _kind_of(file: str) -> str | None:
    """Return which of Lhotse's manifests a file is, by its first rows; None if it is none. Never raises."""
    for row in first_objects(file, "utf-8", _HEAD) or []:
        keys = row.keys()
        if (
            "supervisions" in keys
            and not _is_of_shar(row)
            and ({"recording", "tracks"} & keys or str(row.get("type", "")).endswith("Cut"))
        ):
            return "cuts"
        if {"recording_id", "start", "duration"} <= keys:
            return "supervisions"
        if {"sources", "sampling_rate", "num_samples"} <= keys:
            return "recordings"
    return None


def _is_of_shar(cut: Mapping[str, Any]) -> bool:
    recording, custom = cut.get("recording"), cut.get("custom")
    sources = recording.get("sources") if isinstance(recording, Mapping) else None
    in_tar = isinstance(custom, Mapping) and "mmcheck_tar" in custom
    return in_tar or (
        isinstance(sources, list) and any(isinstance(s, Mapping) and s.get("type") == "shar" for s in sources)
    )


def _files(folder: str) -> list[str]:
    """Return the manifests of a folder: its cuts, else its supervisions; those of Shar are another format's."""
    names = sorted(top_names(folder))
    found = [name for name in names if _CUTS.match(name)] or [name for name in names if _SUPERVISIONS.match(name)]
    return [join_under(folder, name) for name in found]


def _partners(file: str, kind: str) -> tuple[str, str]:
    """Return the files of recordings and of supervisions that belong together.

    Raises:
        ManifestError: If there is no partner.
    """
    other = "supervisions" if kind == "recordings" else "recordings"
    base = posixpath.basename(file)
    folder = folder_of(file)
    names = top_names(folder)
    wanted = base.replace(kind, other) if kind in base else ""
    root = wanted.removesuffix(".gz").removesuffix(".zst")
    for name in (wanted, root, f"{root}.gz", f"{root}.zst"):
        if name and name in names:
            partner = join_under(folder, name)
            return (file, partner) if kind == "recordings" else (partner, file)
    raise ManifestError(
        f"{file} holds Lhotse's {kind}, but the {other} that belong to them are not beside it.",
        hint=f"put {wanted or other + '.jsonl.gz'} into that folder, or make cuts of both: lhotse cut simple "
        "-r RECORDINGS -s SUPERVISIONS cuts.jsonl.gz",
    )


def _stem_for(source: str, stem: str) -> str:
    # A scan of the recordings writes the supervisions under their own name.
    own = posixpath.basename(source).partition(".")[0]
    return own if own.replace("supervisions", "recordings") == stem else stem


def _named_like(recordings: str, supervisions: str, written: str) -> str:
    """Return the name for the written recordings, so that they are found by that of the supervisions."""
    if written == posixpath.basename(supervisions):
        return posixpath.basename(recordings)
    if "supervisions" in written:
        return written.replace("supervisions", "recordings")
    return f"recordings-of-{written}"
