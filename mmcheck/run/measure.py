"""The shard task: measure the samples of shards with every probe that has not measured them yet.

Decoding runs in threads ahead of the model, across the borders of shards, with a bounded number of samples in
flight. Batches never cross a shard's border and are filled in the samples' order, so a shard's values do not depend
on where a run was stopped. Failure isolation sits here and nowhere else: a batch that fails is measured one by one,
and the sample that fails becomes a ``failed`` measurement with its reason.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, perf_counter

import numpy as np

from mmcheck.config import Config
from mmcheck.core.errors import MediaError, MmcheckError, RunError, UserError
from mmcheck.core.types import Measurement, Sample, Shard, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import NotApplicable, Prepared, Probe
from mmcheck.run.decoded_bytes import DecodedBytes
from mmcheck.run.partial_parts import Partial, PartialParts
from mmcheck.run.reuse import Reuse
from mmcheck.run.shared_images import SharedImages
from mmcheck.store.run_folder import read_part
from mmcheck.store.schema import find_whole_labels, measurements_to_table, table_to_samples, write_part


@dataclass(frozen=True, slots=True)
class _SameAs:
    """The values are those of an earlier row, which has the same image."""

    row: int


_Outcome = Prepared | Measurement | _SameAs

# Decoded media and features in flight; an hour of sound is some 350 MB, so counting samples would not do.
_MAX_BYTES_AHEAD = 1 << 30
_MAX_BYTES_WAITING = 1 << 29

# Failures that say nothing about the sample: another attempt may go well.
_PASSING_CAUSES = frozenset({"internal_error", "unreachable", "missing_dependency"})


@dataclass(slots=True)
class _OpenShard:
    """A shard on its way: which probes still owe it values, and what there is so far."""

    shard: Shard
    probes: tuple[str, ...]
    remaining: int
    order: dict[str, int]
    found: dict[str, list[Measurement | None]]
    kept: dict[str, int]
    """Samples that each probe had measured before, from the first one on."""
    borders: dict[str, list[int]]
    """Samples that each probe had measured at the end of each of its batches."""
    reused: dict[str, list[int]]
    """Places of the measurements that each probe took over from an earlier run."""
    waiting: dict[str, list[Prepared]] = field(default_factory=dict)
    bytes_waiting: dict[str, int] = field(default_factory=dict)
    repeats: dict[str, dict[int, _SameAs]] = field(default_factory=dict)
    """Probe -> row of the shard -> the row whose values it shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoded:
    """What the decoding thread made of one sample."""

    outcomes: dict[str, _Outcome]
    num_bytes: int
    reused: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDone:
    """A shard whose measurements are stored."""

    shard: Shard
    num_samples: int


