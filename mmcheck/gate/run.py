"""``mmcheck gate``: a finished run held to the limits of the config's section ``gate``; reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmcheck.config import Config
from mmcheck.config.gate import GateConfig
from mmcheck.config.resolve import resolve_config
from mmcheck.core.arrays import Floats
from mmcheck.core.errors import ConfigError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.sentences import count_noun, percent
from mmcheck.decide.fail_on import FailOn, mark_rows, parse_limit, parse_share
from mmcheck.gate.mismatched import judge_mismatched
from mmcheck.gate.slices import SliceCounts, SlicedRows, require_columns
from mmcheck.gate.states import has_pairs, tell_state
from mmcheck.gate.summary import GateCase, GateSummary
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.run_folder import RunFolder, column_names, read_part

MISMATCHED = "mismatched"
"""Outcome that is estimated and not counted."""
_GIVEN = "gate.max."


def gate_run(
    path: str | Path,
    config: str | Path | Config | None = None,
    *,
    overrides: Sequence[str] = (),
    strict: bool = False,
) -> GateSummary:
    """Hold a finished run to release limits, and return what was found; nothing is written.

    Args:
        path: The run folder.
        config: A preset's name, a YAML file or a Config whose section ``gate`` has the limits; None: the run's own.
        overrides: ``gate.key=value`` strings.
        strict: Whether what may be above a limit fails as well.

    Raises:
        ConfigError: If there is no limit, or one is wrong for this run.
        OutputError: If it is not a run folder, or another process writes to it.
        RunError: If the run is not complete or damaged.
    """
    with hold_for_reading(RunFolder(path).path):
        run = RunFolder(path)
        require_complete(run)
        own = run.config()
        wanted = _limits(own, config, overrides)
        counted = [
            parse_limit(name, limit, own.rules, given=_GIVEN)
            for name, limit in wanted.limits.items()
            if name != MISMATCHED
        ]
        share = wanted.limits.get(MISMATCHED)
        most = None if share is None else parse_share(MISMATCHED, share, given=_GIVEN)
        whole, columns = _count(run, [limit.name for limit in counted], wanted.per_slice, estimates=most is not None)
        cases = [*_states(run, wanted), *_judge(run, whole, "", counted, most, strict)]
        notes = []
        for sliced in columns:
            small = []
            for name, part in sorted(sliced.slices.items(), key=lambda entry: (-entry[1].rows, entry[0])):
                if part.rows < wanted.min_slice_rows:
                    small.append(part.rows)
                    continue
                shares = [limit for limit in counted if limit.is_share]
                cases += _judge(run, part, f"{sliced.column}={name}", shares, most, strict)
            if small:
                notes.append(
                    f"{count_noun(len(small), 'slice')} of {sliced.column} with fewer than {wanted.min_slice_rows:,} "
                    f"rows ({count_noun(sum(small), 'row')} in all) {'is' if len(small) == 1 else 'are'} not held to "
                    "the limits apart."
                )
    failed = sum(case.verdict == "fail" for case in cases)
    return GateSummary(
        run=str(run.path),
        mmcheck_version=run.record.mmcheck_version,
        rows=run.record.rows,
        strict=strict,
        passed=not failed,
        failed=failed,
        warned=sum(case.verdict == "warn" for case in cases),
        cases=tuple(cases),
        notes=tuple(notes),
    )


def _limits(own: Config, config: str | Path | Config | None, overrides: Sequence[str]) -> GateConfig:
    for override in overrides:
        if override.partition("=")[0].strip().partition(".")[0] != "gate":
            raise ConfigError(
                f"--set {override}: a gate only looks at verdicts, so only keys of section `gate` can be set.",
                hint="to judge by other rules first: mmcheck judge RUN --set ...",
            )
    found = resolve_config(own if config is None else config, overrides=overrides).gate
    if not found.holds_anything:
        raise ConfigError(
            "there is no limit to hold the run to: section `gate` of the config is empty.",
            hint="for example --set gate.max.quarantine=5% --set gate.max.mismatched=2% --set gate.max.unchecked=0, or "
            "--config FILE with a section `gate` (configs/examples/gate.yaml; docs/gate.md).",
        )
    return found


def _count(
    run: RunFolder, names: Sequence[str], per_slice: Sequence[str], *, estimates: bool
) -> tuple[SliceCounts, list[SlicedRows]]:
    """Return the counts of the whole run, and those of each column by slice."""
    columns = [SlicedRows(column) for column in dict.fromkeys(("", *per_slice))]
    reads = list(dict.fromkeys(["id", *(sliced.reads for sliced in columns if sliced.reads)]))
    by = {kind.name: found for kind in PAIR_KINDS if (found := kind.compared_by(run.record.probes)) is not None}
    for shard in run.shards():
        outcomes = mark_rows(read_part(run.verdicts_part(shard), ["action", "codes"]), names)
        posteriors: dict[str, Floats] = {}
        for kind, comparison in by.items() if estimates else ():
            part = run.measurements_part(comparison.judged_by, shard)
            name = comparison.posterior.partition(".")[2]
            if comparison.judged_by in run.record.analyses and name in column_names(part):
                values = read_part(part, [name])[name].to_numpy().astype(np.float64)
                posteriors[kind] = values
        samples = read_part(run.samples_part(shard), reads)
        for sliced in columns:
            sliced.add(samples, outcomes, posteriors)
    require_columns(columns, run)
    return columns[0].slices.get("", SliceCounts()), columns[1:]


def _states(run: RunFolder, wanted: GateConfig) -> Iterator[GateCase]:
    """Yield the cases of what holds for the run as a whole."""
    rows = run.record.rows
    if wanted.min_rows:
        yield _case(
            "rows",
            f"at least {wanted.min_rows:,}",
            f"{rows:,}",
            f"The run holds {count_noun(rows, 'row')}; at least {wanted.min_rows:,} must be there.",
            fails=rows < wanted.min_rows,
            rows=rows,
            count=rows,
        )
    for state in wanted.refuse:
        why = tell_state(run, state)
        told = f"{why[:1].upper()}{why[1:]}." if why else f"This does not hold of the run: {state.replace('_', ' ')}."
        yield _case(f"state.{state}", "refused", "yes" if why else "no", told, fails=bool(why), rows=rows)


def _judge(
    run: RunFolder, part: SliceCounts, label: str, counted: Sequence[FailOn], most: float | None, strict: bool
) -> Iterator[GateCase]:
    for limit in counted:
        count = part.outcomes.get(limit.name, 0)
        share = count / part.rows if part.rows else None
        told = f"{count:,} of {count_noun(part.rows, 'row')}" + ("" if share is None else f" ({percent(share)} %)")
        yield _case(
            limit.name,
            f"at most {limit}{'' if limit.is_share else ' rows'}",
            told,
            f"{limit.name}: {told}; at most {limit} may be.",
            fails=limit.is_broken_by(count, part.rows),
            rows=part.rows,
            count=count,
            label=label,
            share=share,
        )
    if most is not None and part.rows:
        yield from _judge_pairs(run, part, label, most, strict)


def _judge_pairs(run: RunFolder, part: SliceCounts, label: str, most: float, strict: bool) -> Iterator[GateCase]:
    kinds = [kind for kind in PAIR_KINDS if has_pairs(run, kind)]
    if label:
        # A slice holds pairs of one kind more often than of all.
        kinds = [kind for kind in kinds if part.judged.get(kind.name)] or kinds
    for kind in kinds:
        yield judge_mismatched(run, kind, part, label, most, strict=strict)
    if not kinds:
        yield _case(
            MISMATCHED,
            f"at most {100 * most:g} %",
            "not known",
            "How many pairs are mismatched is not known: the run holds no pair of a medium and a text.",
            fails=True,
            rows=part.rows,
            label=label,
        )


def _case(
    check: str,
    limit: str,
    measured: str,
    message: str,
    *,
    fails: bool,
    rows: int,
    count: int | None = None,
    label: str = "",
    share: float | None = None,
) -> GateCase:
    return GateCase(
        check=check,
        slice=label,
        limit=limit,
        measured=measured,
        share=None if share is None else round(share, 6),
        share_low=None,
        share_high=None,
        count=count,
        rows=rows,
        verdict="fail" if fails else "pass",
        message=message,
    )
