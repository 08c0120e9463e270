"""What belongs to the model: batches of prepared samples, and what rows with one image take over from each other.

Failure isolation sits here and nowhere else: a batch that fails is measured one by one, and the sample that fails
becomes a ``failed`` measurement with its reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from mmcheck.core.errors import UserError
from mmcheck.core.types import Measurement, Sample, Status
from mmcheck.probe.base import Prepared, Probe
from mmcheck.scanning.declared_values import DeclaredValues
from mmcheck.scanning.failed_sample import failed_sample
from mmcheck.scanning.open_shard import OpenShard
from mmcheck.scanning.shared_images import SharedImages


class BatchMeasuring:
    """Measures the batches of open shards.

    Args:
        probes: Open probes by name.
        shared: What is known of images that several rows have.
        prepare_whole: Prepares a sample for one probe, looking at its image.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe[Any]],
        shared: SharedImages,
        prepare_whole: Callable[[str, Sample], Prepared[object] | Measurement],
    ) -> None:
        self._probes = probes
        self._declared = {name: DeclaredValues(probe) for name, probe in probes.items()}
        self._shared = shared
        self._prepare_whole = prepare_whole
        self._seconds: dict[str, float] = dict.fromkeys(probes, 0.0)

    def take_seconds(self) -> dict[str, float]:
        """Return the seconds that each probe's model took since the last call."""
        taken, self._seconds = self._seconds, dict.fromkeys(self._probes, 0.0)
        return taken

    def measure(self, opened: OpenShard, name: str) -> None:
        """Measure what waits for a probe.

        Raises:
            UserError: If the probe finds its options or weights unusable.
        """
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
                found[place[prepared.sample.id]] = self._checked(name, prepared.sample, measurement)
        except UserError:
            raise
        except Exception:  # noqa: BLE001 - the culprit is found one by one
            for prepared in batch:
                for ready in self._with_images(opened, name, [prepared]):
                    found[place[ready.sample.id]] = self._measure_one(name, ready)
        self._seconds[name] += perf_counter() - began

    def repeat(self, opened: OpenShard, name: str, read_samples: Callable[[], Sequence[Sample]]) -> None:
        """Give rows that share an image with an earlier one its values.

        Args:
            opened: The shard.
            name: The probe.
            read_samples: Returns the samples of the shard.
        """
        samples: Sequence[Sample] | None = None
        ids = list(opened.order)
        for at, same in sorted(opened.repeats[name].items()):
            earlier = self._shareable(opened, name, at, same.row)
            if earlier is None:
                samples = samples or read_samples()
                outcome = self._prepare_whole(name, samples[at])
                earlier = self._measure_one(name, outcome) if isinstance(outcome, Prepared) else outcome
            opened.found[name][at] = replace(earlier, sample_id=ids[at])

    def measured_so_far(self, opened: OpenShard, name: str) -> list[Measurement]:
        """Return the measurements from the first sample to the first one that has none yet."""
        measured: list[Measurement] = []
        end = opened.borders[name][-1] if opened.borders[name] else 0
        for sample_id, at in itertools.islice(opened.order.items(), end):
            found, same = opened.found[name][at], opened.repeats[name].get(at)
            if found is None and same is not None:
                found = self._shareable(opened, name, at, same.row)
            if found is None:
                break
            measured.append(replace(found, sample_id=sample_id))
        return measured

    def _with_images(self, opened: OpenShard, name: str, batch: Sequence[Prepared[object]]) -> list[Prepared[object]]:
        """Return a batch with the embeddings of images that earlier rows gave.

        A sample whose image, at the same place, failed there fails likewise, and is left out.
        """
        rows = {opened.row_of(prepared.sample.id): prepared for prepared in batch}
        found: list[Prepared[object]] = []
        for row, prepared in rows.items():
            if prepared.first is None or prepared.image is not None:
                found.append(replace(prepared, same_as=None))
                continue
            earlier = self._shareable(opened, name, row - opened.shard.start, prepared.first)
            if earlier is None and prepared.first in rows:
                found.append(replace(prepared, same_as=rows[prepared.first].sample.image))
            elif earlier is not None and earlier.status is Status.FAILED and "image" not in earlier.embeddings:
                same = replace(earlier, sample_id=prepared.sample.id)
                opened.found[name][opened.order[prepared.sample.id]] = same
            elif earlier is not None and "image" in earlier.embeddings:
                found.append(replace(prepared, image=np.asarray(earlier.embeddings["image"], dtype=np.float16)))
            else:
                outcome = self._prepare_whole(name, prepared.sample)
                if isinstance(outcome, Prepared):
                    found.append(outcome)
                else:
                    opened.found[name][opened.order[prepared.sample.id]] = outcome
        return found

    def _shareable(self, opened: OpenShard, name: str, at: int, first: int) -> Measurement | None:
        """Return what a row may take over from an earlier one; None if its own image must be looked at.

        Args:
            opened: The row's shard.
            name: The probe.
            at: The row's place in the shard.
            first: The earlier row, of this shard or another.
        """
        start = opened.shard.start
        earlier = opened.found[name][first - start] if first >= start else self._shared.find(name, first)
        if earlier is None or earlier.status is not Status.FAILED or "image" in earlier.embeddings:
            return earlier
        # Equal bytes elsewhere may fail for a reason of their own, or not at all.
        return earlier if self._shared.is_same_place(start + at, first) else None

    def _checked(self, name: str, sample: Sample, measurement: Measurement) -> Measurement:
        try:
            self._declared[name].check(measurement)
        except ValueError as error:
            return failed_sample(sample, name, error)
        return measurement

    def _measure_one(self, name: str, prepared: Prepared[object]) -> Measurement:
        try:
            return self._checked(name, prepared.sample, self._probes[name].measure([prepared])[0])
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001 - one sample never ends a run
            return failed_sample(prepared.sample, name, error)
