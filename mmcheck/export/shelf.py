"""Where the media of an export come from and go to: a path, a link, a copy, a cut, or the bytes themselves.

Names depend on nothing but the row, and what stands there already with the same content is left as it is. So an export
gives the same files each time, one that was interrupted copies nothing twice, and no list of names is kept in memory.
"""

from __future__ import annotations

import filecmp
import io
import os
import posixpath
import re
import shutil
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from mmcheck.core.atomic import atomic_path
from mmcheck.core.digests import digest_bytes
from mmcheck.core.errors import MediaError, OutputError, UserError
from mmcheck.core.inline_media import bytes_kind, payload_kind
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef
from mmcheck.export.records import ExportRow, TargetOptions, TargetTraits
from mmcheck.formats.paths import folder_of, is_folder
from mmcheck.formats.text_source import is_url
from mmcheck.media.audio_cut import cut_audio
from mmcheck.media.image import decode_image
from mmcheck.media.sniffing import sniff_image
from mmcheck.media.source import MediaSource
from mmcheck.media.suffixes import IMAGE_SUFFIXES, known_ending

_A_FOLDER = 10_000  # media cut or unpacked into one folder; our own choice: file browsers show so many
_SOUNDS = ((b"fLaC", 0, ".flac"), (b"OggS", 0, ".ogg"), (b"ID3", 0, ".mp3"), (b"WAVE", 8, ".wav"))
"""Magic number of a recording, its offset, and the ending of such files. Given by the formats."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


class _Part(NamedTuple):
    """Which part of a recording a written row states."""

    start: float | None = None
    duration: float | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A medium as a written row names it."""

    path: str
    """Path or URL, as ``--paths`` says."""
    file: str
    """Where it is once the export is in place: an absolute path or a URL."""
    start: float | None = None
    """First second of the part that is meant, where the target can say so; else the file is that part."""
    duration: float | None = None
    """Length of that part in seconds; None: to the end."""
    channel: int | None = None
    """0-based channel that is meant, where the target can say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaBytes:
    """A medium as the content of a file."""

    data: bytes
    """The bytes."""
    suffix: str
    """The ending that fits them, with its dot: ``.jpg``."""
    name: str
    """The last part of the name that it came from."""


class MediaShelf:
    """Places, cuts and reads the media of one export.

    Args:
        options: What was asked for.
        traits: What the target can say of a medium.
        folder: Where the export is made, before it is moved to ``options.final``.
    """

    def __init__(self, options: TargetOptions, traits: TargetTraits, folder: Path) -> None:
        self._options = options
        self._traits = traits
        self._folder = folder
        self._source = MediaSource(allow_remote=options.config.input.allow_remote)
        self._max_pixels = options.config.probes.media.max_pixels
        self._bases: dict[str, str] = {}
        self._last: tuple[MediaRef, str] | None = None
        self.done: Counter[str] = Counter()
        """What was done with media beyond naming, linking or copying them -> how often: ``unpacked``, ``cut``,
        ``converted``."""

    def close(self) -> None:
        """Close what is open."""
        self._source.close()

    def file(
        self,
        row: ExportRow,
        kind: PairKind | None = None,
        *,
        name: str | None = None,
        rename: Callable[[str], str] = str,
        suffixes: Collection[str] = (),
    ) -> Placed:
        """Return how a written row names its medium; in the modes ``link`` and ``copy`` the file is put there.

        Args:
            row: The row.
            kind: Which of its media; None: the first.
            name: Place below the export without its ending; None: the place that it has below its manifest, or, for
                what is cut or unpacked, its number in the run.
            rename: Changes the relative path that a file would get.
            suffixes: Endings that the target's readers take, with dots; other media are written as PNG or WAV. Empty:
                any.

        Raises:
            MediaError: If the medium cannot be read: leave the row out.
            UserError: If the medium has no path of its own and ``--media reference`` was asked for.
        """
        kind = kind or row.kind
        ref = row.medium(kind)
        part = self._part(ref)
        if self._options.media == "reference":
            self._refuse_unnamed(row, kind, ref, part)
            return Placed(path=self._named(row, ref), file=ref.uri, **part._asdict())
        whole = ref if part == _WHOLE else MediaRef(uri=ref.uri, member=ref.member, offset=ref.offset, size=ref.size)
        if self._last is not None and self._last[0] == whole and name is None:
            relative = self._last[1]
        else:
            relative = self._put(row, kind, whole, name, rename, suffixes)
            self._last = (whole, relative) if name is None else None
        final = self._options.final / relative
        return Placed(
            path=relative if self._options.paths == "relative" else str(final), file=str(final), **part._asdict()
        )

    def data(self, row: ExportRow, kind: PairKind | None = None, *, suffixes: Collection[str] = ()) -> MediaBytes:
        """Return a medium's bytes: the file as it is, or cut where the row is about a part of a recording.

        Args:
            row: The row.
            kind: Which of its media; None: the first.
            suffixes: As for ``file``.

        Raises:
            MediaError: If it cannot be read: leave the row out.
        """
        kind = kind or row.kind
        return self._content(row, kind, row.medium(kind), suffixes)

    def _part(self, ref: MediaRef) -> _Part:
        """Return the part of a recording that a written row will state; empty values where a file has to be cut."""
        is_segment = ref.start is not None or ref.duration is not None
        if is_segment and not self._traits.has_offsets:
            return _WHOLE
        if ref.channel is not None and not self._traits.has_channels:
            return _WHOLE
        return _part_of(ref)

    def _refuse_unnamed(self, row: ExportRow, kind: PairKind, ref: MediaRef, part: _Part) -> None:
        what = ""
        if payload_kind(ref.uri):
            what = f"stands in the manifest itself ({row.sample.manifest})"
        elif ref.member is not None:
            what = f"lies inside {ref.uri}"
        elif part == _WHOLE and _part_of(ref) != _WHOLE:
            what = f"is a part of {ref.uri}, which this format cannot say"
        if what:
            raise UserError(
                f"the {kind.medium_noun} of row {row.sample.id!r} {what}, so there is no path to write.",
                hint="--media copy writes such media as files of their own.",
            )

    def _named(self, row: ExportRow, ref: MediaRef) -> str:
        if is_url(ref.uri) or self._options.paths == "absolute":
            return ref.uri
        if self._options.paths == "relative":
            return Path(os.path.relpath(ref.uri, self._options.final)).as_posix()
        return _as_written(row, ref) or ref.uri

    def _put(
        self,
        row: ExportRow,
        kind: PairKind,
        ref: MediaRef,
        name: str | None,
        rename: Callable[[str], str],
        suffixes: Collection[str],
    ) -> str:
        """Put a medium below the export; return where, as a relative POSIX path."""
        if _is_plain_file(ref) and known_ending(ref.uri) and (not suffixes or known_ending(ref.uri) in suffixes):
            wanted = name + known_ending(ref.uri) if name is not None else self._inner(row, ref)
            if name is None and not wanted.startswith(f"{kind.media_noun}/"):
                wanted = f"{kind.media_noun}/{wanted}"
            if not os.path.isfile(ref.uri):
                raise MediaError(f"there is no file {ref.uri}", cause="missing")
            return self._place(wanted if name is not None else rename(wanted), ref.uri)
        found = self._content(row, kind, ref, suffixes)
        stem = name or f"{kind.media_noun}/{row.index // _A_FOLDER:05d}/{row.index:09d}"
        self._write(f"{stem}{found.suffix}", found.data)
        if _part_of(ref) == _WHOLE:
            self.done["unpacked"] += 1
        return f"{stem}{found.suffix}"

    def _content(self, row: ExportRow, kind: PairKind, ref: MediaRef, suffixes: Collection[str]) -> MediaBytes:
        data = self._source.read(ref, manifest=row.sample.manifest)
        name = _last_part(ref)
        if _part_of(ref) != _WHOLE:
            sound = cut_audio(data, start=ref.start, duration=ref.duration, channel=ref.channel)
            self.done["cut"] += 1
            return MediaBytes(data=sound, suffix=".wav", name=name)
        suffix = _suffix(data, name, kind)
        if suffixes and suffix not in suffixes:
            self.done["converted"] += 1
            if kind.is_seen:
                return MediaBytes(data=_png(data, self._max_pixels), suffix=".png", name=name)
            return MediaBytes(data=cut_audio(data), suffix=".wav", name=name)
        return MediaBytes(data=data, suffix=suffix, name=name)

    def _inner(self, row: ExportRow, ref: MediaRef) -> str:
        """Return the place of a file below its manifest; what lies elsewhere gets a folder named by a digest."""
        manifest = row.sample.manifest
        if manifest not in self._bases:
            self._bases[manifest] = manifest if is_folder(manifest) else folder_of(manifest)
        base = self._bases[manifest]
        if not is_url(base):
            inside = Path(os.path.relpath(ref.uri, base)).as_posix()
            if not inside.startswith("../"):
                return _UNSAFE.sub("_", inside)
        folder, name = os.path.split(ref.uri)
        return f"{digest_bytes(os.fsencode(folder))[:8]}/{_UNSAFE.sub('_', name)}"

    def _place(self, relative: str, source: str) -> str:
        """Link or copy a file; where another one has the name already, beside it under a number."""
        stem, suffix = posixpath.splitext(relative)
        count = 1
        while True:
            target = self._folder / relative
            if not os.path.lexists(target):
                break
            if _is_same(source, target):
                return relative
            count += 1
            relative = f"{stem}-{count}{suffix}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if self._options.media == "link":
                _link(os.path.realpath(source), target)
            else:
                with atomic_path(target) as temporary:
                    shutil.copyfile(source, temporary)
        except OSError as error:
            raise OutputError(
                f"cannot write {target}: {error.strerror or error}.", hint="choose another --out."
            ) from error
        return relative

    def _write(self, relative: str, data: bytes) -> None:
        with atomic_path(self._folder / relative) as temporary:
            temporary.write_bytes(data)


_WHOLE = _Part()


def _part_of(ref: MediaRef) -> _Part:
    return _Part(ref.start, ref.duration, ref.channel)


def _is_plain_file(ref: MediaRef) -> bool:
    is_inside = ref.member is not None or ref.offset is not None
    return _part_of(ref) == _WHOLE and not is_inside and not is_url(ref.uri) and not payload_kind(ref.uri)


def _link(source: str, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without hard links.
        target.symlink_to(source)


def _is_same(source: str, target: Path) -> bool:
    try:
        return os.path.samefile(source, target) or filecmp.cmp(source, target, shallow=False)
    except OSError:
        return False


def _as_written(row: ExportRow, ref: MediaRef) -> str | None:
    """Return the text by which a row names its medium; None if it names it in another way."""
    base = folder_of(row.sample.manifest)
    for value in row.sample.row.values():
        name = value.get("path") if isinstance(value, dict) else value
        if isinstance(name, str) and name and len(name) < len(ref.uri) + 1:
            if ref.uri in (name, os.path.abspath(name), os.path.normpath(os.path.join(base, name))):
                return name
    return None


def _last_part(ref: MediaRef) -> str:
    if payload_kind(ref.uri):
        return ""
    name = urlsplit(ref.uri).path if is_url(ref.uri) and ref.member is None else ref.name
    return _UNSAFE.sub("_", unquote(name.rsplit("/", 1)[-1]))


def _suffix(data: bytes, name: str, kind: PairKind) -> str:
    """Return the ending that fits a medium: by its content, else its own, else none that says more than its kind."""
    if kind.is_seen and (image_format := sniff_image(data)):
        return IMAGE_SUFFIXES[image_format][0]
    for magic, offset, suffix in _SOUNDS:
        if not kind.is_seen and data[offset : offset + len(magic)] == magic:
            return known_ending(name) if known_ending(name) in (".opus", ".oga") and suffix == ".ogg" else suffix
    return known_ending(name) or (".bin" if bytes_kind(data) is None else "")


def _png(data: bytes, max_pixels: int) -> bytes:
    buffer = io.BytesIO()
    decode_image(data, min_side=None, max_pixels=max_pixels).image.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