class MeasureTask:
    """Measures shards; hand it any part of a run's shards, in any process.

    Args:
        out: The run folder.
        probes: Open probes by name.
        fingerprints: Their fingerprints by name.
        config: The run's config.
        min_side: Images may be shrunk while decoding to no less than this on the shorter side, px; None: full size.
        retry_failed: Shards with a failed measurement count as not measured.
        reuse: Gives measurements of earlier runs; None: everything is measured.
        all_shards: All shards of the run, for what rows of different shards share; None: nothing is shared.
    """

    def __init__(
        self,
        out: Path,
        probes: Mapping[str, Probe],
        fingerprints: Mapping[str, str],
        config: Config,
        *,
        min_side: int | None = None,
        retry_failed: bool = False,
        reuse: Reuse | None = None,
        all_shards: Sequence[Shard] = (),
    ) -> None:
        self._out = out
        self._probes = probes
        self._fingerprints = fingerprints
        self._config = config
        self._source = MediaSource(allow_remote=config.input.allow_remote)
        self._min_side = min_side
        self._retry_failed = retry_failed
        self._reuse = reuse
        self._all_shards = all_shards
        self._shared = SharedImages(out, (), fingerprints)
        self._partial = PartialParts(out, probes, fingerprints, again=_PASSING_CAUSES, keep_failed=not retry_failed)
        self.seconds: dict[str, float] = dict.fromkeys(probes, 0.0)

    def __call__(self, shards: Iterable[Shard]) -> Iterator[int | ShardDone]:
        """Yield the number of samples newly measured, and each shard when it is stored.

        Raises:
            OutputError: If a part cannot be written.
            UserError: If a probe finds its options or weights unusable.
        """
        # The cores that this process may use, where the system can tell (Linux); else all.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = self._config.run.workers or min(16, cores)
        ahead = max(4 * workers, 2 * max((p.batch_size for p in self._probes.values()), default=1))
        self._shared = SharedImages(self._out, self._all_shards, self._fingerprints)
        feed = self._feed(shards)
        pending: deque[tuple[_OpenShard, Sample, Future[_Decoded]]] = deque()
        ready = DecodedBytes(_MAX_BYTES_AHEAD)
        numbers = itertools.count()
        current: _OpenShard | None = None
        saved = monotonic()

        def decode(number: int, sample: Sample, probes: Sequence[str], first: int | None) -> _Decoded:
            ready.wait_for_room(number)
            decoded = self._prepare(sample, probes, first)
            ready.put(decoded.num_bytes)
            return decoded

        pool = ThreadPoolExecutor(workers, thread_name_prefix="mmcheck-decode")
        try:
            while True:
                while len(pending) < ahead and (entry := next(feed, None)) is not None:
                    opened, sample = entry
                    first = self._shared.first_row(opened.shard.start + opened.order[sample.id])
                    decoding = pool.submit(decode, next(numbers), sample, opened.probes, first)
                    pending.append((opened, sample, decoding))
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
                    yield ShardDone(shard=opened.shard, num_samples=opened.shard.stop - opened.shard.start)
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

    def drop_partial(self) -> None:
        """Remove what is left of the partial parts of shards, once all shards are done."""
        self._partial.drop_all()

    def _is_measured(self, name: str, shard: Shard) -> bool:
        labels = find_whole_labels(self._part(name, shard)) or {}
        if labels.get("fingerprint") != self._fingerprints[name]:
            return False
        failed = set(labels.get("failed", "").split(",")) - {""}
        return not (failed if self._retry_failed else failed & _PASSING_CAUSES)

    def _part(self, probe: str, shard: Shard) -> Path:
        return self._out / "measurements" / probe / shard.part

    def _feed(self, shards: Iterable[Shard]) -> Iterator[tuple[_OpenShard, Sample]]:
        for shard in shards:
            probes = self.missing(shard)
            if not probes:
                continue
            samples = table_to_samples(read_part(self._out / "samples" / shard.part))
            order = {sample.id: number for number, sample in enumerate(samples)}
            before = {name: self._partial.load(name, shard, list(order)) for name in probes}
            kept = {name: len(partial.measurements) for name, partial in before.items()}
            start = min(kept.values())
            opened = _OpenShard(
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

    def _prepare(self, sample: Sample, probes: Sequence[str], first: int | None) -> _Decoded:
        media = self._media_of(sample)
        known: Mapping[str, _Outcome] = self._known(media, probes)
        outcomes = {name: known.get(name) or self._prepare_one(name, media, first) for name in probes}
        return _Decoded(outcomes=outcomes, num_bytes=media.num_bytes(), reused=frozenset(known))

    def _media_of(self, sample: Sample) -> SampleMedia:
        return SampleMedia(
            sample,
            self._source,
            min_side=self._min_side,
            max_pixels=self._config.probes.media.max_pixels,
            max_audio_seconds=self._config.probes.media.max_audio_seconds,
            max_decode_seconds=self._config.probes.media.max_decode_seconds,
        )

    def _known(self, media: SampleMedia, probes: Sequence[str]) -> Mapping[str, Measurement]:
        if self._reuse is None:
            return {}
        try:
            return self._reuse.find(media, probes)
        except Exception:  # noqa: BLE001 - what cannot be taken over is measured, and fails there if it must
            return {}

    def _prepare_one(self, name: str, media: SampleMedia, first: int | None) -> _Outcome:
        """Return what the probe makes of a sample; ``first`` is an earlier row with the same image."""
        probe = self._probes[name]
        if first is None:
            return self._prepare_whole(name, media)
        if getattr(probe, "of_image_alone", False):
            return _SameAs(first)
        if not hasattr(probe, "prepare_again"):
            return self._prepare_whole(name, media)
        prepared = self._prepare_with(name, media, probe.prepare_again)
        return replace(prepared, first=first) if isinstance(prepared, Prepared) else prepared

    def _prepare_whole(self, name: str, media: SampleMedia) -> Prepared | Measurement:
        return self._prepare_with(name, media, self._probes[name].prepare)

    def _prepare_with(
        self, name: str, media: SampleMedia, prepare: Callable[[SampleMedia], object]
    ) -> Prepared | Measurement:
        sample = media.sample
        if sample.problem is not None:
            return Measurement.not_applicable(sample.id, name, "the manifest row is broken")
        try:
            return Prepared(sample=sample, payload=prepare(media))
        except NotApplicable as reason:
            return Measurement.not_applicable(sample.id, name, str(reason))
        except MediaError as error:
            return Measurement.failed(sample.id, name, _told(error), error.cause)
        except Exception as error:  # noqa: BLE001 - one sample never ends a run
            return _internal_error(sample, name, error)

    def _take(self, opened: _OpenShard, sample: Sample, decoded: _Decoded) -> None:
        opened.remaining -= 1
        place = opened.order[sample.id]
        for name, outcome in decoded.outcomes.items():
            if place < opened.kept[name]:
                continue
            if name in decoded.reused:
                opened.reused[name].append(place)
            if isinstance(outcome, Measurement):
                opened.found[name][place] = outcome
            elif isinstance(outcome, _SameAs):
                opened.repeats[name][place] = outcome
            else:
                opened.waiting[name].append(outcome)
                opened.bytes_waiting[name] += decoded.num_bytes
            # All three grounds depend on the samples' order alone, so a resumed run forms the same batches.
            is_full = len(opened.waiting[name]) >= self._probes[name].batch_size
            is_heavy = opened.bytes_waiting[name] >= _MAX_BYTES_WAITING
            if opened.waiting[name] and (opened.remaining == 0 or is_full or is_heavy):
                self._measure(opened, name)
            if not opened.waiting[name]:
                opened.borders[name].append(place + 1)

    def _measure(self, opened: _OpenShard, name: str) -> None:
        batch, opened.waiting[name] = opened.waiting[name], []
        opened.bytes_waiting[name] = 0
        began = perf_counter()
        batch = self._with_images(opened, name, batch)
        place, found = opened.order, opened.found[name]
        try:
            measured = self._probes[name].measure(batch) if batch else []
            if len(measured) != len(batch):
                raise RuntimeError(f"{name} returned {len(measured)} measurements for {len(batch)} samples")
            for prepared, measurement in zip(batch, measured, strict=True):
                found[place[prepared.sample.id]] = measurement
        except UserError:
            raise
        except Exception:  # noqa: BLE001 - the culprit is found one by one
            for prepared in batch:
                for ready in self._with_images(opened, name, [prepared], is_alone=True):
                    found[place[ready.sample.id]] = self._measure_one(name, ready)
        self.seconds[name] += perf_counter() - began

    def _with_images(
        self, opened: _OpenShard, name: str, batch: Sequence[Prepared], *, is_alone: bool = False
    ) -> list[Prepared]:
        """Return a batch with the embeddings of images that earlier rows gave.

        A sample whose image failed there fails likewise, and is left out.

        Args:
            opened: The shard.
            name: The probe.
            batch: What is about to be measured.
            is_alone: Whether no earlier row is in the same batch.
        """
        found: list[Prepared] = []
        for prepared in batch:
            if prepared.first is None or prepared.image is not None:
                found.append(prepared)
                continue
            earlier = self._earlier(opened, name, prepared.first)
            if earlier is None and prepared.first >= opened.shard.start and not is_alone:
                found.append(prepared)  # the earlier row is in this very batch
            elif earlier is not None and earlier.status is Status.FAILED and "image" not in earlier.embeddings:
                same = replace(earlier, sample_id=prepared.sample.id)
                opened.found[name][opened.order[prepared.sample.id]] = same
            elif earlier is not None and "image" in earlier.embeddings:
                found.append(replace(prepared, image=np.asarray(earlier.embeddings["image"], dtype=np.float16)))
            else:
                outcome = self._prepare_whole(name, self._media_of(prepared.sample))
                if isinstance(outcome, Prepared):
                    found.append(outcome)
                else:
                    opened.found[name][opened.order[prepared.sample.id]] = outcome
        return found

    def _earlier(self, opened: _OpenShard, name: str, row: int) -> Measurement | None:
        """Return what is known of an earlier row, of this shard or another."""
        if row >= opened.shard.start:
            return opened.found[name][row - opened.shard.start]
        return self._shared.find(name, row)

    def _repeat(self, opened: _OpenShard, name: str) -> None:
        """Give rows that share an image with an earlier one its values."""
        samples: list[Sample] | None = None
        ids = list(opened.order)
        for at, same in sorted(opened.repeats[name].items()):
            earlier = self._earlier(opened, name, same.row)
            if earlier is None:
                # Its part was lost meanwhile: look at the image again.
                samples = samples or table_to_samples(read_part(self._out / "samples" / opened.shard.part))
                outcome = self._prepare_whole(name, self._media_of(samples[at]))
                earlier = self._measure_one(name, outcome) if isinstance(outcome, Prepared) else outcome
            opened.found[name][at] = replace(earlier, sample_id=ids[at])

    def _measure_one(self, name: str, prepared: Prepared) -> Measurement:
        try:
            return self._probes[name].measure([prepared])[0]
        except MediaError as error:
            return Measurement.failed(prepared.sample.id, name, _told(error), error.cause)
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001 - one sample never ends a run
            return _internal_error(prepared.sample, name, error)

    def _store(self, opened: _OpenShard) -> None:
        for name in opened.probes:
            self._repeat(opened, name)
            measurements = [m for m in opened.found[name] if m is not None]
            if len(measurements) != opened.shard.stop - opened.shard.start:
                raise RunError(
                    f"shard {opened.shard.index}: {name} measured {len(measurements)} of "
                    f"{opened.shard.stop - opened.shard.start} samples.",
                    hint="this is a defect of mmcheck; please report it.",
                )
            table = measurements_to_table(measurements, self._probes[name].metrics)
            failed = ",".join(sorted({m.cause for m in measurements if m.cause}))
            labels = {"fingerprint": self._fingerprints[name], "failed": failed}
            if opened.reused[name]:
                labels["reused"] = str(len(opened.reused[name]))
            write_part(self._part(name, opened.shard), table, labels)
            self._shared.keep(name, opened.shard.start, measurements)
        for name in opened.probes:
            self._partial.drop(name, opened.shard)

    def _save(self, opened: _OpenShard) -> None:
        """Store what is measured of a shard that is not done."""
        if opened.remaining:
            for name in opened.probes:
                measured = self._measured_so_far(opened, name)
                self._partial.save(name, opened.shard, Partial(measured, opened.borders[name], opened.reused[name]))

    def _measured_so_far(self, opened: _OpenShard, name: str) -> list[Measurement]:
        """Return the measurements from the first sample to the first one that has none yet."""
        measured: list[Measurement] = []
        end = opened.borders[name][-1] if opened.borders[name] else 0
        for sample_id, at in itertools.islice(opened.order.items(), end):
            own, same = opened.found[name][at], opened.repeats[name].get(at)
            found = self._earlier(opened, name, same.row) if own is None and same is not None else own
            if found is None:
                break
            measured.append(found if own is not None else replace(found, sample_id=sample_id))
        return measured


def _told(error: MediaError) -> str:
    """Return the error as the finding tells it, with what can be done about it."""
    if not error.hint:
        return error.message
    message = error.message if error.message.endswith((".", "!", "?")) else f"{error.message}."
    return f"{message} {error.hint[:1].upper()}{error.hint[1:]}"


def _internal_error(sample: Sample, probe: str, error: Exception) -> Measurement:
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Measurement.failed(sample.id, probe, reason, "internal_error")
