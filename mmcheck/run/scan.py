"""Scanning: plan, measure, analyse, judge, write. Stopped anywhere, the same call continues."""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow.compute as pc

import mmcheck
from mmcheck.config import Config
from mmcheck.core.atomic import sweep, write_text
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError, OutputError
from mmcheck.core.parts import ANALYSES, ENGINES, PROBES
from mmcheck.core.types import Shard
from mmcheck.judge.policy import Policy
from mmcheck.probe.base import Probe
from mmcheck.run.analyse import analyse_run
from mmcheck.run.catalogue import known_metrics
from mmcheck.run.decide import judge_run
from mmcheck.run.measure import MeasureTask
from mmcheck.run.plan import describe_inputs, is_planned, plan_identity, read_samples, write_plan
from mmcheck.run.progress import Progress, SilentProgress
from mmcheck.store.run_folder import RunFolder, read_part

_PACKAGES = (
    "torch", "open_clip_torch", "transformers", "faster-whisper", "ctranslate2", "pillow", "av", "pyarrow", "numpy",
)  # fmt: skip


@dataclass(slots=True)
class ScanPlan:
    """What a scan would do; what ``--dry-run`` shows."""

    inputs: list[dict[str, Any]]
    identity: str
    rows: int = 0
    probes: dict[str, str] = field(default_factory=dict)
    """Probe -> fingerprint, of those that will run."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Probe -> why it will not run although the config has it on."""
    to_measure: dict[str, int] = field(default_factory=dict)
    """Probe -> samples in shards that it has not measured yet."""


def scan_run(
    patterns: Sequence[str],
    out: Path,
    config: Config,
    *,
    limit: int | None = None,
    engine: str = "local",
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ScanPlan:
    """Scan ``patterns`` into the run folder ``out``.

    Args:
        patterns: Manifests: paths, globs, fsspec URLs.
        out: The run folder; made if there is none, continued if it belongs to the same work.
        config: The resolved config.
        limit: Read only the first samples.
        engine: Name of a registered engine.
        overwrite: Remove a finished or foreign run folder first (never a folder that is not one).
        dry_run: Plan and count, measure nothing.
        progress: Told what happens.

    Returns:
        What was done (or would be).

    Raises:
        UserError: If input, config, weights or output folder are wrong.
        RunError: If the run fails.
    """
    progress = progress or SilentProgress()
    began = perf_counter()
    if dry_run and not (out / "run.json").is_file():
        with tempfile.TemporaryDirectory(prefix="mmcheck-dry-run-") as folder:
            return _scan(patterns, Path(folder), config, limit, engine, False, True, progress, began)
    return _scan(patterns, out, config, limit, engine, overwrite, dry_run, progress, began)


def _scan(
    patterns: Sequence[str],
    out: Path,
    config: Config,
    limit: int | None,
    engine: str,
    overwrite: bool,
    dry_run: bool,
    progress: Progress,
    began: float,
) -> ScanPlan:
    inputs = describe_inputs(patterns, config)
    plan = ScanPlan(inputs=inputs, identity=plan_identity(inputs, config, limit))
    check_rules(config)
    with _locked(out, plan.identity, overwrite):
        run_json = _load_or_plan(plan, out, config, limit, progress)
        plan.rows = run_json["rows"]
        probes = _make_probes(plan, out, run_json, config)
        shards = _shards(run_json)
        plan.to_measure = _count_missing(MeasureTask(out, probes, plan.probes, config), shards, probes)
        if dry_run:
            return plan
        described = _open_probes(probes, plan, out, progress)
        run_json["probes"] = {
            name: {"fingerprint": plan.probes[name], "metrics": _metrics(probe), **described[name]}
            for name, probe in probes.items()
        }
        run_json |= {
            "skipped_probes": plan.skipped,
            "engine": engine,
            "seed": config.run.seed,
            "analyses": {},
        }
        run_json |= {"config_digest": digest_value(config.model_dump(mode="json"))}
        _write_run_json(out, run_json)
        write_text(out / "config.yaml", config.to_yaml())
        run = RunFolder(out)
        seconds = {"planning": perf_counter() - began}
        task = MeasureTask(out, probes, plan.probes, config, min_side=_min_side(described))
        began = perf_counter()
        progress.phase("measuring", max(plan.to_measure.values(), default=0))
        for event in ENGINES.get(engine)().run(task, shards):
            if isinstance(event, int):
                progress.advance(event)
        seconds |= {"measuring": perf_counter() - began}
        began = perf_counter()
        run_json["analyses"] = analyse_run(run, ANALYSES.names(), config.run.seed, progress)
        run_json["state"] = "complete"
        _write_run_json(out, run_json)
        seconds |= {"analysing": perf_counter() - began}
        began = perf_counter()
        judge_run(RunFolder(out), config, progress)
        seconds |= {"judging": perf_counter() - began}
        timings = {"seconds": {k: round(v, 3) for k, v in seconds.items()}, "model_seconds": task.seconds}
        write_text(out / "timings.json", json.dumps(timings, indent=2) + "\n")
    return plan


def check_rules(config: Config) -> list[str]:
    """Refuse a wrong rule before hours of measuring, not after; return the rules whose probe is not enabled.

    Raises:
        ConfigError: Naming every wrong rule at once.
    """
    policy = Policy(config.rules)
    policy.check_metrics(known_metrics(), [*config.probes.enabled(), *ANALYSES.names()])
    return sorted(policy.inactive)


@contextmanager
def _locked(out: Path, identity: str, overwrite: bool) -> Iterator[None]:
    """Hold the run folder for this process.

    Raises:
        OutputError: If it cannot be made, is in use, is no run folder, or belongs to other work.
    """
    if overwrite and (out / "run.json").is_file():
        shutil.rmtree(out, ignore_errors=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
        foreign = not (out / "run.json").exists() and any(p.name != ".lock" for p in out.iterdir())
    except OSError as error:
        raise OutputError(
            f"cannot use {out} as run folder: {error.strerror or error}.", hint="choose another --out."
        ) from error
    if foreign:
        raise OutputError(
            f"{out} is not empty and is not a run folder (no run.json).",
            hint="choose a new or empty folder for --out.",
        )
    try:
        lock = (out / ".lock").open("a")
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}.", hint="choose another --out.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"another mmcheck is working in {out}.", hint="wait, or choose another --out.") from error
        _check_identity(out, identity)
        sweep(out)
        yield


