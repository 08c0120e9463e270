"""What every analysis of the whole set can do.

An analysis sees what no single sample shows. It reads the parts of a run shard by shard, as often as it likes, keeps
only small things in memory, and gives one row of values a sample, like a probe; rules then read them like any metric.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from mmcheck.core.types import Metric


class ShardTables(Protocol):
    """The stored tables of one shard, read when asked for."""

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the shard's samples (only ``columns``, if given)."""
        ...

    def measurements(self, probe: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Return what a probe measured, row-aligned with the samples, or None if it did not run."""
        ...


class Analysis(Protocol):
    """An analysis of the whole set. Its values depend on nothing but the stored tables and the seed."""

    name: str
    metrics: tuple[Metric, ...]

    def __init__(self, seed: int) -> None: ...

    def fingerprint(self) -> str:
        """Return a digest of code version and options: equal digests and inputs, equal values."""
        ...

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order: sample_id, status, reason, cause, metrics, evidence."""
        ...
