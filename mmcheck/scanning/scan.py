"""Scanning: plan, measure, analyse, judge, write. Stopped anywhere, the same call continues."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.atomic import write_text
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.digests import digest_value
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT, MEDIA, TEXTS
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.core.types import Shard
from mmcheck.core.version import VERSION
from mmcheck.corpus.base import ANALYSES
from mmcheck.decide.decide import judge_run
from mmcheck.engine.base import ENGINES
from mmcheck.judge.known_columns import refuse_unknown_columns
from mmcheck.judge.policy import Policy
from mmcheck.scanning.analyse import analyse_run
from mmcheck.scanning.equipment import Equipment
from mmcheck.scanning.first_files import try_first_files
from mmcheck.scanning.freed_memory import return_freed_memory
from mmcheck.scanning.given_vectors import GivenVectors
from mmcheck.scanning.measure import ShardMeasuring
from mmcheck.scanning.measure_task import MeasureTask
from mmcheck.scanning.partial_parts import drop_partial_parts
from mmcheck.scanning.piped_input import PipedInput, read_piped
from mmcheck.scanning.plan import (
    describe_inputs,
    is_planned,
    plan_identity,
    read_samples,
    sample_transcripts,
    with_whole_root,
    write_plan,
)
from mmcheck.scanning.probe_setup import make_probes, open_probes
from mmcheck.scanning.reuse import EarlierRun, Reuse, count_reused, open_earlier
from mmcheck.scanning.trial import try_recordings
from mmcheck.scanning.unfit_input import refuse_unfit_inputs, wants_files, wants_texts
from mmcheck.store.claim import claim
from mmcheck.store.own_entries import clear_parts
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.run_record import (
    SCHEMA_VERSION,
    EarlierRecord,
    InputRecord,
    ReusedRecord,
    RunRecord,
    find_record,
    write_record,
)
from mmcheck.store.seal import write_yaml

_PACKAGES = (
    *("torch", "open_clip_torch", "transformers", "faster-whisper", "ctranslate2", "pillow", "av", "pyarrow"),
    "numpy",
)


@dataclass(slots=True)
class ScanPlan:
    """What a scan would do; what ``--dry-run`` shows."""

    inputs: tuple[InputRecord, ...]
    """The manifests."""
    identity: str
    """Digest of the work that the run folder belongs to."""
    rows: int = 0
    """Samples in all."""
    probes: dict[str, str] = field(default_factory=dict)
    """Probe -> fingerprint, of those that will run; "" where the weights are not on this machine (dry run only)."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Probe -> why it will not run although the config has it on."""
    to_measure: dict[str, int] = field(default_factory=dict)
    """Probe -> samples in shards that it has not measured yet."""
    reusable: dict[str, int] = field(default_factory=dict)
    """Probe -> samples of the earlier runs that it has measured just so (dry run only)."""
    reused: dict[str, int] = field(default_factory=dict)
    """Probe -> stored measurements that were taken over from earlier runs."""


