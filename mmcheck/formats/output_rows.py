"""Rows on their way out: new columns, media paths, copies of media.

The row stays whole; what changes is the media's paths (as the config asks) and the ``mmcheck_*`` columns.
"""

from __future__ import annotations

import base64
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import OutputError
from mmcheck.core.path_template import PathTemplate, TemplateFault
from mmcheck.core.types import MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.columns import RoleFinder
from mmcheck.formats.hf_splits import without_split_names
from mmcheck.formats.paths import Modality, folder_of, is_inside, resolve_media
from mmcheck.formats.rows import RAW, RAW_BYTES
from mmcheck.formats.text_source import is_url

_OWN = "mmcheck_"


class RowWriter:
    """Turns output rows into the columns that are written.

    Args:
        options: Input options (column names).
        output: Output options.
        folder: Folder of the written manifest, which relative paths start from.
        media_folder: Name of the folder below ``folder`` that receives copies if media are written.
        keep_paths: Whether the format wants paths as they were (Hugging Face folders).
    """

    def __init__(
        self,
        options: InputConfig,
        output: OutputConfig,
        folder: Path,
        *,
        media_folder: str = "",
        keep_paths: bool = False,
    ) -> None:
        self._finder = RoleFinder(options.columns)
        self._root = options.root or options.base
        self._template = PathTemplate(options.path) if options.path is not None else None
        self._paths = "keep" if keep_paths else output.paths
        self._is_hf = keep_paths
        self._write_media = output.write_media
        self._folder = folder
        self._media_folder = media_folder
        self._placed: dict[str, str] = {}
        self._used: dict[str, str] = {}

    def columns(self, out: OutputRow) -> RowDict:
        """Return the columns of a row, the new ones last (a new one replaces an old one of its name)."""
        sample = out.sample
        row = dict(sample.row)
        image, audio = _file_of(sample.image), _file_of(sample.audio)
        if sample.further:
            files = (image, audio, *(_file_of(one.ref) for one in sample.further))
            for uri in dict.fromkeys(files):
                if uri is not None:
                    self._fill_everywhere(row, sample.manifest, uri)
        else:
            self.fill(row, manifest=sample.manifest, image=image, audio=audio)
        return with_added(row, out.extra)

    def fill(self, row: RowDict, *, manifest: str, image: str | None, audio: str | None) -> None:
        """Put the paths of the media into a row.

        Args:
            row: The columns as they were read; changed in place.
            manifest: Where the row came from.
            image: Path or URL of the image, if that is a file of its own.
            audio: Path or URL of the recording, if that is a file of its own.
        """
        roles = self._finder.roles(row)
        if image is not None:
            self._fill_path(row, manifest, image, roles.image, roles.media)
        if audio is not None:
            self._fill_path(row, manifest, audio, roles.audio, roles.media)

    def path_column(self, row: Row, modality: Modality) -> str | None:
        """Return the column whose value, if it is a plain path, just gives way to the path of the medium.

        None where ``fill`` has to look closer. It depends on the names of the columns only, so it may be kept.

        Args:
            row: A row with these columns.
            modality: Which medium it is, the only one of the row.
        """
        if self._paths != "absolute" or self._write_media:
            return None
        roles = self._finder.roles(row)
        return (roles.image if modality == "image" else roles.audio) or roles.media

    def _fill_path(self, row: RowDict, manifest: str, uri: str, *likely: str | None) -> None:
        column = self._column_of(row, manifest, uri, likely)
        if column is not None:
            row[column] = _with_path(row[column], self.path(uri, row[column]))

    def _fill_everywhere(self, row: RowDict, manifest: str, uri: str) -> None:
        """Put the path of a medium wherever the row names it, also as one of a list."""
        own = self._finder.roles(row).id
        for column, value in row.items():
            if self._template is not None and column == own:
                continue  # wavs/{id}.wav: the id stays one
            if isinstance(value, list):
                if any(self._leads_to(item, column, manifest, uri) for item in value):
                    row[column] = [
                        _with_path(item, self.path(uri, item)) if self._leads_to(item, column, manifest, uri) else item
                        for item in value
                    ]
            elif self._leads_to(value, column, manifest, uri):
                row[column] = _with_path(value, self.path(uri, value))

    def path(self, uri: str, written: object) -> str:
        """Return the path to write for the medium at ``uri`` that the row calls ``written``."""
        name = _name_of(written)
        if self._write_media and not is_url(uri) and os.path.isfile(uri):
            return self.place(uri, name)
        if self._paths == "keep":
            return name
        if self._paths == "absolute" or is_url(uri):
            return uri
        return Path(os.path.relpath(uri, self._folder)).as_posix()

    def _column_of(self, row: Row, manifest: str, uri: str, likely: tuple[str | None, ...]) -> str | None:
        # Roles by name may miss a column that was recognised by its values: the value that leads to the file decides.
        own = self._finder.roles(row).id if self._template is not None else None
        for column in (*likely, *row):
            if column is None or column not in row or column == own:
                continue
            if (column in likely and _is_path(_name_of(row[column]))) or self._leads_to(
                row[column], column, manifest, uri
            ):
                return column
        return None

    def _leads_to(self, value: object, column: str, manifest: str, uri: str) -> bool:
        name = _name_of(value)
        if not _is_path(name):
            return False
        base = self._root or folder_of(manifest)
        if self._template is not None and self._template.columns == (column,):
            try:
                placed = self._template.fill({column: name})
            except TemplateFault:
                return False
            return uri == resolve_media(placed[0], base)
        return uri in (resolve_media(name, base), os.path.abspath(name))

    def place(self, source: str, name: str) -> str:
        """Link or copy the file ``source`` below the media folder; return its path relative to the manifest.

        Raises:
            OutputError: If it cannot be written there.
        """
        if source in self._placed:
            return self._placed[source]
        inner = os.path.normpath(name.replace("\\", "/")) if is_inside(name) else os.path.basename(source)
        if self._is_hf:
            inner = without_split_names(inner)
        if self._media_folder:
            # A manifest that was written so before comes out as it is, and not one folder deeper each time.
            inner = inner.removeprefix(f"{self._media_folder}/")
        relative = f"{self._media_folder}/{inner}" if self._media_folder else inner
        stem, suffix = os.path.splitext(relative)
        count = 1
        while self._used.setdefault(relative, source) != source:
            count += 1
            relative = f"{stem}-{count}{suffix}"
        link_or_copy(source, self._folder, relative)
        self._placed[source] = relative
        return relative