def _check_identity(out: Path, identity: str) -> None:
    if not (out / "run.json").exists():
        return
    found = _read(out / "run.json")
    if found.get("state") == "planning":
        # Nothing is measured yet, for instance because the manifest had to be mended first.
        shutil.rmtree(out / "samples", ignore_errors=True)
    elif found.get("identity") != identity:
        raise OutputError(
            f"{out} belongs to another run: other manifests, another content of them, another --limit, or another "
            f"`input` or `run.shard_size` section.",
            hint="choose another --out, or --overwrite to replace it.",
        )


def _load_or_plan(plan: ScanPlan, out: Path, config: Config, limit: int | None, progress: Progress) -> dict[str, Any]:
    known = _read(out / "run.json")
    if known.get("state") in ("measuring", "complete") and is_planned(out, _shards(known), plan.identity):
        plan.inputs = known["inputs"]
        return {**known, "state": "measuring"}
    base: dict[str, Any] = {
        "mmcheck_version": mmcheck.__version__,
        "state": "planning",
        "identity": plan.identity,
        "shard_size": config.run.shard_size,
        "rows": 0,
        "limit": limit,
        "inputs": [{**entry, "rows": 0} for entry in plan.inputs],
        "versions": {"python": platform.python_version(), **_versions()},
        "probes": {},
        "analyses": {},
    }
    _write_run_json(out, base)
    rows = write_plan(read_samples(plan.inputs, config), out, config, plan.identity, limit, progress)
    plan.inputs = [{**entry, "rows": rows.get(number, 0)} for number, entry in enumerate(plan.inputs)]
    base |= {"state": "measuring", "rows": sum(rows.values()), "inputs": plan.inputs}
    base |= {"modalities": _modalities(out, _shards(base))}
    _write_run_json(out, base)
    return base


def _modalities(out: Path, shards: Sequence[Shard]) -> dict[str, int]:
    counts = dict.fromkeys(("image", "audio", "caption", "transcript"), 0)
    for shard in shards:
        table = read_part(out / "samples" / shard.part, list(counts))
        for name in counts:
            counts[name] += pc.count(table[name]).as_py()
    return counts


def _make_probes(plan: ScanPlan, out: Path, run_json: Mapping[str, Any], config: Config) -> dict[str, Probe]:
    probes: dict[str, Probe] = {}
    enabled = config.probes.enabled()
    if not enabled:
        raise ConfigError("no probe is enabled, so nothing would be measured.", hint="see `mmcheck list`.")
    have = run_json["modalities"]
    for name in enabled:
        # Half a pair is reason enough to run the pair's probe: it says what is missing, and the sample is not kept.
        halves = PROBES.entry(name).extra["halves"]
        if halves and run_json["rows"] and not any(have[half] for half in halves):
            plan.skipped[name] = f"no sample has {' or '.join(halves)}"
            continue
        probe: Probe = PROBES.get(name)(getattr(config.probes, name), config.run.device, config.run.seed)
        plan.probes[name] = probe.fingerprint()
        probes[name] = probe
    return probes


def _count_missing(task: MeasureTask, shards: Sequence[Shard], probes: Mapping[str, Probe]) -> dict[str, int]:
    counts = dict.fromkeys(probes, 0)
    for shard in shards:
        for name in task.missing(shard):
            counts[name] += shard.stop - shard.start
    return counts


def _open_probes(
    probes: Mapping[str, Probe], plan: ScanPlan, out: Path, progress: Progress
) -> dict[str, dict[str, Any]]:
    """Open the probes that have work to do; the others are described as they were."""
    before = _read(out / "run.json").get("probes", {})
    described: dict[str, dict[str, Any]] = {}
    for name, probe in probes.items():
        known = before.get(name, {})
        if plan.to_measure[name] or known.get("fingerprint") != plan.probes[name]:
            progress.phase(f"loading {name}", None)
            probe.open()
            described[name] = {"about": {**probe.describe(), "min_side": getattr(probe, "min_side", None)}}
        else:
            described[name] = {"about": known.get("about", {})}
    return described


def _min_side(described: Mapping[str, dict[str, Any]]) -> int | None:
    """Return how small images may be made while decoding: what the hungriest probe needs, as it was told in run.json.

    A resumed run that need not load that probe again must decode as before, or its bytes would differ.
    """
    sides = [about["about"].get("min_side") for about in described.values()]
    return max((side for side in sides if side), default=None)


def _metrics(part: Any) -> list[dict[str, Any]]:
    return [asdict(metric) for metric in part.metrics]


def _shards(run_json: Mapping[str, Any]) -> list[Shard]:
    size, rows = run_json["shard_size"], run_json["rows"]
    return [
        Shard(index=number, start=start, stop=min(start + size, rows))
        for number, start in enumerate(range(0, rows, size))
    ]


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write_run_json(out: Path, value: Mapping[str, Any]) -> None:
    write_text(out / "run.json", json.dumps(value, indent=2, ensure_ascii=False) + "\n")