def scan_run(
    patterns: Sequence[str],
    out: Path,
    config: Config,
    *,
    limit: int | None = None,
    engine: str = "local",
    overwrite: bool = False,
    retry_failed: bool = False,
    reuse: Sequence[Path] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ScanPlan:
    """Scan ``patterns`` into the run folder ``out``.

    Args:
        patterns: Manifests: paths, globs, fsspec URLs, ``-`` for standard input.
        out: The run folder; made if there is none, continued if it belongs to the same work.
        config: The resolved config.
        limit: Read only the first samples.
        engine: Name of a registered engine.
        overwrite: Remove a run of other work from the folder first; files that mmcheck did not write stay.
        retry_failed: Measure again the shards in which a measurement failed.
        reuse: Run folders whose measurements are taken over for samples with the same bytes and texts.
        dry_run: Plan and count, measure nothing, download nothing.
        progress: Receives progress reports.

    Returns:
        What was done (or would be).

    Raises:
        UserError: If input, config, weights or output folder are wrong.
        RunError: If the run fails.
    """
    with read_piped(patterns, out, dry_run=dry_run) as piped:
        return _scan(
            piped,
            out,
            with_whole_root(config),
            limit=limit,
            engine=engine,
            overwrite=overwrite,
            retry_failed=retry_failed,
            reuse=reuse,
            dry_run=dry_run,
            progress=progress or SilentProgress(),
        )


def _scan(
    piped: PipedInput,
    out: Path,
    config: Config,
    *,
    limit: int | None,
    engine: str,
    overwrite: bool,
    retry_failed: bool,
    reuse: Sequence[Path],
    dry_run: bool,
    progress: Progress,
) -> ScanPlan:
    began = perf_counter()
    inputs = piped.placed(describe_inputs(piped.patterns, config), out, dry_run=dry_run)
    plan = ScanPlan(inputs=inputs, identity=plan_identity(inputs, config, limit))
    check_rules(config)
    ENGINES.entry(engine)
    if dry_run and (overwrite or piped.spooled is not None or not (out / "run.json").is_file()):
        with (
            tempfile.TemporaryDirectory(prefix="mmcheck-dry-run-") as folder,
            open_earlier(reuse, out, progress) as earlier,
        ):
            _prepare(plan, Path(folder), config, limit, retry_failed, True, progress, earlier)
        return plan
    # The earlier runs come first: one that is missing must not cost the folder that --overwrite empties.
    with (
        open_earlier(reuse, out, progress) as earlier,
        claim(out, piped.others(inputs), plan.identity, overwrite=overwrite, progress=progress),
    ):
        piped.keep()
        record, task, given = _prepare(plan, out, config, limit, retry_failed, dry_run, progress, earlier)
        if task is not None:
            seconds = {"planning": perf_counter() - began}
            record = _begin(plan, out, config, engine, record)
            seconds["measuring"], model_seconds = _measure(plan, out, engine, record, task, given, progress)
            if given is not None:
                record = given.told_in(record)
            record = _count_reused(plan, out, record)
            # The models go: what looks at the whole set takes their room.
            del task
            return_freed_memory()
            seconds |= _analyse_and_judge(out, config, record, progress)
            timings = {"seconds": {k: round(v, 3) for k, v in seconds.items()}, "model_seconds": model_seconds}
            write_text(out / "timings.json", json.dumps(timings, indent=2) + "\n")
    return plan


def _prepare(
    plan: ScanPlan,
    out: Path,
    config: Config,
    limit: int | None,
    retry_failed: bool,
    dry_run: bool,
    progress: Progress,
    earlier: Sequence[EarlierRun],
) -> tuple[RunRecord, MeasureTask | None, GivenVectors | None]:
    """Plan the samples and open the probes.

    Returns:
        The record of the run, the task (None on a dry run), and vectors that are given in place of a probe's.
    """
    record = _load_or_plan(plan, out, config, limit, progress)
    plan.rows = record.rows
    shards = record.shards()
    # Before hours of measuring, not after.
    refuse_unknown_columns(Policy(config.rules), (out / "samples" / shard.part for shard in shards))
    # What `auto` came to in an earlier run holds for this one too, or its values would be of two kinds.
    settled = {name: part for run in reversed(earlier) for name, part in run.probes.items()}
    probes, plan.probes, plan.skipped = make_probes(
        config,
        record.updated(probes={**settled, **record.probes}),
        lambda: sample_transcripts(out, shards, config.run.seed),
        may_download=not dry_run,
    )
    given = GivenVectors(out, config, plan.inputs, limit) if config.input.embeddings.is_given else None
    view = ShardMeasuring(out, Equipment(probes), plan.probes, config, retry_failed=retry_failed)
    plan.to_measure = dict.fromkeys(probes, 0)
    for shard in shards:
        for name in view.missing(shard):
            plan.to_measure[name] += shard.stop - shard.start - view.count_kept(name, shard)
    if given is not None:
        plan.probes[given.name] = given.fingerprint
        plan.to_measure[given.name] = sum(shard.stop - shard.start for shard in given.missing(shards))
    if dry_run:
        plan.reusable = {
            name: sum(len(run) for run in earlier if name in run.probes and run.probes[name].fingerprint == fingerprint)
            for name, fingerprint in plan.probes.items()
        }
        return record, None, given
    num_recordings = (record.modalities or {}).get(AUDIO_TRANSCRIPT.medium, 0)
    opened = open_probes(
        probes,
        plan.probes,
        plan.to_measure,
        record.probes,
        progress,
        lambda probe: try_recordings(probe, out, shards, config, num_recordings),
    )
    record = record.updated(probes=opened)
    if given is not None:
        record = given.told_in(record)
    for run in earlier:
        run.accept(record)
    if earlier:
        runs = tuple(EarlierRecord(run=str(run.path), identity=run.identity) for run in earlier)
        record = record.updated(reused=ReusedRecord(runs=runs))
    task = MeasureTask(
        out,
        config,
        retry_failed=retry_failed,
        reuse=[run.path for run in earlier],
        equipment=Equipment(
            probes,
            opened=[name for name in probes if plan.to_measure[name]],
            reuse=Reuse(earlier) if earlier else None,
        ),
    )
    return record, task, given


def _begin(plan: ScanPlan, out: Path, config: Config, engine: str, record: RunRecord) -> RunRecord:
    """Store what the measuring goes by: run.json and the config; return the record."""
    record = record.updated(
        skipped_probes=plan.skipped,
        engine=engine,
        seed=config.run.seed,
        analyses={},
        config_digest=digest_value(config.model_dump(mode="json")),
    )
    write_record(out, record)
    write_yaml(out / "config.yaml", config.to_yaml())
    return record


def _measure(
    plan: ScanPlan,
    out: Path,
    engine: str,
    record: RunRecord,
    task: MeasureTask,
    given: GivenVectors | None,
    progress: Progress,
) -> tuple[float, dict[str, float]]:
    """Measure what is missing; return the seconds it took, and those of each probe's model."""
    began = perf_counter()
    model_seconds = dict.fromkeys(plan.probes, 0.0)
    if any(plan.to_measure.values()):
        # What the analyses saw is about to change; a run stopped from here on must analyse anew.
        for name in ANALYSES.names():
            clear_parts(out / "measurements" / name)
    if given is not None:
        given.store(record.shards(), progress)
    own = [count for name, count in plan.to_measure.items() if given is None or name != given.name]
    progress.phase("measuring", max(own, default=0))
    # Closed whatever stops it, so that what is measured of the shard on its way is stored.
    with closing(ENGINES.get(engine)().run(task, record.shards())) as events:
        for event in events:
            if isinstance(event, int):
                progress.advance(event)
            else:
                for name, seconds in event.model_seconds.items():
                    model_seconds[name] += seconds
    drop_partial_parts(out, plan.probes)
    return perf_counter() - began, model_seconds


def _count_reused(plan: ScanPlan, out: Path, record: RunRecord) -> RunRecord:
    """Return the record with how many measurements were taken over from earlier runs."""
    if record.reused is None:
        return record
    plan.reused = count_reused(out, plan.probes, record.shards())
    return record.updated(reused=record.reused.updated(measurements=plan.reused))


def _analyse_and_judge(out: Path, config: Config, record: RunRecord, progress: Progress) -> dict[str, float]:
    """Look at the whole set and judge it; return the seconds of both."""
    began = perf_counter()
    analyses = analyse_run(RunFolder(out), config, progress)
    write_record(out, record.updated(analyses=analyses, state="complete"))
    seconds = {"analysing": perf_counter() - began}
    began = perf_counter()
    judge_run(RunFolder(out), config, progress)
    return seconds | {"judging": perf_counter() - began}


def check_rules(config: Config) -> list[str]:
    """Refuse a wrong rule before hours of measuring, not after; return the rules whose probe is not enabled.

    Raises:
        ConfigError: Naming every wrong rule at once.
    """
    policy = Policy(config.rules)
    policy.check_metrics(known_metrics(), [*config.probes.enabled(), *config.analyses.enabled()])
    return sorted(policy.inactive)


def _load_or_plan(plan: ScanPlan, out: Path, config: Config, limit: int | None, progress: Progress) -> RunRecord:
    known = find_record(out)
    if known is not None and known.state != "planning" and is_planned(out, known.shards(), plan.identity):
        plan.inputs = known.inputs
        return known.updated(state="measuring")
    record = RunRecord(
        schema_version=SCHEMA_VERSION,
        mmcheck_version=VERSION,
        state="planning",
        identity=plan.identity,
        shard_size=config.run.shard_size,
        rows=0,
        limit=limit,
        inputs=tuple(entry.updated(rows=0) for entry in plan.inputs),
        versions={"python": platform.python_version(), **_versions()},
        # What `auto` came to holds for measurements that are still whole, whatever became of the samples.
        probes=known.probes if known is not None and known.identity == plan.identity else {},
        analyses={},
    )
    write_record(out, record)
    samples = read_samples(plan.inputs, config)
    if wants_files(config):
        samples = try_first_files(samples, plan.inputs, config, wants_text=wants_texts(config))
    rows = write_plan(samples, out, config, plan.identity, limit, progress)
    none = (0, 0)
    plan.inputs = tuple(
        entry.updated(rows=rows.get(number, none)[0], source_rows=rows.get(number, none)[1])
        for number, entry in enumerate(plan.inputs)
    )
    record = record.updated(rows=sum(count for count, _ in rows.values()), inputs=plan.inputs)
    refuse_unfit_inputs(out, record.shards(), plan.inputs, config, limit, progress)
    record = record.updated(state="measuring", modalities=_modalities(out, record.shards()))
    write_record(out, record)
    return record


def _modalities(out: Path, shards: Sequence[Shard]) -> dict[str, int]:
    counts = dict.fromkeys((*MEDIA, *TEXTS), 0)
    for shard in shards:
        table = read_part(out / "samples" / shard.part, list(counts))
        for name in counts:
            counts[name] += pc.count(table[name]).as_py()
    return counts


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
