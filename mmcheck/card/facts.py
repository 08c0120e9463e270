"""How a set was filtered, counted from a judged run: what was removed, why, by slice, by which models and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.codes.explain import tell_kept, tell_title
from mmcheck.config.differences import DifferencesTree
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Action
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.run_summary import Counts

NO_SLICE = "(none)"
"""Name of the slice of rows that name no language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalReason:
    """One rule that kept rows out of the set."""

    rule: str
    title: str
    """What its findings say, in a few words."""
    kept: str
    """Which values it keeps; "" if it has no limit."""
    rows: int
    """Rows that are not in the set and have a finding of it; a row may have several reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFacts:
    """The rows of one manifest or language."""

    column: str
    """``manifest`` or ``language``."""
    name: str
    """Its name; of a manifest the last part of the path."""
    rows: int
    kept: int
    reasons: tuple[tuple[str, int], ...]
    """Rule -> rows that are not in the set, the most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A model that measured pairs."""

    probe: str
    name: str
    sha256: str
    """Digest of its weights; "" if it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """A manifest that the set was made of."""

    name: str
    """The last part of its path: where it lay on somebody's disk is nobody else's business."""
    format: str
    rows: int
    sha256: str
    """Digest of its content; "" if only size and ends were looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterFacts:
    """How the set was filtered."""

    version: str
    """Of mmcheck."""
    rows: int
    """Rows read."""
    counts: dict[str, int]
    """Verdict -> rows."""
    verdicts: tuple[str, ...]
    """Verdicts whose rows are in the set."""
    kept: int
    """Rows of the set."""
    kinds: tuple[str, ...]
    """Kinds of pairs that the set holds."""
    languages: tuple[str, ...]
    reasons: tuple[RemovalReason, ...]
    slices: tuple[SliceFacts, ...]
    models: tuple[ModelFacts, ...]
    sources: tuple[SourceFacts, ...]
    warnings: tuple[str, ...]
    """What limits the verdicts."""
    costs: tuple[str, ...]
    """What the limits are expected to cost."""
    preset: str
    changes: tuple[str, ...]
    """What the config says otherwise than its preset."""
    policy_digest: str


def gather_facts(run: RunFolder, verdicts: Collection[Action]) -> FilterFacts:
    """Return how a set of the rows with these verdicts was filtered.

    Raises:
        RunError: If the run was not judged, or is damaged.
    """
    summary, record, config = run.summary, run.record, run.config()
    removed = _count_reasons(run, verdicts)
    totals: Counter[str] = Counter()
    for (column, _), reasons in removed.items():
        if column == "manifest":
            totals.update(reasons)
    nothing: DifferencesTree = {"preset": "", "changed": {}, "rules_off": [], "rules_added": []}
    differs = summary.get("config", nothing)
    counts = _counts(summary)
    wanted = tuple(action.value for action in Action if action in verdicts)
    slices = []
    for column, found in (("manifest", summary["manifests"]), ("language", summary["languages"])):
        if column == "language" and set(found) <= {NO_SLICE}:
            continue
        slices += [
            SliceFacts(
                column=column,
                name=_last(name) if column == "manifest" else name,
                rows=part["rows_read"],
                kept=sum(_counts(part)[action] for action in wanted),
                reasons=tuple(removed.get((column, name), Counter()).most_common()),
            )
            for name, part in found.items()
        ]
    return FilterFacts(
        version=record.mmcheck_version,
        rows=summary["rows_read"],
        counts=counts,
        verdicts=wanted,
        kept=sum(counts[name] for name in wanted),
        kinds=tuple(kind.name for kind in PAIR_KINDS if kind.name in summary.get("pairs", {})),
        languages=tuple(name for name in summary["languages"] if name != NO_SLICE),
        reasons=tuple(
            RemovalReason(
                rule=rule,
                title=tell_title(rule, config.rules.get(rule)),
                kept=tell_kept(config.rules[rule]) if rule in config.rules else "",
                rows=rows,
            )
            for rule, rows in totals.most_common()
        ),
        slices=tuple(slices),
        models=tuple(
            ModelFacts(probe=name, name=_show(part.model), sha256=part.weights_sha256)
            for name, part in record.probes.items()
            if part.model
        ),
        sources=tuple(
            SourceFacts(
                name=_last(entry.manifest),
                format=entry.format,
                rows=entry.rows,
                sha256=entry.digest if entry.digest_of == "content" else "",
            )
            for entry in record.inputs
        ),
        warnings=tuple(summary.get("warnings", ())),
        costs=tuple(part["sentence"] for part in summary.get("expected_false_quarantine", {}).values()),
        preset=differs["preset"],
        changes=tuple(
            [f"{key}: {_show(old)} -> {_show(new)}" for key, (old, new) in differs["changed"].items()]
            + [f"rule off: {name}" for name in differs["rules_off"]]
            + [f"rule added: {name}" for name in differs["rules_added"]]
        ),
        policy_digest=config.policy_digest(),
    )


def _counts(part: Counts) -> dict[str, int]:
    return {
        "keep": part["keep"],
        "flag": part["flag"],
        "quarantine": part["quarantine"],
        "unchecked": part["unchecked"],
    }


def _count_reasons(run: RunFolder, verdicts: Collection[Action]) -> dict[tuple[str, str], Counter[str]]:
    """Return (column, slice) -> rule -> rows that are not in the set."""
    found: dict[tuple[str, str], Counter[str]] = {}
    inside = pa.array([action.value for action in verdicts], pa.string())
    for shard in run.shards():
        samples = read_part(run.samples_part(shard), ["manifest", "language"])
        judged = read_part(run.verdicts_part(shard), ["action", "findings"])
        out = ~pc.is_in(judged["action"], value_set=inside).to_numpy()
        findings = judged["findings"].combine_chunks()
        parents = pc.list_parent_indices(findings).to_numpy(zero_copy_only=False)
        rules = pc.struct_field(pc.list_flatten(findings), "rule")
        places = np.flatnonzero(out[parents])
        table = pa.table({"row": parents[places], "rule": rules.take(pa.array(places))})
        # Both pairs of a row may have a finding of one rule: it is one row.
        single = table.group_by(["row", "rule"]).aggregate([])
        for column in ("manifest", "language"):
            names = pc.fill_null(samples[column].take(single["row"]), NO_SLICE)
            pairs = pa.table({"slice": names, "rule": single["rule"]})
            for one in pairs.group_by(["slice", "rule"]).aggregate([([], "count_all")]).to_pylist():
                found.setdefault((column, one["slice"]), Counter())[one["rule"]] += one["count_all"]
    return found


def _show(value: object) -> str:
    """Return a value of the config; of a path on somebody's disk only the last part."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_show(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:g}"
    return _last(value) if isinstance(value, str) and value.startswith(("/", "~", ".")) else str(value)


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]
