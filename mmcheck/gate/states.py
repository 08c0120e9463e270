"""Whether a run is in a state in which its verdicts are worth less, whatever they are."""

from __future__ import annotations

from typing import Literal

from mmcheck.config.gate import RefusedState
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.formats.manifest_digest import describe_input
from mmcheck.store.run_folder import RunFolder

_JUDGE_AGAIN = "an earlier version judged this run, and did not note what was compared; run `mmcheck judge` on it"


def tell_state(run: RunFolder, state: RefusedState) -> str:
    """Return why a run is in a state, as part of a sentence; "" if it is not.

    Args:
        run: The run.
        state: What is asked about.

    Raises:
        RunError: If what it asks is damaged.
    """
    if state == "limited":
        return _limited(run)
    if state == "bundled_model":
        return _bundled(run)
    if state == "changed_inputs":
        return _changed(run)
    if "pairs" not in run.summary:
        return _JUDGE_AGAIN
    found = [kind for kind in PAIR_KINDS if has_pairs(run, kind)]
    if state == "not_compared":
        return "; ".join(f"no model compared the {kind.pairs}" for kind in found if not _count(run, kind, "compared"))
    blind = [kind for kind in found if _count(run, kind, "compared") and not _count(run, kind, "judged")]
    return "; ".join(why_not_judged(run, kind) for kind in blind)


def has_pairs(run: RunFolder, kind: PairKind) -> bool:
    """Return whether the run holds pairs of a kind; early versions, which did not count them, noted the halves alone.

    Args:
        run: The run.
        kind: Which kind.
    """
    if "pairs" in run.summary:
        return bool(_count(run, kind, "pairs"))
    return run.record.holds(kind.medium) and run.record.holds(kind.text)


def why_not_judged(run: RunFolder, kind: PairKind) -> str:
    """Return why no mismatched share of a kind of pair is known, as part of a sentence.

    Args:
        run: The run.
        kind: Whose pairs.
    """
    by = kind.compared_by(run.record.probes)
    if by is None:
        return f"no model compared the {kind.pairs}"
    part = run.summary.get("analyses", {}).get(by.judged_by)
    if part is None:
        return f"the {kind.pairs} were compared, but the analysis {by.judged_by} did not run"
    own = part.get(kind.name)
    reason = own.get("reason") if isinstance(own, dict) else None
    return str(reason) if reason else f"none of the {kind.pairs} could be judged"


def _count(run: RunFolder, kind: PairKind, key: Literal["pairs", "compared", "judged"]) -> int:
    part = run.summary["pairs"].get(kind.name)
    return 0 if part is None else part[key]


def _limited(run: RunFolder) -> str:
    limit, rows = run.record.limit, run.record.rows
    return "" if limit is None or rows < limit else f"only the first {rows:,} rows were read (--limit {limit})"


def _bundled(run: RunFolder) -> str:
    from mmcheck.backends.weights import find_bundled

    named = {name: part.model for name, part in run.record.probes.items() if part.model and not part.is_given}
    found = [f"{probe} used {model}" for probe, model in named.items() if find_bundled(model) is not None]
    return f"{' and '.join(found)}, made for demos, which cannot judge real data" if found else ""


def _changed(run: RunFolder) -> str:
    told = []
    for entry in run.record.inputs:
        if not entry.digest:
            continue
        try:
            if describe_input(entry.manifest).digest != entry.digest:
                told.append(f"{entry.manifest} has changed since it was scanned")
        except ManifestError as error:
            told.append(error.message.rstrip("."))
    return "; ".join(told)
