"""Deciding: stored measurements become verdicts, a summary and manifests. No model and no media file is needed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmcheck.config import Config
from mmcheck.core.atomic import TMP_PREFIX, write_text
from mmcheck.core.parts import PROBES
from mmcheck.core.types import Shard
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.run.catalogue import known_metrics
from mmcheck.run.describe_set import describe_set
from mmcheck.run.progress import Progress
from mmcheck.run.tally import Tally
from mmcheck.run.write_out import OutputSpool, write_manifests
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import write_part

# Rules are vectorised: judging many shards in one table costs a tenth of judging them one by one.
_ROWS_AT_ONCE = 50_000
_READERS = 2
_BUILT_ON_VERDICTS = ("coverage", "repair")
"""What other commands made of earlier verdicts; the report must not link to it as current."""


def make_policy(run: RunFolder, config: Config) -> Policy:
    """Return the policy of ``config``, checked against the metrics that the run holds.

    Raises:
        ConfigError: If a rule names an unknown metric or an impossible threshold.
    """
    policy = Policy(config.rules)
    policy.check_metrics(known_metrics(), run.probes())
    return policy


def judge_run(run: RunFolder, config: Config, progress: Progress) -> dict[str, Any]:
    """Judge every shard, write verdicts, manifests and summary.json; return the summary.

    Raises:
        ConfigError: If the rules are wrong for this run.
        RunError: If measurements are missing, or the counts do not sum to the rows read.
        OutputError: If the folder cannot be written.
    """
    policy = make_policy(run, config)
    tally = Tally()
    progress.phase("judging", run.metadata["rows"])
    # A reader must never see new verdicts beside an old summary.
    for stale in ("summary.json", "report.html"):
        (run.path / stale).unlink(missing_ok=True)
    for stale in ("verdicts", *_BUILT_ON_VERDICTS):
        shutil.rmtree(run.path / stale, ignore_errors=True)
    labels = {"policy": config.policy_digest()}
    spool = OutputSpool(run.path / f"{TMP_PREFIX}spool", _written_metrics(policy), columns=config.output.columns)
    for shards in _grouped(run.shards()):
        samples = _joined([run.samples_part(shard) for shard in shards])
        measured = {name: _joined([run.measurements_part(name, shard) for shard in shards]) for name in run.probes()}
        verdicts = policy.judge(JudgeTable(samples, measured))
        tally.add(samples, measured, verdicts)
        spool.add(samples, measured, verdicts)
        for shard in shards:
            part = verdicts.slice(shard.start - shards[0].start, shard.stop - shard.start)
            write_part(run.verdicts_part(shard), part, labels)
            progress.advance(part.num_rows)
    summary = tally.summary(run.metadata["rows"], sorted(policy.inactive))
    summary |= describe_set(run, config, tally)
    write_text(run.path / "config.yaml", config.to_yaml())
    write_manifests(run, config, spool, progress)
    spool.close()
    write_text(run.path / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return summary


def _written_metrics(policy: Policy) -> list[str]:
    """Return the metrics that go into the manifests: what the models say of the pair; the rest stays in Parquet."""
    models = {entry.name for entry in PROBES if entry.extra.get("model")} | {"alignment", "speech", "caption"}
    return [metric for metric in policy.metrics if metric.partition(".")[0] in models]


def _grouped(shards: Sequence[Shard]) -> Iterator[list[Shard]]:
    group: list[Shard] = []
    for shard in shards:
        group.append(shard)
        if shard.stop - group[0].start >= _ROWS_AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _joined(parts: Sequence[Path]) -> pa.Table:
    """Return the parts as one table of one chunk: what comes after works by column, not by part."""
    with ThreadPoolExecutor(_READERS) as pool:
        return pa.concat_tables(pool.map(read_part, parts)).combine_chunks()
