"""Measurements of a shard that is not done: stored now and then, so that a stopped scan loses seconds, not a shard.

What is stored of a probe ends where one of its batches ended. A scan that goes on from there forms the same batches as
one that was never stopped, so that both end in the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmcheck.core.errors import RunError
from mmcheck.core.types import Measurement, Shard
from mmcheck.probe.base import Probe
from mmcheck.store.run_folder import column_names, read_part
from mmcheck.store.schema import find_whole_labels, measurements_to_table, table_to_measurements, write_part


@dataclass(slots=True)
class Partial:
    """What one probe has measured of a shard so far, from its first sample on."""

    measurements: list[Measurement] = field(default_factory=list)
    borders: list[int] = field(default_factory=list)
    """How many samples were measured at the end of each batch."""
    reused: list[int] = field(default_factory=list)
    """Places of the measurements that were taken over from an earlier run."""

    def cut(self, place: int) -> Partial:
        """Return what was measured in batches that ended at ``place`` or before."""
        borders = self.borders[: bisect_right(self.borders, place)]
        end = borders[-1] if borders else 0
        return Partial(self.measurements[:end], borders, [at for at in self.reused if at < end])


class PartialParts:
    """The stored parts of shards that are not done, one a probe.

    Args:
        out: The run folder.
        probes: The probes by name.
        fingerprints: Their fingerprints; a part with another one counts for nothing.
        again: Causes of failures that are not kept: what follows the first one is measured again.
        keep_failed: Whether any failure may be kept.
    """

    def __init__(
        self,
        out: Path,
        probes: Mapping[str, Probe[Any]],
        fingerprints: Mapping[str, str],
        *,
        again: Collection[str],
        keep_failed: bool,
    ) -> None:
        self._out = out
        self._probes = probes
        self._fingerprints = fingerprints
        self._again = again
        self._keep_failed = keep_failed

    def load(self, name: str, shard: Shard, ids: Sequence[str] | None = None) -> Partial:
        """Return what a probe has measured of a shard; nothing if it is outdated, damaged, or of other samples.

        Args:
            name: The probe.
            shard: The shard.
            ids: The ids of its samples; None: they are not compared.
        """
        part = self.path(name, shard)
        labels = find_whole_labels(part)
        if labels is None or labels.get("fingerprint") != self._fingerprints[name]:
            return Partial()
        try:
            measured = table_to_measurements(read_part(part, column_names(part)), name)
        except RunError:
            return Partial()
        if ids is not None and [m.sample_id for m in measured] != list(ids[: len(measured)]):
            return Partial()
        found = Partial(measured, _numbers(labels["borders"]), _numbers(labels["reused_rows"]))
        # A shard of which everything was measured is stored as a whole.
        end = shard.stop - shard.start - 1
        return found.cut(min([end, *(at for at, m in enumerate(measured) if self._is_passing(m))]))

    def save(self, name: str, shard: Shard, partial: Partial, labels: Mapping[str, str]) -> None:
        """Store what a probe has measured of a shard, up to its last border.

        Args:
            name: The probe.
            shard: The shard.
            partial: What was measured.
            labels: What else its part shall say.

        Raises:
            OutputError: If it cannot be written.
        """
        whole = partial.cut(len(partial.measurements))
        if whole.borders:
            probe = self._probes[name]
            table = measurements_to_table(whole.measurements, probe.metrics, probe.traits.columns)
            own = {"fingerprint": self._fingerprints[name]}
            own |= {"borders": _text(whole.borders), "reused_rows": _text(whole.reused)}
            write_part(self.path(name, shard), table, {**labels, **own})

    def drop(self, name: str, shard: Shard) -> None:
        """Remove what was stored, as the shard is done."""
        self.path(name, shard).unlink(missing_ok=True)

    def _is_passing(self, measurement: Measurement) -> bool:
        return bool(measurement.cause) and (not self._keep_failed or measurement.cause in self._again)

    def path(self, name: str, shard: Shard) -> Path:
        """Return where a probe's part of an unfinished shard is stored."""
        return self._out / "measurements" / name / f"{Path(shard.part).stem}.partial.parquet"


def drop_partial_parts(out: Path, probes: Iterable[str]) -> None:
    """Remove what a kill between storing a shard and dropping its partial parts left, once all shards are done.

    Args:
        out: The run folder.
        probes: The names of the probes.
    """
    for name in probes:
        for part in (out / "measurements" / name).glob("*.partial.parquet"):
            part.unlink(missing_ok=True)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _text(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
