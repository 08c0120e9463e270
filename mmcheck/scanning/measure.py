"""Measuring the samples of shards with every probe that has not measured them yet.

Decoding runs in threads ahead of the model, across the borders of shards, with a bounded number of samples in
flight. Batches never cross a shard's border and are filled in the samples' order, so a shard's values do not depend
on where a run was stopped.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from mmcheck.config import Config
from mmcheck.core.errors import MmcheckError, RunError
from mmcheck.core.types import Measurement, Sample, Shard
from mmcheck.scanning.batch_measuring import BatchMeasuring
from mmcheck.scanning.decoded_bytes import DecodedBytes
from mmcheck.scanning.equipment import Equipment
from mmcheck.scanning.open_shard import Decoded, OpenShard, SameAs
from mmcheck.scanning.partial_parts import Partial, PartialParts
from mmcheck.scanning.preparing import Preparing, shares_images
from mmcheck.scanning.same_bytes import LABEL
from mmcheck.scanning.shared_images import SharedImages
from mmcheck.store.run_folder import read_part
from mmcheck.store.schema import find_whole_labels, measurements_to_table, table_to_samples, write_part

_MAX_BYTES_AHEAD = 1 << 30
"""Bytes of decoded media and features in flight. Our own choice: bounds memory; an hour of sound is some 350 MB, so
counting samples would not do."""
_MAX_BYTES_WAITING = 1 << 29
"""Bytes waiting for one probe from which its batch is measured as it is. Our own choice: half of those in flight."""

# Failures that say nothing about the sample: another attempt may go well.
_PASSING_CAUSES = frozenset({"internal_error", "unreachable", "missing_dependency"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDone:
    """A shard whose measurements are stored."""

    shard: Shard
    num_samples: int
    model_seconds: Mapping[str, float]
    """Probe -> seconds that its model took since the last shard was stored."""


class ShardMeasuring:
    """Measures shards with the probes of this process.

    Args:
        out: The run folder.
        equipment: What this process measures with.
        fingerprints: Their fingerprints by name.
        config: The run's config.
        min_side: Images may be shrunk while decoding to no less than this on the shorter side, px; None: full size.
        retry_failed: Shards with a failed measurement count as not measured.
        all_shards: All shards of the run, for what rows of different shards share; None: nothing is shared.
    """

    def __init__(
        self,
        out: Path,
        equipment: Equipment,
        fingerprints: Mapping[str, str],
        config: Config,
        *,
        min_side: int | None = None,
        retry_failed: bool = False,
        all_shards: Sequence[Shard] = (),
    ) -> None:
        self._out = out
        self._equipment = equipment
        self._probes = probes = equipment.probes
        self._fingerprints = fingerprints
        self._config = config
        self._retry_failed = retry_failed
        self._shared = SharedImages(out, all_shards, fingerprints)
        self._shards_to_load = deque(all_shards)
        self._preparing = Preparing(probes, config, self._shared, min_side=min_side, reuse=equipment.reuse)
        self._batches = BatchMeasuring(probes, self._shared, self._preparing.prepare_whole)
        self._partial = PartialParts(out, probes, fingerprints, again=_PASSING_CAUSES, keep_failed=not retry_failed)

    def run(self, shards: Iterable[Shard]) -> Iterator[int | ShardDone]:
        """Yield the number of samples newly measured, and each shard when it is stored.

        Raises:
            OutputError: If a part cannot be written.
            UserError: If a probe finds its options or weights unusable.
        """
        # The cores that this process may use, where the system can tell (Linux); else all.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = self._config.run.workers or min(16, cores)
        ahead = max(4 * workers, 2 * max((p.batch_size for p in self._probes.values()), default=1))
        self._shared.open()
        feed = self._feed(shards)
        pending: deque[tuple[OpenShard, Sample, Future[Decoded]]] = deque()
        ready = DecodedBytes(_MAX_BYTES_AHEAD)
        numbers = itertools.count()
        current: OpenShard | None = None
        saved = monotonic()

        def decode(number: int, opened: OpenShard, sample: Sample) -> Decoded:
            ready.wait_for_room(number)
            decoded = self._preparing.prepare(sample, opened.probes, opened.row_of(sample.id))
            ready.put(decoded.num_bytes)
            return decoded

        pool = ThreadPoolExecutor(workers, thread_name_prefix="mmcheck-decode")
        try:
            while True:
                while len(pending) < ahead and (entry := next(feed, None)) is not None:
                    pending.append((*entry, pool.submit(decode, next(numbers), *entry)))
                if not pending:
                    return
                opened, sample, future = pending.popleft()
                decoded = future.result()
                ready.take(decoded.num_bytes)
                current = opened
                self._take(opened, sample, decoded)
                yield 1
                if opened.remaining and monotonic() - saved >= self._config.run.checkpoint_seconds:
                    self._save(opened)
                    saved = monotonic()
                if opened.remaining == 0:
                    self._store(opened)
                    current, saved = None, monotonic()
                    yield ShardDone(
                        shard=opened.shard,
                        num_samples=opened.shard.stop - opened.shard.start,
                        model_seconds=self._batches.take_seconds(),
                    )
        except BaseException:
            # Stopped: what is done stays done. What stopped it is told, not that this could not be written either.
            if current is not None:
                with suppress(MmcheckError):
                    self._save(current)
            raise
        finally:
            ready.close()
            pool.shutdown(wait=True, cancel_futures=True)

    def missing(self, shard: Shard) -> tuple[str, ...]:
        """Return the probes that have not measured ``shard`` with their present fingerprint, or must try again."""
        return tuple(name for name in self._probes if not self._is_measured(name, shard))

    def count_kept(self, name: str, shard: Shard) -> int:
        """Return how many samples of an unfinished shard a probe need not measure again."""
        return len(self._partial.load(name, shard).measurements)

    def _is_measured(self, name: str, shard: Shard) -> bool:
        labels = find_whole_labels(self._part(name, shard)) or {}
        if labels.get("fingerprint") != self._fingerprints[name]:
            return False
        failed = set(labels.get("failed", "").split(",")) - {""}
        return not (failed if self._retry_failed else failed & _PASSING_CAUSES)

    def _part(self, probe: str, shard: Shard) -> Path:
        return self._out / "measurements" / probe / shard.part

    def _feed(self, shards: Iterable[Shard]) -> Iterator[tuple[OpenShard, Sample]]:
        for shard in shards:
            self._load_keys(shard)
            probes = self.missing(shard)
            if not probes:
                continue
            self._equipment.open(probes)
            samples = self._samples_of(shard)
            order = {sample.id: number for number, sample in enumerate(samples)}
            before = {name: self._partial.load(name, shard, list(order)) for name in probes}
            kept = {name: len(partial.measurements) for name, partial in before.items()}
            start = min(kept.values())
            opened = OpenShard(
                shard=shard,
                probes=probes,
                remaining=len(samples) - start,
                order=order,
                found={name: [*before[name].measurements, *[None] * (len(samples) - kept[name])] for name in probes},
                kept=kept,
                borders={name: before[name].borders for name in probes},
                reused={name: before[name].reused for name in probes},
                waiting={name: [] for name in probes},
                bytes_waiting=dict.fromkeys(probes, 0),
                repeats={name: {} for name in probes},
            )
            # All probes prepare each of these samples, also those that have measured it: how much was decoded is a
            # ground on which batches end.
            for sample in samples[start:]:
                yield opened, sample

    def _take(self, opened: OpenShard, sample: Sample, decoded: Decoded) -> None:
        decoded = self._preparing.settle(sample, opened.probes, opened.row_of(sample.id), decoded)
        opened.remaining -= 1
        place = opened.order[sample.id]
        for name, outcome in decoded.outcomes.items():
            if place < opened.kept[name]:
                continue
            if name in decoded.reused:
                opened.reused[name].append(place)
            if isinstance(outcome, Measurement):
                opened.found[name][place] = outcome
            elif isinstance(outcome, SameAs):
                opened.repeats[name][place] = outcome
            else:
                opened.waiting[name].append(outcome)
                opened.bytes_waiting[name] += decoded.num_bytes
            # All three grounds depend on the samples' order alone, so a resumed run forms the same batches.
            is_full = len(opened.waiting[name]) >= self._probes[name].batch_size
            is_heavy = opened.bytes_waiting[name] >= _MAX_BYTES_WAITING
            if opened.waiting[name] and (opened.remaining == 0 or is_full or is_heavy):
                self._batches.measure(opened, name)
            if not opened.waiting[name]:
                opened.borders[name].append(place + 1)

    def _store(self, opened: OpenShard) -> None:
        for name in opened.probes:
            self._batches.repeat(opened, name, lambda: self._samples_of(opened.shard))
            measurements = [m for m in opened.found[name] if m is not None]
            if len(measurements) != opened.shard.stop - opened.shard.start:
                raise RunError(
                    f"shard {opened.shard.index}: {name} measured {len(measurements)} of "
                    f"{opened.shard.stop - opened.shard.start} samples.",
                    hint="this is a defect of mmcheck; please report it.",
                )
            probe = self._probes[name]
            table = measurements_to_table(measurements, probe.metrics, probe.traits.columns)
            failed = ",".join(sorted({m.cause for m in measurements if m.cause}))
            labels = {"fingerprint": self._fingerprints[name], "failed": failed}
            labels |= self._image_label(name, opened.shard)
            if opened.reused[name]:
                labels["reused"] = str(len(opened.reused[name]))
            write_part(self._part(name, opened.shard), table, labels)
            self._shared.keep(name, opened.shard.start, measurements)
        for name in opened.probes:
            self._partial.drop(name, opened.shard)

    def _save(self, opened: OpenShard) -> None:
        """Store what is measured of a shard that is not done."""
        if opened.remaining:
            for name in opened.probes:
                measured = self._batches.measured_so_far(opened, name)
                partial = Partial(measured, opened.borders[name], opened.reused[name])
                self._partial.save(name, opened.shard, partial, self._image_label(name, opened.shard))

    def _samples_of(self, shard: Shard) -> list[Sample]:
        return table_to_samples(read_part(self._out / "samples" / shard.part))

    def _load_keys(self, until: Shard) -> None:
        """Take up what is stored of the images of all shards up to one; the earlier ones may be another process'."""
        while self._shards_to_load and self._shards_to_load[0].index <= until.index:
            shard = self._shards_to_load.popleft()
            for name, probe in self._probes.items():
                if shares_images(probe):
                    self._shared.load_keys(name, shard, self._part(name, shard))
                    self._shared.load_keys(name, shard, self._partial.path(name, shard))

    def _image_label(self, name: str, shard: Shard) -> dict[str, str]:
        """Return what a part says of the bytes of its rows' images; nothing for probes that share none."""
        keys = self._shared.by_bytes.label(shard.start, shard.stop) if shares_images(self._probes[name]) else ""
        return {LABEL: keys} if keys else {}
