"""A parsed manifest row becomes one or more samples, or a sample that says what is wrong with it.

Shared by all formats whose rows are columns. Nothing here opens a file except to look whether a relative path exists
where the convention is ambiguous.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mmcheck.config import InputConfig
from mmcheck.core.inline_media import payload_kind
from mmcheck.core.json_row import changed_row
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.path_template import PathTemplate, TemplateFault
from mmcheck.core.types import FurtherMedium, MediaRef, Row, RowProblem, Sample
from mmcheck.formats.cells import RowFault, channel_of, check_text, is_empty, is_utf8, seconds_of, shown, text_of
from mmcheck.formats.columns import RoleFinder, Roles
from mmcheck.formats.downloads import CAUSE as FAILED_DOWNLOAD
from mmcheck.formats.downloads import download_fault
from mmcheck.formats.paths import Modality, is_inside, leads_out, media_kind, resolve_media
from mmcheck.formats.text_source import BrokenSource, is_url

RAW = "_raw"
"""Key of the text of a row that could not be parsed."""
RAW_BYTES = "_raw_base64"
"""Key of its bytes (base64) where the text does not stand for them exactly."""

Item = TypeVar("Item")

_MAX_PATH = 4096  # characters of the longest path; given by Linux (PATH_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A row as a format parsed it."""

    number: int
    """1-based line or row."""
    row: Row
    """Columns, JSON-serialisable."""
    cause: str | None = None
    """Set if the row is broken: stable word."""
    message: str = ""
    """What is wrong, as half a sentence."""
    embedded: frozenset[str] = field(default_factory=frozenset)
    """Columns whose media bytes stand in the manifest itself (Parquet); ``column[item]`` for those of a list."""
    has_cells: bool = False
    """Whether single cells of the manifest can be read later (Parquet)."""


