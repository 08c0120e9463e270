"""Measurements of an earlier run for samples whose bytes and texts are the same: nothing is measured twice.

A dataset grows, is shuffled, or gets some captions mended; most of its pairs stay. A pair is known again by what the
measurements are made of: the medium's bytes, its segment, its texts and its language, wherever it lies and whatever
it is called. Reading and hashing the bytes is what it still costs (a segment of a recording is decoded, as its sound
is hashed), which is little beside a model's pass. A measurement is taken over only if it was made by the same probe
with the same options, weights and device.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.errors import ConfigError, MediaError, RunError, UserError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.progress import Progress
from mmcheck.core.types import Measurement, MediaRef, Sample, Shard, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.store.media_columns import DIGESTS
from mmcheck.store.reading import hold_for_reading
from mmcheck.store.run_folder import RunFolder, column_names, read_part
from mmcheck.store.run_record import RunRecord
from mmcheck.store.schema import find_labels, table_to_measurements, table_to_samples

_PARTS_IN_MEMORY = 64
"""Parts a probe that are kept as records. Our own choice: a grown manifest is met in the earlier order, so few are
needed."""


class EarlierRun:
    """The samples of an earlier run by their content. Safe to ask from several threads.

    Args:
        path: Its run folder; a run that was stopped midway gives what it has.
        progress: Receives progress reports.

    Raises:
        OutputError: If it is not a run folder.
        RunError: If it is damaged.
        UserError: If it holds no digests of media.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path = path
        self.folder = RunFolder(path)
        self.probes = self.folder.record.probes
        self._shards = self.folder.shards()
        self._keys, self._places = self._index(progress)
        self._usable: dict[str, str] = {}
        self._part = lru_cache(maxsize=_PARTS_IN_MEMORY)(self._read)

    def __len__(self) -> int:
        """Return how many samples can be known again."""
        return len(self._keys)

    @property
    def identity(self) -> str:
        """Return the digest of the work that the run belongs to."""
        return self.folder.record.identity

    def accept(self, record: RunRecord) -> None:
        """Choose the probes whose measurements may be taken over: those that would measure the same again.

        Args:
            record: The new run.
        """
        is_same_size = self.folder.record.min_side() == record.min_side()
        self._usable = {
            name: part.fingerprint
            for name, part in record.probes.items()
            if name in self.probes
            and part.settled == self.probes[name].settled
            # How far images were shrunk while decoding is no option of the media probe, but it sees it.
            and (name != "media" or is_same_size)
        }

    def find(self, key: bytes, probes: Iterable[str]) -> dict[str, Measurement]:
        """Return the earlier measurements of a sample, by probe; what failed is not among them.

        Args:
            key: The sample's ``content_key``.
            probes: The probes that are asked for.
        """
        place = self._place(key)
        if place is None:
            return {}
        number, row = place
        found = {}
        for name in probes:
            records = self._part(name, number) if name in self._usable else None
            if records is not None and records[row].status is not Status.FAILED:
                found[name] = records[row]
        return found

    def _place(self, key: bytes) -> tuple[int, int] | None:
        wanted = np.frombuffer(key, dtype="<u8")
        at = int(np.searchsorted(self._keys["first"], wanted[0]))
        while at < len(self._keys) and self._keys["first"][at] == wanted[0]:
            if self._keys["second"][at] == wanted[1]:
                return int(self._places[at, 0]), int(self._places[at, 1])
            at += 1
        return None

    def _read(self, probe: str, number: int) -> list[Measurement] | None:
        part = self.folder.measurements_part(probe, self._shards[number])
        labels = find_labels(part)
        if labels is None or labels.get("fingerprint") != self._usable[probe]:
            return None
        table = read_part(part, column_names(part))
        return table_to_measurements(table, probe)

    def _index(self, progress: Progress) -> tuple[NDArray[Any], NDArray[np.int32]]:
        if "media" not in self.probes:
            raise UserError(
                f"{self.path} cannot be reused: it holds no digests of its media.",
                hint="digests come from the probe `media`, which that scan left out; scan without --reuse.",
            )
        progress.phase(f"reading {self.path}", self.folder.record.rows)
        keys: list[bytes] = []
        places: list[tuple[int, int]] = []
        for number, shard in enumerate(self._shards):
            for row, key in self._shard_keys(shard):
                keys.append(key)
                places.append((number, row))
            progress.advance(shard.stop - shard.start)
        pairs = np.frombuffer(b"".join(keys), dtype=[("first", "<u8"), ("second", "<u8")])
        order = np.argsort(pairs, order=("first", "second"), kind="stable")
        return pairs[order], np.asarray(places, dtype=np.int32).reshape(-1, 2)[order]

    def _shard_keys(self, shard: Shard) -> Iterator[tuple[int, bytes]]:
        part = self.folder.measurements_part("media", shard)
        if not part.is_file():
            return
        samples = table_to_samples(read_part(self.folder.samples_part(shard)))
        stored = read_part(part, ["status", *(column.name for column in DIGESTS.values())])
        if stored.num_rows != len(samples):
            raise RunError(f"{part} does not belong to its samples.", hint="scan that run again.")
        if any(column.name not in stored.column_names for column in DIGESTS.values()):
            raise UserError(
                f"{self.path} cannot be reused: it was scanned by an earlier version, which kept digests of media in "
                "another way.",
                hint="scan without --reuse.",
            )
        digests = {half: stored[column.name].to_pylist() for half, column in DIGESTS.items()}
        for row, sample in enumerate(samples):
            key = content_key(sample, {half: rows[row].hex() for half, rows in digests.items() if rows[row]})
            if key is not None:
                yield row, key