def media_place(stem: str, chosen: str | None) -> str:
    """Return the folder for copies of media of a written manifest: the one chosen, or ``<stem>_media``."""
    return f"{stem}_media" if chosen is None else chosen


def with_added(row: Row, extra: Row) -> RowDict:
    """Return a row of JSON with the new columns.

    One without a value is left out, and so is what an earlier run wrote there: a column of which a file has but nulls
    would have no type, and such files cannot be loaded together.
    """
    changed = dict(row)
    for name, value in extra.items():
        if value is None:
            if name.startswith(_OWN):  # an alias may be a column of the manifest's own
                changed.pop(name, None)
        else:
            changed[name] = value
    return changed


def raw_bytes(sample: Sample, encoding: str = "utf-8") -> bytes | None:
    """Return the bytes of a row that could not be parsed, as they were read; None if the row was parsed."""
    row = sample.row
    if sample.problem is None or RAW not in row or not set(row) <= {RAW, RAW_BYTES}:
        return None
    if RAW_BYTES in row:
        return base64.b64decode(row[RAW_BYTES])
    text = str(row[RAW])
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def link_or_copy(source: str, folder: Path, relative: str) -> None:
    """Make ``folder/relative`` the same file as ``source``: a hard link where possible, else a copy.

    Raises:
        OutputError: If the target lies outside ``folder`` or cannot be written.
    """
    target = folder / relative
    root = os.path.realpath(folder)
    if os.path.commonpath([root, os.path.realpath(target.parent)]) != root or not is_inside(relative):
        raise OutputError(f"refusing to write {relative!r}: it is outside {folder}.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        real = os.path.realpath(source)
        if target.exists() and os.path.samefile(real, target):
            return
        target.unlink(missing_ok=True)
        try:
            os.link(real, target)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            shutil.copyfile(real, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}.") from error


def _file_of(ref: MediaRef | None) -> str | None:
    """Return where a medium is if it is a file of its own, not part of an archive or table."""
    return ref.uri if ref is not None and ref.member is None else None


def _is_path(name: str) -> bool:
    return bool(name) and len(name) <= 4096 and "\0" not in name and "\n" not in name


def _name_of(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        value = value.get("path")
    return value if isinstance(value, str) else ""


def _with_path(value: object, path: str) -> object:
    if isinstance(value, str):
        return path
    if isinstance(value, list):
        return [_with_path(item, path) for item in value]
    if isinstance(value, Mapping):
        return {**value, "path": path}
    return path
