"""One row's whole story: as it was read, what was measured and against what, what was found, and who decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.codes.explain import tell_title
from mmcheck.config import Config
from mmcheck.core.json_types import LoadedJson
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Metric
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.schema import load_json
from mmcheck.store.stored_rows import StoredRow, read_rows

_SHARES = {
    "min": 0.0,
    "p01": 0.01,
    "p05": 0.05,
    "p25": 0.25,
    "p50": 0.5,
    "p75": 0.75,
    "p95": 0.95,
    "p99": 0.99,
    "max": 1.0,
}
"""Keys of a metric in summary.json -> share of the rows that have less. Given by summary.json."""
_FIXED = ("sample_id", "status", "reason", "cause", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStory:
    """A limit that a rule sets on a metric."""

    rule: str
    side: str
    """``min`` or ``max``."""
    value: float
    action: str
    is_broken: bool
    """Whether the row's value lies beyond it; conditions of the rule may still keep it silent."""
    share_below: float | None
    """Share of the run's rows that have less than the limit, 0..1; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreStory:
    """One measured number of the row, against the rest of the run."""

    metric: str
    value: float
    unit: str
    description: str
    higher_is_better: bool | None
    share_below: float | None
    """Share of the run's rows that have less, 0..1, by the quantiles of summary.json; None: not known."""
    limits: tuple[LimitStory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingStory:
    """One reason why the row is not simply kept."""

    code: str
    title: str
    """What such a finding says, without this row's numbers."""
    action: str
    message: str
    metric: str | None
    observed: float | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediumStory:
    """A medium of the row."""

    kind: str
    """``image`` or ``audio``; the column's name for a further medium of the row."""
    path: str
    """Path or URL; ``archive::member`` inside an archive."""
    start: float | None
    """First second of the segment."""
    duration: float | None
    """Length of the segment in seconds."""
    channel: int | None
    sha256: str | None
    """Digest of the bytes; None: not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStory:
    """What measured the row, or why it did not."""

    name: str
    status: str
    reason: str | None
    notes: tuple[str, ...]
    """What else it says of the row in words."""
    model: str
    """Name of its model; "" if it has none."""
    weights_sha256: str
    fingerprint: str
    """Digest of its code version, weights and options."""
    evidence: LoadedJson


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStory:
    """Everything that a run knows of one row."""

    run: str
    id: str
    index: int
    """0-based number in the run."""
    manifest: str
    row_number: int
    """1-based line or row in that manifest."""
    row: LoadedJson
    """The row as read, media bytes left out."""
    problem: str | None
    """Why the row could not be read."""
    texts: Mapping[str, str]
    """Column -> text."""
    language: str | None
    media: tuple[MediumStory, ...]
    action: str
    findings: tuple[FindingStory, ...]
    decided_by: str
    """``policy``, or who reviewed it."""
    policy_digest: str
    """Digest of the rules that decided."""
    scores: tuple[ScoreStory, ...]
    probes: tuple[ProbeStory, ...]
    mmcheck_version: str
    config_digest: str | None
    versions: Mapping[str, str]
    """Python and packages of the scan."""


def tell_rows(run: RunFolder, indices: Sequence[int]) -> list[RowStory]:
    """Return the stories of rows by their numbers (0-based).

    Raises:
        RunError: If the run was not judged, or is damaged.
    """
    config, quantiles = run.config(), run.summary["metrics"]
    rows = read_rows(run, indices, {name: None for name in run.probes()})
    return [_tell(run, config, quantiles, rows[index]) for index in indices]


def _tell(run: RunFolder, config: Config, quantiles: Mapping[str, Mapping[str, float]], row: StoredRow) -> RowStory:
    sample, verdict, record = row.sample, row.verdict, run.record
    return RowStory(
        run=str(run.path),
        id=sample.id,
        index=row.index,
        manifest=sample.manifest,
        row_number=sample.row_number,
        row=dict(sample.row),
        problem=None if sample.problem is None else sample.problem.message,
        texts={kind.text: text for kind in PAIR_KINDS if (text := kind.text_of(sample)) is not None},
        language=sample.language,
        media=tuple(_media(row)),
        action=verdict["action"],
        findings=tuple(
            FindingStory(
                code=finding["code"] or "",
                title=tell_title(finding["rule"] or "", config.rules.get(finding["rule"] or "")),
                action=finding["action"] or "",
                message=finding["message"] or "",
                metric=finding["metric"],
                observed=finding["observed"],
                limit=finding["limit"],
            )
            for finding in verdict["findings"] or ()
        ),
        decided_by=verdict.get("decided_by") or "policy",
        policy_digest=verdict.get("policy_digest") or "",
        scores=tuple(_scores(run.metrics(), config, quantiles, row)),
        probes=tuple(_probe(run, name, found) for name, found in row.measured.items()),
        mmcheck_version=record.mmcheck_version,
        config_digest=record.config_digest,
        versions=dict(record.versions),
    )


def _media(row: StoredRow) -> list[MediumStory]:
    named = [(kind.medium, ref) for kind in PAIR_KINDS if (ref := kind.medium_of(row.sample)) is not None]
    further = [(one.column, one.ref) for one in row.sample.further]
    digests = row.measured.get("media", {})
    return [
        MediumStory(
            kind=kind,
            path=ref.place,
            start=ref.start,
            duration=ref.duration,
            channel=ref.channel,
            sha256=digest.hex() if isinstance(digest := digests.get(f"{kind}_sha256"), bytes) else None,
        )
        for kind, ref in (*named, *further)
    ]


def _scores(
    metrics: Mapping[str, Metric], config: Config, quantiles: Mapping[str, Mapping[str, float]], row: StoredRow
) -> list[ScoreStory]:
    found = []
    for name, metric in metrics.items():
        probe, _, short = name.partition(".")
        value = row.measured.get(probe, {}).get(short)
        if value is None or value != value:
            continue
        spread = quantiles.get(name, {})
        limits = [
            LimitStory(
                rule=rule_name,
                side=side,
                value=limit,
                action=rule.action,
                is_broken=value < limit if side == "min" else value > limit,
                share_below=_share_below(spread, limit),
            )
            for rule_name, rule in config.rules.items()
            if rule.enabled and rule.metric == name
            for side, limit in (("min", rule.min), ("max", rule.max))
            if limit is not None
        ]
        found.append(
            ScoreStory(
                metric=name,
                value=value,
                unit="" if metric.unit == "1" else metric.unit,
                description=metric.description,
                higher_is_better=metric.higher_is_better,
                share_below=_share_below(spread, value),
                limits=tuple(limits),
            )
        )
    return found


def _share_below(quantiles: Mapping[str, float], value: float) -> float | None:
    """Return about which share of the run's rows have less than ``value``; None where nothing can be said."""
    points = [(quantiles[key], share) for key, share in _SHARES.items() if key in quantiles]
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    # Where several quantiles are equal, rows with just that value lie in the middle of them.
    values = np.array([point for point, _ in points])
    shares = np.array([share for _, share in points])
    equal = shares[values == value]
    return float(equal.mean()) if len(equal) else float(np.interp(value, values, shares))


def _probe(run: RunFolder, name: str, found: LoadedJson) -> ProbeStory:
    part = run.record.measured()[name]
    probe = run.record.probes.get(name)
    words = [
        f"{column.replace('_', ' ')}: {value}"
        for column, value in found.items()
        if column not in _FIXED and isinstance(value, str)
    ]
    text = found.get("evidence")
    return ProbeStory(
        name=name,
        status=found.get("status") or "measured",
        reason=found.get("reason"),
        notes=tuple(words),
        model=probe.model if probe is not None else "",
        weights_sha256=probe.weights_sha256 if probe is not None else "",
        fingerprint=part.fingerprint or "",
        evidence=load_json(text) if text else {},
    )
