"""Deciding: stored measurements become verdicts, a summary and manifests. No model and no media file is needed."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.atomic import TMP_PREFIX, atomic_path, write_text
from mmcheck.core.errors import RunError
from mmcheck.core.types import Action, Metric, Shard
from mmcheck.formats.base import OutputRow
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.run.catalogue import known_metrics
from mmcheck.run.plan import open_format
from mmcheck.run.progress import Progress
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import EMBEDDING_PREFIX, metric_columns, table_to_samples, write_part

FOLDERS = {
    Action.KEEP: "clean",
    Action.FLAG: "flagged",
    Action.QUARANTINE: "quarantine",
    Action.UNCHECKED: "unchecked",
}
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


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
    tally = _Tally(run.metrics())
    progress.phase("judging", run.metadata["rows"])
    shutil.rmtree(run.path / "verdicts", ignore_errors=True)
    actions_of: dict[int, np.ndarray[Any, Any]] = {}
    for shard in run.shards():
        samples = read_part(run.samples_part(shard))
        measured = {name: _measured(run, name, shard) for name in run.probes()}
        verdicts = policy.judge(JudgeTable(samples, measured))
        write_part(run.verdicts_part(shard), verdicts, {"policy": config.policy_digest()})
        tally.add(samples, measured, verdicts)
        actions_of[shard.index] = verdicts["action"].to_numpy(zero_copy_only=False)
        progress.advance(samples.num_rows)
    summary = tally.summary(run, sorted(policy.inactive))
    write_text(run.path / "config.yaml", config.to_yaml())
    _write_manifests(run, config, policy, actions_of, progress)
    write_text(run.path / "summary.json", _pretty(summary))
    return summary


def _measured(run: RunFolder, name: str, shard: Shard) -> pa.Table:
    table = read_part(run.measurements_part(name, shard))
    return table.drop_columns([column for column in table.column_names if column.startswith(EMBEDDING_PREFIX)])


class _Tally:
    """Counts as the shards go by; holds one float64 a value (for the quantiles) and nothing else that grows."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics
        self.actions: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.manifests: dict[str, Counter[str]] = {}
        self.languages: dict[str, Counter[str]] = {}
        self.probes: dict[str, Counter[str]] = {}
        self.values: dict[str, list[np.ndarray[Any, Any]]] = {}

    def add(self, samples: pa.Table, measured: Mapping[str, pa.Table], verdicts: pa.Table) -> None:
        """Count one shard."""
        self.actions.update(_counts(verdicts["action"]))
        self.codes.update(_counts(pc.list_flatten(verdicts["codes"])))
        for column, slices in (("manifest", self.manifests), ("language", self.languages)):
            pairs = pa.table({"slice": samples[column], "action": verdicts["action"]})
            for row in pairs.group_by(["slice", "action"]).aggregate([([], "count_all")]).to_pylist():
                name = row["slice"] if row["slice"] is not None else "(none)"
                slices.setdefault(name, Counter())[row["action"]] += row["count_all"]
        for name, table in measured.items():
            self.probes.setdefault(name, Counter()).update(_counts(table["status"]))
            for short in metric_columns(table):
                present = table[short].drop_null().to_numpy()
                if len(present):
                    self.values.setdefault(f"{name}.{short}", []).append(present)

    def summary(self, run: RunFolder, inactive: Sequence[str]) -> dict[str, Any]:
        """Return the content of summary.json.

        Raises:
            RunError: If the four counts do not sum to the rows read.
        """
        counts = {action.value: self.actions.get(action.value, 0) for action in Action}
        rows = run.metadata["rows"]
        if sum(counts.values()) != rows or set(self.actions) - set(counts):
            raise RunError(
                f"{rows} rows were read, but {dict(self.actions)} were judged: rows were lost.",
                hint="this is a defect of mmcheck; please report it with the run folder's run.json.",
            )
        return {
            "rows_read": rows,
            **counts,
            "findings": dict(sorted(self.codes.items(), key=lambda item: (-item[1], item[0]))),
            "inactive_rules": list(inactive),
            "manifests": {name: _slice(found) for name, found in self.manifests.items()},
            "languages": {name: _slice(found) for name, found in sorted(self.languages.items())},
            "probes": {
                name: {status: found.get(status, 0) for status in ("measured", "not_applicable", "failed")}
                for name, found in self.probes.items()
            },
            "metrics": {name: _describe(np.concatenate(parts)) for name, parts in self.values.items()},
        }


def _counts(column: Any) -> dict[str, int]:
    return {row["values"].as_py(): row["counts"].as_py() for row in pc.value_counts(column)}


def _slice(found: Counter[str]) -> dict[str, int]:
    return {
        "rows_read": sum(found.values()),
        **{action.value: found.get(action.value, 0) for action in Action},
    }


def _describe(values: np.ndarray[Any, Any]) -> dict[str, float | int]:
    quantiles = np.quantile(values, _QUANTILES)
    return {
        "count": len(values),
        "mean": float(values.mean()),
        "min": float(values.min()),
        **{f"p{round(q * 100):02d}": float(value) for q, value in zip(_QUANTILES, quantiles, strict=True)},
        "max": float(values.max()),
    }


def _pretty(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _write_manifests(
    run: RunFolder,
    config: Config,
    policy: Policy,
    actions_of: Mapping[int, np.ndarray[Any, Any]],
    progress: Progress,
) -> None:
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
