"""NeMo's tarred sets: ``tarred_audio_manifest.json`` (or one manifest a shard) beside ``audio_0.tar`` ...

Each row names a member of the tar of its ``shard_id``. NeMo passes over members that the manifest does not name, so
what is written is the manifest alone, with links to the tars.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import MediaRef, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.jsonl import first_objects
from mmcheck.formats.nemo import NemoFormat
from mmcheck.formats.paths import folder_of, is_folder, join_under
from mmcheck.formats.rows import problem_sample
from mmcheck.formats.speech.glance import top_names
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.tar_groups import read_members

_MANIFEST = "tarred_audio_manifest.json"

_TAR = re.compile(r"(?:audio|cuts)_+(\d+)\.tar(?:\.gz)?$")
_PARTS = re.compile(r"-sub\d+(?=\.[^.]+$)")
"""What NeMo puts behind the name of a member that has several rows (segments of one recording)."""
_FOLDERS = (".", "..", "../audio", "audio")
"""Where tars lie, seen from a manifest: beside it, or above ``sharded_manifests/``."""


class NemoTarredFormat:
    """A tarred manifest, or the folder with it.

    Args:
        options: Input options.
    """

    name = "nemo_tarred"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._nemo = NemoFormat(options)

    def recognise(self, manifest: str) -> Recognised:
        """Return whether its rows have ``audio_filepath`` and ``shard_id``, or it is a folder with such a manifest."""
        if is_folder(manifest):
            names = top_names(manifest)
            return self.recognise(join_under(manifest, _MANIFEST)) if _MANIFEST in names else Recognised.NO
        rows = first_objects(manifest, "utf-8", 8) or []
        fits = any("audio_filepath" in row and isinstance(row.get("shard_id"), int) for row in rows)
        return Recognised.SIGNATURE if fits and _tars(manifest) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples in the order of the manifest; ``row_number`` is the line.

        Raises:
            ManifestError: If the manifest or a tar cannot be read.
        """
        file = join_under(manifest, _MANIFEST) if is_folder(manifest) else manifest
        tars = _tars(file)
        members: dict[str, MediaRef] = {}
        opened: int | None = None
        for sample in self._nemo.read(file):
            if sample.problem is not None or sample.audio is None:
                yield sample
                continue
            shard = sample.row.get("shard_id")
            if not isinstance(shard, int) or shard not in tars:
                message = f"names the shard {shard!r}, of which there is no tar beside the manifest"
                yield _problem(sample, "missing_media", message)
                continue
            if shard != opened:
                members, opened = _index(tars[shard]), shard
            name = sample.row.get("audio_filepath")
            if not isinstance(name, str):
                yield _problem(sample, "missing_column", "has no `audio_filepath`, which names the member of its tar")
                continue
            found = members.get(name) or members.get(_PARTS.sub("", name))
            if found is None:
                yield _problem(sample, "missing_media", f"names {name!r}, which is not in {tars[shard]}")
                continue
            ref = sample.audio
            yield replace(sample, audio=replace(found, start=ref.start, duration=ref.duration, channel=ref.channel))

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
        """Write the manifest with the members' names, and links to the tars beside it.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix; of a scanned folder, the name of what is written.
            output: Output options; with ``write_media`` the tars are hard links or copies.
            manifest: The input.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        is_whole = bool(manifest) and is_folder(manifest)
        place = folder / stem if is_whole else folder
        tars: dict[str, None] = {}
        source = join_under(manifest, _MANIFEST) if is_whole else manifest
        files = self._nemo.write(
            _noting(rows, tars),
            place,
            _MANIFEST.partition(".")[0] if is_whole else stem,
            output.model_copy(update={"write_media": False}),
            manifest=source or _MANIFEST,
            added=added,
            keep_paths=True,
        )
        # All of them, as NeMo wants every shard of its range; a set of which nothing is left needs none.
        wanted = dict.fromkeys(_tars(source).values()) if tars else {}
        for tar in {**wanted, **tars}:
            place_media(tar, place, posixpath.basename(tar), output)
        return files


def _noting(rows: Iterable[OutputRow], tars: dict[str, None]) -> Iterator[OutputRow]:
    for out in rows:
        if out.sample.audio is not None:
            tars[out.sample.audio.uri] = None
        yield out


def _problem(sample: Sample, cause: str, message: str) -> Sample:
    problem = problem_sample(sample.manifest, sample.row_number, cause, message, sample.row)
    return replace(problem, id=sample.id, own_id=sample.own_id)


def _index(tar: str) -> dict[str, MediaRef]:
    """Return the members of a tar by name; none where it cannot be read."""
    found: dict[str, MediaRef] = {}
    try:
        for info, offset, _ in read_members(tar, lambda _info: False):
            if info.isreg() and ".." not in info.name.split("/"):
                size = info.size if offset is not None else None
                ref = MediaRef(uri=tar, member=info.name, offset=offset, size=size)
                found[info.name.removeprefix("./")] = ref
    except ManifestError:
        return found
    return found


def _tars(manifest: str) -> dict[int, str]:
    """Return the tars that belong to a manifest, by the number of their shard."""
    if not manifest:
        return {}
    folder = folder_of(manifest)
    for place in _FOLDERS:
        where = join_under(folder, place)
        found = {
            int(match.group(1)): join_under(where, name)
            for name in sorted(top_names(where))
            if (match := _TAR.fullmatch(name))
        }
        if found:
            return found
    return {}