class Reuse:
    """What a scan may take over from earlier runs.

    Args:
        runs: They are asked in this order.
    """

    def __init__(self, runs: Sequence[EarlierRun]) -> None:
        self._runs = runs

    def find(self, media: SampleMedia, probes: Collection[str]) -> dict[str, Measurement]:
        """Return measurements of the same content, under the sample's own id; empty if its media cannot be read.

        Args:
            media: The sample's media.
            probes: The probes that are asked for.
        """
        sample = media.sample
        digests = {}
        try:
            for kind in PAIR_KINDS:
                if kind.medium_of(sample) is not None:
                    digests[kind.medium] = media.digest(kind.medium)
        except MediaError:
            return {}
        key = content_key(sample, digests)
        if key is None:
            return {}
        found: dict[str, Measurement] = {}
        for run in self._runs:
            found |= run.find(key, [name for name in probes if name not in found])
        return {name: replace(record, sample_id=sample.id) for name, record in found.items()}


@contextmanager
def open_earlier(paths: Sequence[Path], out: Path, progress: Progress) -> Iterator[list[EarlierRun]]:
    """Give the runs at ``paths``, which nobody writes to meanwhile.

    Raises:
        ConfigError: If one of them is the run folder ``out`` itself.
        OutputError: If one is not a run folder, or in use.
        RunError: If one is damaged.
        UserError: If one holds no digests of media.
    """
    with ExitStack() as held:
        runs = []
        for path in paths:
            if path.resolve() == out.resolve():
                raise ConfigError(
                    f"--reuse names the run folder that is written to, {path}.",
                    hint="give the grown dataset a new --out and --reuse the earlier one.",
                )
            RunFolder(path)
            held.enter_context(hold_for_reading(path))
            runs.append(EarlierRun(path, progress))
        yield runs


def content_key(sample: Sample, digests: Mapping[str, str]) -> bytes | None:
    """Return 16 bytes that are equal for samples which every probe would measure alike.

    Args:
        sample: The sample.
        digests: SHA-256 of its media, by their columns.

    Returns:
        Their hash (BLAKE2b); None for a broken row, a sample without media, or one whose media have no digest.
    """
    refs = {kind.medium: kind.medium_of(sample) for kind in PAIR_KINDS}
    if sample.problem is not None or sample.further or not any(refs.values()):
        return None
    media = []
    for half, ref in refs.items():
        if ref is not None and half not in digests:
            return None
        media.append(_describe(ref, digests[half]) if ref is not None else None)
    # NeMo's duration is measured against the recording, see the media probe.
    declared = sample.row.get("duration") if "audio_filepath" in sample.row else None
    texts = [kind.text_of(sample) for kind in PAIR_KINDS]
    content = [*media, *texts, sample.language, declared]
    text = json.dumps(content, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _describe(ref: MediaRef, digest: str) -> list[Any]:
    # The ending of the name is measured too (media.wrong_suffix). A Parquet cell's name ends in its row: no ending.
    ending = Path(ref.name.split("?", 1)[0]).suffix.lower()
    return [digest, ending if ending[1:].isalnum() else "", ref.start, ref.duration, ref.channel]


def count_reused(out: Path, probes: Iterable[str], shards: Iterable[Shard]) -> dict[str, int]:
    """Return how many of a run's stored measurements were taken over, by probe, as their parts say."""
    counts = dict.fromkeys(probes, 0)
    for shard in shards:
        for name in counts:
            labels = find_labels(out / "measurements" / name / shard.part) or {}
            counts[name] += int(labels.get("reused", "0"))
    return {name: count for name, count in counts.items() if count}
