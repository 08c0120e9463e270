"""Writing what was decided: one manifest an action and input, in the input's format, rows whole."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmcheck.config import Config
from mmcheck.core.atomic import TMP_PREFIX, atomic_path
from mmcheck.core.types import Action, Shard
from mmcheck.formats.base import OutputRow
from mmcheck.judge.policy import Policy
from mmcheck.run.plan import open_format
from mmcheck.run.progress import Progress
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import table_to_samples

FOLDERS = {
    Action.KEEP: "clean",
    Action.FLAG: "flagged",
    Action.QUARANTINE: "quarantine",
    Action.UNCHECKED: "unchecked",
}


def write_manifests(
    run: RunFolder,
    config: Config,
    policy: Policy,
    actions_of: Mapping[int, np.ndarray[Any, Any]],
    progress: Progress,
) -> None:
    """Write ``clean/``, ``flagged/``, ``quarantine/`` and ``unchecked/`` anew.

    Args:
        run: The run folder.
        config: The config that decided.
        policy: Its policy; the metrics that it reads become ``mmcheck_*`` columns.
        actions_of: Shard index -> the shard's actions, in order.
        progress: Told what happens.

    Raises:
        OutputError: If the folder cannot be written.
    """
    inputs = run.metadata["inputs"]
    progress.phase("writing manifests", len(FOLDERS) * len(inputs))
    names = Counter(_name(entry["manifest"]) for entry in inputs)
    spans = _spans(inputs)
    for action, folder in FOLDERS.items():
        final = run.path / folder
        staging = run.path / f"{TMP_PREFIX}{folder}"
        shutil.rmtree(staging, ignore_errors=True)
        wrote = False
        for number, entry in enumerate(inputs):
            start, stop = spans[number]
            # An empty clean manifest says "nothing is left"; an empty quarantine is better no file at all.
            if action is Action.KEEP or _any(run, actions_of, action, start, stop):
                unique = names[_name(entry["manifest"])] == 1
                target = staging if unique else staging / f"{number:03d}"
                target.mkdir(parents=True, exist_ok=True)
                rows = _rows(run, config, policy, actions_of, action, start, stop)
                stem = _name(entry["manifest"]).partition(".")[0] or "manifest"
                open_format(entry["format"], config).write(rows, target, stem, config.output)
                wrote = True
            progress.advance()
        shutil.rmtree(final, ignore_errors=True)
        if wrote:
            with atomic_path(final) as temporary:
                staging.rename(temporary)


def _name(manifest: str) -> str:
    return manifest.rstrip("/").rsplit("/", 1)[-1]


def _spans(inputs: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    spans, start = [], 0
    for entry in inputs:
        spans.append((start, start + entry["rows"]))
        start += entry["rows"]
    return spans


def _shards_of(run: RunFolder, start: int, stop: int) -> Iterator[Shard]:
    size = run.metadata["shard_size"]
    if stop > start:
        yield from run.shards()[start // size : (stop - 1) // size + 1]


def _any(run: RunFolder, actions_of: Mapping[int, np.ndarray[Any, Any]], action: Action, start: int, stop: int) -> bool:
    return any(
        (actions_of[s.index][max(start - s.start, 0) : stop - s.start] == action.value).any()
        for s in _shards_of(run, start, stop)
    )


def _rows(
    run: RunFolder,
    config: Config,
    policy: Policy,
    actions_of: Mapping[int, np.ndarray[Any, Any]],
    action: Action,
    start: int,
    stop: int,
) -> Iterator[OutputRow]:
    for shard in _shards_of(run, start, stop):
        positions = np.arange(shard.start, shard.stop)
        wanted = np.flatnonzero((actions_of[shard.index] == action.value) & (positions >= start) & (positions < stop))
        if not len(wanted):
            continue
        samples = table_to_samples(read_part(run.samples_part(shard)).take(wanted))
        extras = _extras(run, policy, shard, wanted) if config.output.columns else [{}] * len(samples)
        for sample, extra in zip(samples, extras, strict=True):
            yield OutputRow(sample=sample, extra=extra)


def _extras(run: RunFolder, policy: Policy, shard: Shard, wanted: Any) -> list[dict[str, Any]]:
    verdicts = read_part(run.verdicts_part(shard), ["sample_id", "action", "codes", "findings"]).take(wanted)
    rows: list[dict[str, Any]] = [
        {
            "mmcheck_id": row["sample_id"],
            "mmcheck_action": row["action"],
            "mmcheck_codes": row["codes"],
            "mmcheck_reasons": [finding["message"] for finding in row["findings"]],
        }
        for row in verdicts.to_pylist()
    ]
    for metric in policy.metrics:
        probe, _, short = metric.partition(".")
        if probe not in run.probes():
            continue
        table = read_part(run.measurements_part(probe, shard), [short])
        if short in table.column_names:
            for row, value in zip(rows, table[short].take(wanted).to_pylist(), strict=True):
                row[f"mmcheck_{probe}_{short}"] = None if value is None else round(value, 6)
    return rows