def until_break(manifest: str, samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yield ``samples``; where the source breaks off after some rows, end with a sample that says so.

    Raises:
        ManifestError: If it breaks off before the first row, or cannot be read at all.
    """
    last = 0
    try:
        for sample in samples:
            last = sample.row_number
            yield sample
    except BrokenSource as error:
        if not last:
            raise
        yield problem_sample(manifest, last + 1, "manifest_cut_short", error.message, {}, exact=True)


def problem_sample(manifest: str, number: int, cause: str, message: str, row: Row, *, exact: bool = False) -> Sample:
    """Return the sample that stands for a broken row.

    Args:
        manifest: The manifest.
        number: 1-based line or row.
        cause: Stable word.
        message: Half a sentence that follows ``manifest:row ``, or a whole one if ``exact``.
        row: What was read.
        exact: Whether ``message`` already names the place.
    """
    text = message if exact else f"{manifest}:{number} {message}"
    return Sample(
        id=f"{os.path.basename(manifest.rstrip('/'))}:{number}",
        manifest=manifest,
        row_number=number,
        row=row,
        problem=RowProblem(cause=cause, message=text if text.endswith(".") else f"{text}."),
    )


class SampleMaker:
    """Makes samples of the rows of one manifest.

    Args:
        manifest: Path or URL, as it shall stand in the samples.
        options: Input options.
        finder: Says which column is what.
        base: Folder that relative media paths start from where ``options.root`` names none.
        try_cwd: Whether the working directory is tried after it.
        inside_only: Whether media must be plain relative paths below ``base`` (Hugging Face folders).
    """

    def __init__(
        self,
        manifest: str,
        options: InputConfig,
        finder: RoleFinder,
        *,
        base: str,
        try_cwd: bool = False,
        inside_only: bool = False,
    ) -> None:
        self._manifest = manifest
        self._options = options
        self._finder = finder
        self._base = options.root or options.base or base
        self._is_rooted = options.root is not None
        self._template = PathTemplate(options.path) if options.path is not None else None
        self._try_cwd = try_cwd and not self._is_rooted
        self._inside_only = inside_only
        self._leading: dict[str, bool] = {}
        """Column -> whether its values lead to files that are there."""

    def all(self, rows: Iterable[RawRow]) -> Iterator[Sample]:
        """Yield the samples of ``rows``, then check that every configured column was seen.

        Raises:
            ManifestError: If a configured column stands in no row.
        """
        for row in rows:
            yield from self.samples(row)
        self._finder.check(self._manifest)

    def samples(self, raw: RawRow) -> list[Sample]:
        """Return the samples of one row: one, or several if it holds several media or texts."""
        if raw.cause is not None:
            return [problem_sample(self._manifest, raw.number, raw.cause, raw.message, raw.row)]
        roles = self._finder.roles(raw.row)
        try:
            return self._samples(raw, roles)
        except RowFault as fault:
            cause, message = fault.cause, fault.message
            if cause == "missing_media" and (told := download_fault(raw.row)) is not None:
                cause, message = FAILED_DOWNLOAD, told
            sample = problem_sample(self._manifest, raw.number, cause, message, raw.row)
            own = self._own_id(raw.row, roles)
            return [sample if own is None else replace(sample, id=own, own_id=True)]

    def _samples(self, raw: RawRow, roles: Roles) -> list[Sample]:
        columns = self._media_columns(raw, roles)
        placed = self._placed(raw, roles, columns)
        columns |= {kind: column for kind, (column, _) in placed.items()}
        if not columns and self._options.embeddings.is_given and roles.caption is not None:
            return self._captions_alone(raw, roles)
        if not columns:
            raise RowFault("missing_column", f"has no image and no recording; its columns are: {_names(raw.row)}")
        media = {
            kind: self._media_at(placed[kind][1], raw, column, roles, kind)
            if kind in placed
            else self._media(raw, column, roles, kind)
            for kind, column in columns.items()
        }
        texts = {
            kind.text: self._texts(raw.row, getattr(roles, kind.text)) if kind.medium in columns else None
            for kind in PAIR_KINDS
        }
        texts.update(self._texts_without_medium(raw.row, roles, columns))
        further = self._further(raw, roles, columns)
        if not any(found is not None and len(found) > 1 for found in texts.values()):
            # One text for several media of one column: the row is one pair, and the others go with it.
            others = [
                FurtherMedium(column=column, modality=kind, ref=ref)
                for kind, column in columns.items()
                for ref in media[kind][1:]
            ]
            further = (*others, *further)
            media = {kind: refs[:1] for kind, refs in media.items()}
        counts = {len(x) for x in (*media.values(), *texts.values()) if x is not None and len(x) != 1}
        if len(counts) > 1:
            listed = " and ".join(str(count) for count in sorted(counts))
            raise RowFault(
                "ambiguous",
                f"has lists of different lengths ({listed}), so it is unclear which items belong together",
            )
        count = counts.pop() if counts else 1
        own = self._own_id(raw.row, roles)
        language = raw.row.get(roles.language) if roles.language else None
        if not isinstance(language, str) or not language.strip():
            language = self._options.language
        first = next(iter(columns.values()))
        split = _split_columns(raw.row, roles, columns, count)
        samples = []
        for index in range(count):
            image, audio = (_at(media.get(kind), index) for kind in ("image", "audio"))
            caption, transcript = (_at(texts[role], index) for role in ("caption", "transcript"))
            samples.append(
                Sample(
                    id=own if own is not None else self._derived_id(raw, first, index, placed),
                    manifest=self._manifest,
                    row_number=raw.number,
                    image=image,
                    audio=audio,
                    caption=caption,
                    transcript=transcript,
                    language=language.strip() if language else None,
                    row=raw.row if count == 1 else _narrowed(raw.row, split, index),
                    item=index if count > 1 else None,
                    split=split,
                    further=further,
                    own_id=own is not None and count == 1,
                )
            )
        return samples

    def _captions_alone(self, raw: RawRow, roles: Roles) -> list[Sample]:
        """Return the samples of a row that names no medium, whose vectors were given."""
        texts = self._texts(raw.row, roles.caption) or [""]
        own = self._own_id(raw.row, roles)
        column = roles.caption or ""
        split = (column,) if len(texts) > 1 else ()
        return [
            Sample(
                id=own if own is not None else f"{os.path.basename(self._manifest)}:{raw.number}",
                manifest=self._manifest,
                row_number=raw.number,
                caption=text,
                row=raw.row if len(texts) == 1 else _narrowed(raw.row, split, index),
                item=index if len(texts) > 1 else None,
                split=split,
                own_id=own is not None and len(texts) == 1,
            )
            for index, text in enumerate(texts)
        ]

    def _media_columns(self, raw: RawRow, roles: Roles) -> dict[Modality, str]:
        columns: dict[Modality, str] = {}
        if roles.image:
            columns["image"] = roles.image
        if roles.audio:
            columns["audio"] = roles.audio
        if len(columns) == 2:
            # A table that mixes image rows and audio rows leaves one of the two cells of each row empty.
            filled = {
                kind: name for kind, name in columns.items() if _is_embedded(raw, name) or not is_empty(raw.row[name])
            }
            return filled or columns
        if not columns and roles.media:
            columns[self._finder.modality(raw.row[roles.media], roles)] = roles.media
        return columns

    def _placed(self, raw: RawRow, roles: Roles, columns: dict[Modality, str]) -> dict[Modality, tuple[str, list[str]]]:
        """Return the media that ``input.path`` places: the kind, the column whose place they take (or ""), their paths.

        A column that was taken for another kind of medium is dropped from ``columns``: the pattern's suffix tells.
        """
        if self._template is None:
            return {}
        try:
            paths = self._template.fill(raw.row)
        except TemplateFault as fault:
            raise RowFault(fault.cause, fault.message) from fault
        only = next(iter(columns)) if len(columns) == 1 else None
        kind = media_kind(paths[0]) or only or self._finder.modality(paths[0], roles)
        if only is not None and only != kind and columns[only] == roles.media:
            return {kind: (columns.pop(only), paths)}
        return {kind: (columns.get(kind, ""), paths)}

    def _texts_without_medium(self, row: Row, roles: Roles, columns: Mapping[Modality, str]) -> dict[str, list[str]]:
        """Return the text whose medium's cell is empty where the row has columns for two pairs: half of a pair."""
        if roles.image is None or roles.audio is None or roles.caption == roles.transcript:
            return {}
        found = {}
        for kind in PAIR_KINDS:
            texts = self._texts(row, getattr(roles, kind.text)) if kind.medium not in columns else None
            if texts and any(text.strip() for text in texts):
                found[kind.text] = texts
        return found

    def _further(self, raw: RawRow, roles: Roles, columns: Mapping[Modality, str]) -> tuple[FurtherMedium, ...]:
        """Return the media of the row's other columns."""
        main = next(iter(columns))
        found: list[FurtherMedium] = []
        for column in self._further_columns(raw, roles, columns):
            if _is_embedded(raw, column) or not is_empty(raw.row[column]):
                for ref in self._media(raw, column, roles, "image"):
                    kind = media_kind(ref.name) or main
                    found.append(FurtherMedium(column=column, modality=kind, ref=ref))
        return tuple(found)

    def _further_columns(self, raw: RawRow, roles: Roles, columns: Mapping[Modality, str]) -> list[str]:
        known = {roles.id, roles.caption, roles.transcript, *columns.values()}
        found = []
        for column in raw.row:
            if column in known:
                continue
            if _is_embedded(raw, column):
                # A bare binary column may hold anything; a struct of bytes and path is a medium.
                is_medium = isinstance(raw.row[column], Mapping | list)
            else:
                # `datasets` loads every "*_file_name" of a folder; elsewhere a column counts if it leads to files.
                is_medium = self._inside_only and column.endswith(("_file_name", "_file_names"))
                is_medium = is_medium or self._leads_to_files(column)
            if is_medium:
                found.append(column)
        return found

    def _leads_to_files(self, column: str) -> bool:
        if column not in self._leading:
            self._leading[column] = any(
                not is_url(value) and os.path.isfile(resolve_media(value, self._base, try_cwd=self._try_cwd))
                for value in self._finder.paths_of(column)
            )
        return self._leading[column]

    def _media(self, raw: RawRow, column: str, roles: Roles, kind: Modality) -> list[MediaRef]:
        start, duration = self._segment(raw.row, roles) if kind == "audio" else (None, None)
        channel = channel_of(raw.row, roles.channel) if kind == "audio" else None
        value = raw.row[column]
        items = value if isinstance(value, list) and value else None
        found = []
        for index, item in enumerate(items or [value]):
            cell = f"{column}[{raw.number - 1}]" + (f"[{index}]" if items else "")
            if (f"{column}[{index}]" if items else column) in raw.embedded:
                uri, member = self._manifest, cell
            elif isinstance(item, str) and payload_kind(item):
                # The medium itself: in a table it is read from there, else it goes along.
                uri, member = (self._manifest, cell) if raw.has_cells else (item, f"{column} of row {raw.number}")
            else:
                uri, member = self._path(item, column, in_list=items is not None), None
            found.append(MediaRef(uri=uri, member=member, start=start, duration=duration, channel=channel))
        return found

    def _media_at(self, paths: Sequence[str], raw: RawRow, column: str, roles: Roles, kind: Modality) -> list[MediaRef]:
        start, duration = self._segment(raw.row, roles) if kind == "audio" else (None, None)
        channel = channel_of(raw.row, roles.channel) if kind == "audio" else None
        uris = [self._path(path, column or "input.path", in_list=len(paths) > 1, is_placed=True) for path in paths]
        return [MediaRef(uri=uri, start=start, duration=duration, channel=channel) for uri in uris]

    def _path(self, value: object, column: str, *, in_list: bool, is_placed: bool = False) -> str:
        if isinstance(value, Mapping):
            value = value.get("path")
        if is_empty(value):
            message = f"an item of {column!r}" if in_list else repr(column)
            raise RowFault("missing_media", f"names no file: {message} is empty")
        if isinstance(value, list):
            message = (
                f"names no file: {column!r} holds lists ({shown(value)}), as of decoded pixels, and no path or bytes"
            )
            raise RowFault("bad_path", message)
        if not isinstance(value, str):
            raise RowFault("bad_path", f"names no file: {column!r} must be a path, but is {shown(value)}")
        if "\0" in value:
            raise RowFault("nul_bytes", f"names no file: {column!r} holds a NUL character")
        if value.startswith("data:"):
            message = (
                f"names no file: {column!r} is a data: URI, but not base64 of an image or recording: {shown(value)}"
            )
            raise RowFault("bad_path", message)
        if len(value) > _MAX_PATH or "\n" in value:
            raise RowFault("bad_path", f"names no file: {column!r} is not a path: {shown(value)}")
        if self._inside_only and not is_inside(value):
            raise RowFault(
                "bad_path",
                f"names no file: {column!r} must be a relative path inside the dataset, but is {shown(value)}",
            )
        if self._is_rooted and not is_placed and leads_out(value):
            raise RowFault("bad_path", f"names no file: {shown(value)} leads out of {self._base} (input.root)")
        return resolve_media(value, self._base, try_cwd=self._try_cwd)

    def _texts(self, row: Row, column: str | None) -> list[str] | None:
        if column is None:
            return None
        value = row[column]
        values = value if isinstance(value, list) and value else [value]
        return [check_text(text_of(item, column), column, self._options.max_text_bytes) for item in values]

    def _segment(self, row: Row, roles: Roles) -> tuple[float | None, float | None]:
        start = seconds_of(row, roles.start)
        if start is None:
            self._check_duration(row, roles.duration)
            return None, None
        duration = seconds_of(row, roles.duration)
        end = seconds_of(row, roles.end)
        if duration is None and end is not None:
            if end <= start:
                raise RowFault("bad_segment", f"has a segment that ends ({end} s) before it starts ({start} s)")
            duration = end - start
        if duration == 0:
            raise RowFault("bad_segment", "has a segment of 0 seconds")
        return start, duration

    def _check_duration(self, row: Row, column: str | None) -> None:
        # Elsewhere than in NeMo's manifests a column of that name may hold "0:12" or milliseconds: nobody's fault.
        if column is None or not ("audio_filepath" in row or column == self._options.columns.duration):
            return
        try:
            seconds_of(row, column)
        except RowFault as fault:
            message = (
                f"declares a duration that is not valid: {column!r} must be seconds >= 0, but is {shown(row[column])}"
            )
            raise RowFault("bad_duration", message) from fault

    def _own_id(self, row: Row, roles: Roles) -> str | None:
        value = row.get(roles.id) if roles.id else None
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value != value:
            return None
        text = str(value)
        return text if text.strip() and is_utf8(text) and not payload_kind(text) else None

    def _derived_id(
        self, raw: RawRow, column: str, index: int, placed: Mapping[Modality, tuple[str, list[str]]]
    ) -> str:
        value = raw.row.get(column) if column else next(iter(placed.values()))[1]
        if isinstance(value, list):
            value = value[min(index, len(value) - 1)] if value else None
        if isinstance(value, Mapping):
            value = value.get("path")
        if isinstance(value, str) and value and not payload_kind(value):
            return value
        return f"{os.path.basename(self._manifest)}:{raw.number}"


def configured_missing(manifest: str, finder: RoleFinder, columns: Iterable[str]) -> None:
    """Check configured columns against a known header, before any row is read.

    Raises:
        ManifestError: If a configured column is not there.
    """
    finder.roles(dict.fromkeys(columns))
    finder.check(manifest)


def _is_embedded(raw: RawRow, column: str) -> bool:
    return column in raw.embedded or f"{column}[0]" in raw.embedded


def _split_columns(row: Row, roles: Roles, columns: Mapping[Modality, str], count: int) -> tuple[str, ...]:
    """Return the list columns of which each sample of a row gets one item."""
    names = {roles.caption, roles.transcript, *columns.values()}
    if count == 1:
        return ()
    return tuple(key for key in row if key in names and isinstance(row[key], list) and len(row[key]) == count)


def _narrowed(row: Row, split: tuple[str, ...], index: int) -> Row:
    # One text of several: the row keeps its shape (a list), with this sample's item alone in it.
    return changed_row(row, {key: [value[index]] if key in split else value for key, value in row.items()})


def _at(values: Sequence[Item] | None, index: int) -> Item | None:
    if not values:
        return None
    return values[index] if len(values) > 1 else values[0]


def _names(row: Row) -> str:
    return ", ".join(list(row)[:20]) or "(none)"
