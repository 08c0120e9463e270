"""The corpus stage: analyses of the whole set, over the stored parts, stored like measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from mmcheck.core.digests import digest_value
from mmcheck.core.errors import RunError
from mmcheck.core.parts import ANALYSES
from mmcheck.core.types import Shard
from mmcheck.corpus.base import Analysis
from mmcheck.run.progress import Progress
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import find_labels, write_part


class StoredShard:
    """One shard's stored tables, read when asked for.

    Args:
        run: The run folder.
        shard: The shard.
    """

    def __init__(self, run: RunFolder, shard: Shard) -> None:
        self._run = run
        self._shard = shard

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the shard's samples (only ``columns``, if given)."""
        return read_part(self._run.samples_part(self._shard), list(columns) if columns is not None else None)

    def measurements(self, probe: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Return what a probe measured, row-aligned with the samples, or None if it did not run."""
        if probe not in self._run.metadata["probes"]:
            return None
        part = self._run.measurements_part(probe, self._shard)
        return read_part(part, list(columns) if columns is not None else None)


def analyse_run(run: RunFolder, names: Sequence[str], seed: int, progress: Progress) -> dict[str, Any]:
    """Run the analyses that are not stored yet; return what run.json says of each.

    Raises:
        RunError: If an analysis returns tables that do not fit the samples.
        OutputError: If a part cannot be written.
    """
    described: dict[str, Any] = {}
    shards = run.shards()
    probes = {name: part["fingerprint"] for name, part in run.metadata["probes"].items()}
    for name in names:
        analysis: Analysis = ANALYSES.get(name)(seed)
        fingerprint = digest_value([analysis.fingerprint(), run.metadata["identity"], probes])
        described[name] = {
            "fingerprint": fingerprint,
            "metrics": [asdict(metric) for metric in analysis.metrics],
        }
        parts = [run.measurements_part(name, shard) for shard in shards]
        if all((find_labels(part) or {}).get("fingerprint") == fingerprint for part in parts):
            continue
        progress.phase(f"analysing {name}", len(shards))
        tables = analysis.analyse([StoredShard(run, shard) for shard in shards])
        for shard, part, table in zip(shards, parts, tables, strict=True):
            if table.num_rows != shard.stop - shard.start:
                raise RunError(f"analysis {name} gave {table.num_rows} rows for shard {shard.index}.")
            write_part(part, table, {"fingerprint": fingerprint})
            progress.advance()
    return described
