"""Where the media of an export come from and go to: a path, a link, a copy, a cut, or the bytes themselves.

Names depend on nothing but the row, and what stands there already with the same content is left as it is. So an export
gives the same files each time, one that was interrupted copies nothing twice, and no list of names is kept in memory.
"""

from __future__ import annotations

import filecmp
import os
import posixpath
import shutil
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mmcheck.core.atomic import atomic_path
from mmcheck.core.digests import digest_bytes
from mmcheck.core.errors import MediaError, OutputError, UserError
from mmcheck.core.inline_media import payload_kind
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef
from mmcheck.export.media_names import as_written, last_part, png, safe_name, suffix_of
from mmcheck.export.records import ExportRow, MediaBytes, Placed, TargetOptions, TargetTraits
from mmcheck.formats.paths import folder_of, is_folder
from mmcheck.formats.text_source import is_url
from mmcheck.media.audio_cut import cut_audio
from mmcheck.media.audio_shape import AudioShape, read_shape
from mmcheck.media.source import MediaSource
from mmcheck.media.suffixes import known_ending

_A_FOLDER = 10_000  # media cut or unpacked into one folder; our own choice: file browsers show so many


class _Part(NamedTuple):
    """Which part of a recording a written row states."""

    start: float | None = None
    duration: float | None = None
    channel: int | None = None


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
        self._shape: tuple[str, AudioShape] | None = None
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
        ref = _medium(row, kind)
        part = self._part(ref)
        if self._options.media == "reference":
            self._refuse_unnamed(row, kind, ref, part)
            return Placed(path=self._named(row, ref), file=ref.uri, here=ref.uri, **part._asdict())
        whole = ref if part == _WHOLE else MediaRef(uri=ref.uri, member=ref.member, offset=ref.offset, size=ref.size)
        if self._last is not None and self._last[0] == whole and name is None:
            relative = self._last[1]
        else:
            relative = self._put(row, kind, whole, name, rename, suffixes)
            self._last = (whole, relative) if name is None else None
        final = self._options.final / relative
        return Placed(
            path=relative if self._options.paths == "relative" else str(final),
            file=str(final),
            here=str(self._folder / relative),
            **part._asdict(),
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
        return self._content(row, kind, _medium(row, kind), suffixes)

    def names_part(self, row: ExportRow) -> bool:
        """Return whether a written row will state a start or length, because its recording is not cut."""
        part = self._part(_medium(row, row.kind))
        return part.start is not None or part.duration is not None

    def shape(self, placed: Placed) -> AudioShape:
        """Return rate, channels and length of a recording's file, by its header.

        Raises:
            MediaError: If it cannot be opened: leave the row out.
        """
        # Segments of one recording follow each other.
        if self._shape is None or self._shape[0] != placed.here:
            is_remote = is_url(placed.here)
            source = self._source.read(MediaRef(uri=placed.here)) if is_remote else placed.here
            self._shape = (placed.here, read_shape(source))
        return self._shape[1]

    def seconds(self, row: ExportRow, placed: Placed) -> float:
        """Return the length of a recording, or of the part of it that a written row states, in seconds.

        Raises:
            MediaError: If nothing measured it, and the file cannot be opened: leave the row out.
        """
        # A part may reach beyond the end of its recording; what counts is what is there.
        there = row.facts.get("duration")
        if there is None and placed.duration is not None and is_url(placed.here):
            return placed.duration
        if there is None:
            there = self.shape(placed).duration - (placed.start or 0.0)
        if there <= 0:
            raise MediaError(f"the segment begins at {placed.start:g} s, behind the end", cause="segment_outside")
        return there if placed.duration is None else min(there, placed.duration)

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
        elif is_url(ref.uri) and not self._traits.takes_urls:
            what = f"is at an address ({ref.uri}), where readers of this format do not look"
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
        return as_written(row, ref) or ref.uri

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
        if _part_of(ref) == _WHOLE and not _is_plain_file(ref):
            self.done["unpacked"] += 1
        return f"{stem}{found.suffix}"

    def _content(self, row: ExportRow, kind: PairKind, ref: MediaRef, suffixes: Collection[str]) -> MediaBytes:
        data = self._source.read(ref, manifest=row.sample.manifest)
        name = last_part(ref)
        if _part_of(ref) != _WHOLE:
            sound = cut_audio(data, start=ref.start, duration=ref.duration, channel=ref.channel)
            self.done["cut"] += 1
            return MediaBytes(data=sound, suffix=".wav", name=name)
        suffix = suffix_of(data, name, kind)
        if suffixes and suffix not in suffixes:
            self.done["converted"] += 1
            if kind.is_seen:
                return MediaBytes(data=png(data, self._max_pixels), suffix=".png", name=name)
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
                return safe_name(inside)
        folder, name = os.path.split(ref.uri)
        return f"{digest_bytes(os.fsencode(folder))[:8]}/{safe_name(name)}"

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


def _medium(row: ExportRow, kind: PairKind) -> MediaRef:
    """Return where a row's medium is; the first channel of a recording that has but one is the recording."""
    ref = row.medium(kind)
    return replace(ref, channel=None) if ref.channel == 0 and row.facts.get("channels") == 1 else ref


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
