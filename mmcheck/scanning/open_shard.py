"""A shard on its way through the shard task: what is decoded, what waits for the model, and what was found out."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmcheck.core.types import Measurement, Shard
from mmcheck.probe.base import Prepared


@dataclass(frozen=True, slots=True)
class SameAs:
    """The values are those of an earlier row, which has the same image."""

    row: int


Outcome = Prepared[object] | Measurement | SameAs


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What the decoding thread made of one sample."""

    outcomes: dict[str, Outcome]
    num_bytes: int
    reused: frozenset[str]
    key: int | None = None
    """The key of its image's bytes, see ``same_bytes``; 0 if they cannot be read, None if nobody looked at them."""
    is_sound: bool = False
    """Whether its image can be decoded."""
    supposed: int | None = None
    """The earlier row with the same bytes because of which the image was not decoded."""


@dataclass(slots=True)
class OpenShard:
    """Which probes still owe a shard values, and what there is so far."""

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
    waiting: dict[str, list[Prepared[object]]] = field(default_factory=dict)
    bytes_waiting: dict[str, int] = field(default_factory=dict)
    repeats: dict[str, dict[int, SameAs]] = field(default_factory=dict)
    """Probe -> row of the shard -> the row whose values it shares."""

    def row_of(self, sample_id: str) -> int:
        """Return the number of a sample in the run."""
        return self.shard.start + self.order[sample_id]
