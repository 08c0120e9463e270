"""Deciding: stored measurements become verdicts, a summary and manifests. No model and no media file is needed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pyarrow as pa

from mmcheck.config import Config, OutputConfig, compare_with_preset
from mmcheck.core.atomic import TMP_PREFIX
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.errors import OutputError, RunError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.progress import Progress
from mmcheck.core.types import Shard
from mmcheck.decide.compared_pairs import ComparedPairs
from mmcheck.decide.counted_rows import CountedRows
from mmcheck.decide.describe_set import describe_set
from mmcheck.decide.problems import Problems
from mmcheck.decide.repeated_values import RepeatedValues
from mmcheck.decide.reviewed import ReviewedRows
from mmcheck.decide.shard_groups import read_groups
from mmcheck.decide.sources import check_sources
from mmcheck.decide.tally import Tally
from mmcheck.decide.write_out import OutputSpool, write_manifests
from mmcheck.decide.written_columns import WrittenColumn, choose_columns
from mmcheck.judge.known_columns import refuse_unknown_columns
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.store.own_entries import PRODUCTS, clear_parts, clear_products, is_part, refuse_links
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_summary import SUMMARY_VERSION, RunSummary
from mmcheck.store.schema import write_part
from mmcheck.store.seal import write_json, write_yaml

_HALVES = tuple(half for kind in PAIR_KINDS for half in (kind.medium, kind.text))


def make_policy(run: RunFolder, config: Config) -> Policy:
    """Return the policy of ``config``, checked against the metrics that the run holds.

    Raises:
        ConfigError: If a rule names an unknown metric or an impossible threshold.
        RunError: If the run was measured by an earlier version that had other metrics in place of one that is needed.
    """
    policy = Policy(config.rules)
    policy.check_metrics(known_metrics(), run.probes())
    _refuse_earlier_metrics(policy, run)
    return policy


def _refuse_earlier_metrics(policy: Policy, run: RunFolder) -> None:
    """Refuse to judge by values that are stored under a name of an earlier version: nothing would be found."""
    known, stored = known_metrics(), run.metrics()
    for metric in policy.metrics:
        probe = metric.partition(".")[0]
        gone = [name for name in stored if name.partition(".")[0] == probe and name not in known]
        if metric not in stored and gone:
            raise RunError(
                f"{run.path} was measured by an earlier version of mmcheck: it holds {gone[0]}, but not {metric}.",
                hint="run the same `mmcheck scan` command again; it recomputes only what has changed.",
            )


def judge_run(run: RunFolder, config: Config, progress: Progress) -> RunSummary:
    """Judge every shard, write verdicts, manifests and summary.json; return the summary.

    Raises:
        ConfigError: If the rules are wrong for this run.
        ManifestError: If a source that rows are copied from is gone or not what was scanned.
        RunError: If measurements are missing, or the counts do not sum to the rows read.
        OutputError: If the folder cannot be written.
    """
    policy = make_policy(run, config)
    refuse_unknown_columns(policy, (run.samples_part(shard) for shard in run.shards()))
    columns = written_columns(run, policy, config.output)
    check_sources(run, write_media=config.output.write_media)
    refuse_links(run.path)
    tally, pairs, problems = Tally(run.path), ComparedPairs(), Problems()
    active = {name: rule for name, rule in config.rules.items() if name not in policy.inactive}
    counted_rows = CountedRows.of_run(run, active)
    repeated = RepeatedValues(run, policy.unique_columns)
    reviewed = ReviewedRows(run, config.review)
    progress.phase("judging", run.record.rows)
    # A reader must never see new verdicts beside an old summary.
    for stale in ("summary.json", "report.html"):
        (run.path / stale).unlink(missing_ok=True)
    for stale in PRODUCTS:
        # Made of the earlier verdicts; the report must not link to it as current.
        clear_products(run.path, stale)
    old = _put_aside(run.path / "verdicts")
    labels = {"policy": config.policy_digest()}
    spool = OutputSpool(run, config, columns)
    halves: set[str] = set()
    # Parquet is written outside Python: beside the manifests' lines it costs next to no time.
    with ThreadPoolExecutor(1, thread_name_prefix="verdicts") as pool:
        # Thousands of files take a second to remove; a kill leaves them under a name that the next run sweeps away.
        writing: Future[None] | None = pool.submit(shutil.rmtree, old, ignore_errors=True)
        for group in read_groups(run, {column.probe for column in columns if column.is_text}):
            table = JudgeTable(
                group.samples,
                group.measured,
                columns=policy.columns,
                earlier=repeated.earlier(group.shards[0].start, group.shards[-1].stop),
            )
            verdicts = reviewed.apply(group.shards, group.samples, policy.judge(table))
            pairs.add(table)
            halves.update(half for half in _HALVES if group.samples[half].null_count < group.samples.num_rows)
            if writing is not None:
                writing.result()
            writing = pool.submit(_write_verdicts, run, group.shards, verdicts, labels)
            tally.add(group.samples, group.measured, verdicts)
            problems.add(group.samples, verdicts)
            counted_rows.add(group.samples, group.measured)
            spool.add(group.samples, group.measured, verdicts)
            progress.advance(group.samples.num_rows)
        if writing is not None:
            writing.result()
    repeated.close()
    # Where nothing was to be measured, that all other rules are off is no news.
    missed = policy.missed(halves, config.probes.unset()) if run.probes() else []
    counted = tally.summary(run.record.rows, missed)
    whole = describe_set(run, config, tally, counted_rows, pairs.describe(run, config))
    by_people = reviewed.summary()
    told = {
        "schema_version": SUMMARY_VERSION,
        "status": whole["status"],
        **counted,
        "problems": problems.most_important(),
        **whole,
        "config": compare_with_preset(config).to_json(),
    }
    if by_people is not None:
        told |= {"review": by_people, "notes": [*by_people["sentences"], *whole["notes"]]}
    summary = cast(RunSummary, told)
    _count_source_rows(run, summary)
    tally.values.close()
    write_yaml(run.path / "config.yaml", config.to_yaml())
    write_manifests(run, config, spool, progress)
    spool.close()
    write_json(run.path / "summary.json", summary)
    return summary


def _count_source_rows(run: RunFolder, summary: RunSummary) -> None:
    """Add how many rows the texts stand in, where rows hold several; "rows" elsewhere counts texts."""
    rows = run.record.rows
    source_rows = sum(entry.rows_in_source for entry in run.record.inputs)
    if source_rows == rows:
        return
    note = (
        f"The manifests hold {rows:,} texts in {source_rows:,} rows. Each text is counted and judged on its own; each "
        "folder gets the row with the texts that belong there."
    )
    summary["source_rows"] = source_rows
    summary["notes"] = [note, *summary["notes"]]


def _put_aside(folder: Path) -> Path:
    """Take a folder's name away from it; return the one it has now. What others put there stays where it is."""
    if folder.is_dir() and not all(is_part(path.name) for path in folder.iterdir()):
        clear_parts(folder)
    aside = folder.with_name(f"{TMP_PREFIX}{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        if folder.is_dir() and all(is_part(path.name) for path in folder.iterdir()):
            folder.rename(aside)
    except OSError as error:
        raise OutputError(
            f"cannot remove {folder}: {error.strerror or error}.", hint="make the run folder writable."
        ) from error
    return aside


def _write_verdicts(run: RunFolder, shards: Sequence[Shard], verdicts: pa.Table, labels: Mapping[str, str]) -> None:
    for shard in shards:
        write_part(
            run.verdicts_part(shard), verdicts.slice(shard.start - shards[0].start, shard.stop - shard.start), labels
        )


def written_columns(run: RunFolder, policy: Policy, output: OutputConfig) -> list[WrittenColumn]:
    """Return the columns that rows of a run get beside id, action, codes and reasons.

    Raises:
        ConfigError: If an alias names what there is not, or a name that is taken.
    """
    return choose_columns(_written_metrics(policy), output, known_metrics(), run.probes())


def _written_metrics(policy: Policy) -> list[str]:
    """Return the metrics that go into the manifests: what rules read, unless its part leaves it in Parquet."""
    return [metric for metric in policy.metrics if _is_written(metric.partition(".")[0])]


def _is_written(part: str) -> bool:
    table = ANALYSES if part in ANALYSES else PROBES
    return part in table and table.get(part).traits.in_manifests
