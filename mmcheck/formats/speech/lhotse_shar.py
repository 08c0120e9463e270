"""Lhotse Shar: folders of ``cuts.000000.jsonl.gz`` beside ``recording.000000.tar``, item by item in one order.

What is written without ``--write-media`` is a listing of the cuts that says where each recording lies: Lhotse wants the
two files of a shard to have the same items, so a part of a shard wants new tars, which ``--write-media`` makes.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_row import JsonRow
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import RowFault, shown
from mmcheck.formats.jsonl import first_objects, json_line, json_rows
from mmcheck.formats.output_rows import raw_bytes
from mmcheck.formats.paths import folder_of, is_folder, join_under
from mmcheck.formats.rows import until_break
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.lhotse import cut_samples
from mmcheck.formats.speech.lhotse_rows import channel_of_record, with_channel, with_custom, with_supervised_text
from mmcheck.formats.speech.utterances import UtteranceMaker
from mmcheck.formats.tar_groups import read_members
from mmcheck.formats.text_source import open_output

_CUTS = re.compile(r"cuts\.(?P<number>.+?)\.jsonl(?:\.gz|\.zst)?$")
_TAR, _MEMBER = "mmcheck_tar", "mmcheck_member"
"""Keys of ``custom`` in a listing: where the recording of a cut lies."""


class SharFormat:
    """A Shar folder, one of its files of cuts, or a listing that mmcheck wrote of one.

    Args:
        options: Input options.
    """

    name = "shar"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a folder of such shards, a shard's cuts, or a listing."""
        files = _shards(manifest)[:1] if is_folder(manifest) else [manifest]
        return Recognised.SIGNATURE if any(map(_is_shar, files)) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield a sample for each supervision, shard by shard; ``row_number`` is the line of its cut.

        Raises:
            ManifestError: If there is no shard, or one cannot be read.
        """
        shards = _shards(manifest) if is_folder(manifest) else [manifest]
        if not shards:
            raise ManifestError(
                f"folder {manifest} holds no Shar (cuts.000000.jsonl.gz).", hint="give the folder of the shards."
            )
        for shard in shards:
            yield from until_break(shard, self._samples(shard))

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
        """Write a listing of the cuts, or with ``write_media`` a Shar folder with the recordings' own bytes.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name of the folder, or of the listing.
            output: Output options.
            manifest: The input.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        if not output.write_media:
            final = folder / f"{stem}.jsonl.gz"
            with open_output(final) as file:
                for out in rows:
                    file.write(self._line(out, listed=True) + b"\n")
            return [final]
        files: list[Path] = []
        for number, (source, group) in enumerate(groupby(rows, lambda out: out.sample.manifest)):
            files += self._write_shard(group, source, folder / stem, number)
        return files or self._write_shard((), "", folder / stem, 0)

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another text of its supervision; None if it is not there."""
        return with_supervised_text(sample.row, sample.transcript, text)

    def _write_shard(self, rows: Iterable[OutputRow], source: str, place: Path, number: int) -> list[Path]:
        cuts, tar = place / f"cuts.{number:06d}.jsonl.gz", place / f"recording.{number:06d}.tar"
        wanted: list[tuple[OutputRow, str, str]] = []
        for out in rows:
            ref = out.sample.audio
            if ref is not None and ref.member is not None:
                wanted.append((out, ref.uri, ref.member))
        with open_output(cuts) as file, open_output(tar) as sink:
            with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                # A shard comes of one tar; a listing may name several.
                for origin, group in groupby(wanted, lambda one: one[1]):
                    found = list(group)
                    pairs = _pairs(origin, {member for _, _, member in found})
                    for out, _, member in found:
                        for name, data in next((pair for pair in pairs if pair[0][0] == member), ()):
                            header = tarfile.TarInfo(name)
                            header.size = len(data)
                            archive.addfile(header, io.BytesIO(data))
                        file.write(self._line(out, listed=False) + b"\n")
        return [cuts, tar]

    def _line(self, out: OutputRow, *, listed: bool) -> bytes:
        sample = out.sample
        raw = raw_bytes(sample, self._options.encoding)
        if raw is not None:
            return raw
        place: RowDict = {}
        if listed and sample.audio is not None and sample.audio.member is not None:
            place = {_TAR: sample.audio.uri, _MEMBER: sample.audio.member}
        extra = {**out.extra, **place} if listed else {**out.extra, **_unlisted(sample.row)}
        source = sample.row if isinstance(sample.row, JsonRow) else None
        return json_line(dict(with_custom(sample.row, extra)), self._options.encoding, source)

    def _samples(self, shard: str) -> Iterator[Sample]:
        maker = UtteranceMaker(shard, self._options)
        tars = _Tars(shard)
        for raw in json_rows(shard, self._options.encoding):
            if raw.cause is not None:
                yield maker.broken(raw)
                continue
            try:
                yield from cut_samples(maker, raw, tars.ref)
            except RowFault as fault:
                id = raw.row.get("id")
                yield maker.problem(raw.number, raw.row, fault.cause, fault.message, id=str(id) if id else None)


class _Tars:
    """Finds the recordings of the cuts of one shard; in the order of the tar, nothing but the present one is held."""

    def __init__(self, shard: str) -> None:
        self._tar = _tar_beside(shard)
        self._items = _items(self._tar) if self._tar is not None else iter(())
        self._held: dict[str, MediaRef | None] = {}
        self._last: tuple[str, MediaRef | None] | None = None
        self._listed: dict[str, _Listing] = {}

    def ref(self, cut: Row, channel: object) -> MediaRef:
        """Return the recording of a cut, of the channel that is meant.

        Raises:
            RowFault: If the tar has none of it.
        """
        id = str(cut.get("id"))
        listed = _listed_place(cut)
        found = self._in_listing(*listed) if listed is not None else self._find(id)
        if found is None:
            where = listed[0] if listed is not None else self._tar
            what = f"not in {where}" if where is not None else "and there is no recording.*.tar beside its cuts"
            raise RowFault("missing_media", f"has no recording: {id!r} is {what}".replace("is and", "has none, and"))
        recording = cut.get("recording")
        sources = recording.get("sources") if isinstance(recording, Mapping) else None
        source = sources[0] if isinstance(sources, list) and sources and isinstance(sources[0], Mapping) else {}
        return with_channel(found, source, channel_of_record(channel))

    def _find(self, id: str) -> MediaRef | None:
        if self._last is not None and self._last[0] == id:
            return self._last[1]
        if id not in self._held:
            for key, ref in self._items:
                if key == id:
                    self._last = (id, ref)
                    return ref
                self._held.setdefault(key, ref)
        self._last = (id, self._held.pop(id, None))
        return self._last[1]

    def _in_listing(self, tar: str, member: str) -> MediaRef | None:
        if tar not in self._listed:
            self._listed.clear()
            self._listed[tar] = _Listing(tar)
        return self._listed[tar].refs.get(member)


class _Listing:
    """The members of a tar that a listing names."""

    def __init__(self, tar: str) -> None:
        self.refs: dict[str, MediaRef] = {}
        try:
            self.refs = {ref.member: ref for _, ref in _items(tar) if ref is not None and ref.member is not None}
        except ManifestError:
            return


def _items(tar: str) -> Iterator[tuple[str, MediaRef | None]]:
    """Yield the id and place of each recording of a tar; the place is None where the tar says that there is none."""
    for info, offset, _ in read_members(tar, lambda _info: False):
        stem, suffix = posixpath.splitext(info.name)
        if not info.isreg() or suffix in (".json", ".nometa") or ".." in info.name.split("/"):
            continue
        size = info.size if offset is not None else None
        yield stem, None if suffix == ".nodata" else MediaRef(uri=tar, member=info.name, offset=offset, size=size)


def _pairs(tar: str, members: set[str]) -> Iterator[list[tuple[str, bytes]]]:
    """Yield data and record of each wanted member of a tar, as they stand."""
    stems = {posixpath.splitext(name)[0] for name in members}
    pair: list[tuple[str, bytes]] = []
    for info, _, data in read_members(tar, lambda info: posixpath.splitext(info.name)[0] in stems):
        if data is not None:
            pair.append((info.name, data))
        if len(pair) == 2:
            yield pair
            pair = []


def _listed_place(cut: Row) -> tuple[str, str] | None:
    custom = cut.get("custom")
    if not isinstance(custom, Mapping) or _TAR not in custom:
        return None
    tar, member = custom.get(_TAR), custom.get(_MEMBER)
    if not isinstance(tar, str) or not isinstance(member, str):
        raise RowFault("missing_media", f"names no recording: {_TAR} is {shown(tar)}")
    return tar, member


def _unlisted(cut: Row) -> RowDict:
    custom = cut.get("custom")
    return {name: None for name in (_TAR, _MEMBER) if isinstance(custom, Mapping) and name in custom}


def _is_shar(file: str) -> bool:
    for row in first_objects(file, "utf-8", 1) or []:
        if "supervisions" not in row:
            return False
        custom, recording = row.get("custom"), row.get("recording")
        if isinstance(custom, Mapping) and _TAR in custom:
            return True
        sources = recording.get("sources") if isinstance(recording, Mapping) else None
        return isinstance(sources, list) and any(
            isinstance(one, Mapping) and one.get("type") == "shar" for one in sources
        )
    return False


def _shards(folder: str) -> list[str]:
    return [join_under(folder, name) for name in sorted(top_names(folder)) if _CUTS.match(name)]


def _tar_beside(shard: str) -> str | None:
    match = _CUTS.match(posixpath.basename(shard))
    if match is None:
        return None
    folder = folder_of(shard)
    names = top_names(folder)
    wanted = f"recording.{match['number']}.tar"
    return next((join_under(folder, name) for name in (wanted, f"{wanted}.gz") if name in names), None)
