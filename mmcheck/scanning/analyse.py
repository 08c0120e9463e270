"""The corpus stage: analyses of the whole set, over the stored parts, stored like measurements."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mmcheck.config import Config
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import RunError
from mmcheck.core.progress import Progress
from mmcheck.core.types import Shard
from mmcheck.corpus.base import ANALYSES, Analysis
from mmcheck.store.run_folder import RunFolder, StoredShard
from mmcheck.store.run_record import MeasuredRecord
from mmcheck.store.schema import find_whole_labels, write_part
from mmcheck.store.seal import Damaged, read_json, write_json


def analyse_run(run: RunFolder, config: Config, progress: Progress) -> dict[str, MeasuredRecord]:
    """Run the enabled analyses that are not stored yet; return what run.json says of each.

    Raises:
        RunError: If an analysis returns tables that do not fit the samples.
        OutputError: If a part cannot be written.
    """
    described: dict[str, MeasuredRecord] = {}
    shards = run.shards()
    probes = {name: part.fingerprint for name, part in run.record.probes.items()}
    for entry in ANALYSES:
        if entry.name not in config.analyses.enabled():
            continue
        options = getattr(config.analyses, entry.name)
        analysis: Analysis = ANALYSES.get(entry.name)(options, config.run.seed)
        before = {name: described[name].fingerprint for name in analysis.traits.needs if name in described}
        own = analysis.fingerprint()
        if entry.package:
            # Its author may forget to count up a version of the analysis' own.
            own = digest_value([own, entry.package])
        fingerprint = digest_value([own, run.record.identity, probes, before])
        if not _is_stored(run, shards, entry.name, fingerprint):
            progress.phase(f"analysing {entry.name}", len(shards))
            _analyse(run, shards, analysis, fingerprint, described, progress)
        described[entry.name] = MeasuredRecord(fingerprint=fingerprint, metrics=tuple(analysis.metrics))
    return described


def _is_stored(run: RunFolder, shards: Sequence[Shard], name: str, fingerprint: str) -> bool:
    # The summary is written last, so it vouches for the parts.
    try:
        summary = read_json(run.analysis_summary_file(name), sealed=True)
    except Damaged:
        return False
    if summary.get("fingerprint") != fingerprint:
        return False
    parts = (run.measurements_part(name, shard) for shard in shards)
    return all((find_whole_labels(part) or {}).get("fingerprint") == fingerprint for part in parts)


def _analyse(
    run: RunFolder,
    shards: Sequence[Shard],
    analysis: Analysis,
    fingerprint: str,
    before: Collection[str],
    progress: Progress,
) -> None:
    readable = (*run.record.probes, *(name for name in analysis.traits.needs if name in before))
    run.analysis_summary_file(analysis.name).unlink(missing_ok=True)
    tables = analysis.analyse([StoredShard(run, shard, readable) for shard in shards])
    for shard, table in zip(shards, tables, strict=True):
        if table.num_rows != shard.stop - shard.start:
            raise RunError(f"analysis {analysis.name} gave {table.num_rows} rows for shard {shard.index}.")
        write_part(run.measurements_part(analysis.name, shard), table, {"fingerprint": fingerprint})
        progress.advance()
    summary = {"fingerprint": fingerprint, **analysis.summary()}
    write_json(run.analysis_summary_file(analysis.name), summary, allow_nan=False)
