"""Mended manifests: the copy's rows in their own layout, without what was removed and with the right texts.

What was written is read again, and must hold every new text. A text that a layout cannot hold (a line end in a list of
lines) is taken back and told, and the row stays as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcheck.config import ColumnsConfig, Config, OutputConfig
from mmcheck.core.errors import ManifestError, RunError
from mmcheck.core.pair_kinds import KIND_OF
from mmcheck.core.types import Sample
from mmcheck.errata.record import text_digest
from mmcheck.errata.survey import Change
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.new_text import TextReplacer, changed_columns
from mmcheck.formats.open_format import make_format, open_format
from mmcheck.formats.paths import is_folder
from mmcheck.store.run_record import InputRecord

_FOLDERS = ("imagefolder", "audiofolder", "folder")
"""Formats that are folders of files; theirs are linked (or copied, to another disk) beside the mended rows."""
_ATTEMPTS = 3
"""Times that a manifest is written at most. Our own choice: the second takes back what the first could not write."""
OwnChanges = Mapping[int, tuple[Change, ...]]
"""Number of a sample -> what is done to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MendedManifest:
    """One manifest, written anew."""

    manifest: str
    format: str
    rows: int
    """Samples read."""
    removed: int
    changed: int
    files: tuple[Path, ...]
    not_written: Mapping[int, str]
    """Errata whose text some row of it cannot take, and where; it was changed by none of these."""


class ManifestWriter:
    """Writes mended manifests.

    Args:
        config: How manifests are read.
        output: How they are written.
        advance: Told of each sample that was read.
    """

    def __init__(self, config: Config, output: OutputConfig, advance: Callable[[int], None]) -> None:
        self._config = config
        self._output = output
        self._advance = advance

    def write(self, entry: InputRecord, changes: OwnChanges, place: Path, stem: str) -> MendedManifest:
        """Write one manifest below ``place``.

        Args:
            entry: The manifest.
            changes: What is done to its samples.
            place: The folder.
            stem: Name without suffix.

        Raises:
            ManifestError: If it was changed since it was looked through, or cannot be read.
            OutputError: If it cannot be written.
            RunError: If what was written does not hold what it should.
        """
        # Such a folder is its files: rows that name what is not there would be another layout.
        needs_files = entry.format in _FOLDERS and self._output.paths != "keep"
        output = self._output.model_copy(
            update={"columns": False, "write_media": self._output.write_media or needs_files}
        )
        not_written: dict[int, str] = {}
        for _ in range(_ATTEMPTS):
            mending = _Mending(self._config, entry, changes, not_written, self._advance)
            form = open_format(entry.format, self._config, base=entry.base)
            files = form.write(join_rows(mending), place, stem, output, manifest=entry.manifest, added={})
            failed = dict(mending.failed)
            for key in self._lacking(mending.written, _written_place(entry.manifest, place, stem, files)):
                failed |= dict(mending.written[key])
            if not failed:
                return MendedManifest(
                    manifest=entry.manifest,
                    format=entry.format,
                    rows=mending.rows,
                    removed=mending.removed,
                    changed=mending.changed,
                    files=tuple(files),
                    not_written=not_written,
                )
            not_written |= failed
        raise RunError(
            f"{entry.manifest} cannot be written with its new texts: what was written holds others.",
            hint="apply the errata without it, and please report this as a defect of mmcheck.",
        )

    def _lacking(self, written: Mapping[_TextKey, Sequence[tuple[int, str]]], place: str) -> list[_TextKey]:
        """Return the new texts that are not read where they were written."""
        if not written:
            return []
        left = Counter({key: len(errata) for key, errata in written.items()})
        for sample in self._read(place):
            for name, kind in KIND_OF.items():
                key = (name, text_digest(kind.text_of(sample)))
                if sample.problem is None and key in left:
                    left[key] -= 1
        return [key for key, count in left.items() if count > 0]

    def _read(self, place: str) -> Iterator[Sample]:
        """Yield the samples of what was written.

        A listing of tars or of a folder is in another format than these, with columns of its own.
        """
        own = self._config.input.model_copy(update={"format": "auto"})
        plain = own.model_copy(update={"columns": ColumnsConfig()})
        for options in (own, plain):
            try:
                yield from make_format(detect_format(place, options), options).read(place)
            except ManifestError as error:
                if options is plain or own.columns == plain.columns:
                    raise RunError(
                        f"{place} was written and cannot be read again: {error.message}",
                        hint="please report this as a defect of mmcheck.",
                    ) from error
            else:
                return


_TextKey = tuple[str, bytes]
"""Kind of pair and digest of a text."""


class _Mending:
    """The rows of one manifest on their way out."""

    def __init__(
        self,
        config: Config,
        entry: InputRecord,
        changes: OwnChanges,
        not_written: Mapping[int, str],
        advance: Callable[[int], None],
    ) -> None:
        self._form = open_format(entry.format, config, base=entry.base)
        self._replacer = TextReplacer(self._form, config.input.columns)
        self._manifest = entry.manifest
        self._changes = changes
        self._not_written = not_written
        self._advance = advance
        self.rows = self.removed = self.changed = 0
        self.failed: dict[int, str] = {}
        """Errata whose text a row has no place for, and where."""
        self.written: dict[_TextKey, list[tuple[int, str]]] = {}
        """New text -> the errata that wrote it, and where, once a row."""

    def __iter__(self) -> Iterator[OutputRow]:
        for ordinal, sample in enumerate(self._form.read(self._manifest)):
            self.rows += 1
            self._advance(1)
            changes = [one for one in self._changes.get(ordinal, ()) if one.erratum not in self._not_written]
            if not changes:
                yield OutputRow(sample=sample, extra={})
                continue
            self._check(sample, changes)
            if any(one.new_text is None for one in changes):
                self.removed += 1
                continue
            yield self._mended(sample, changes)
        if any(ordinal >= self.rows for ordinal in self._changes):
            raise self._was_changed()

    def _mended(self, sample: Sample, changes: Sequence[Change]) -> OutputRow:
        mended = sample
        for one in changes:
            new = self._replacer.replace(mended, one.kind, one.new_text or "")
            where = f"{sample.manifest}:{sample.row_number}"
            if new is None:
                self.failed.setdefault(one.erratum, where)
                continue
            mended = new
            key = (one.kind.name, text_digest(one.new_text))
            self.written.setdefault(key, []).append((one.erratum, where))
        changed = changed_columns(sample.row, mended.row)
        self.changed += mended is not sample
        return OutputRow(sample=mended, extra={}, changed=changed)

    def _check(self, sample: Sample, changes: Sequence[Change]) -> None:
        if any(text_digest(one.kind.text_of(sample)) != one.old for one in changes):
            raise self._was_changed()

    def _was_changed(self) -> ManifestError:
        return ManifestError(
            f"manifest {self._manifest} was changed while the errata were applied; nothing was written.",
            hint="apply them again when nothing else writes to it.",
        )


def _written_place(manifest: str, place: Path, stem: str, files: Sequence[Path]) -> str:
    """Return what a user would read of what was written: the folder where a folder was read, else the first file."""
    folder = place / stem
    return str(folder) if is_folder(manifest) and folder.is_dir() else str(files[0])
