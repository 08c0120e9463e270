"""What the clusters show, in plain sentences: for the terminal, the page and whoever reads summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mmcheck.coverage.clusters import find_excess
from mmcheck.coverage.constants import TOLD_CHANCE, WORTH_NAMING
from mmcheck.coverage.cover import VIEWS
from mmcheck.coverage.summary import ClusterSummary, ContrastSummary, ViewSummary

_NAMED = 3  # clusters that a sentence names; our own choice: a sentence stays readable


def tell_view(name: str, view: ViewSummary, misaligned_by: str) -> list[str]:
    """Return the sentences on one view.

    Args:
        name: Its name, see ``VIEWS``.
        view: Its part of the summary, sentences aside.
        misaligned_by: What the misaligned share was taken from.
    """
    one, many, rows = VIEWS[name].one, VIEWS[name].many, view.rows
    if view.state == "absent":
        hint = view.hint
        return [
            f"No embeddings of the {many} are stored, so they are only counted by slice.",
            f"To cluster them: {hint}" if hint.startswith("scan") else hint[0].upper() + hint[1:],
        ]
    if view.state == "too_few":
        have = f"1 {one} has" if rows == 1 else f"{rows} {many} have"
        return [f"Only {have} an embedding; {view.min_rows} are needed to look for clusters."]
    if view.state == "constant":
        return [
            f"All {rows:,} {many} have the same embedding, or nearly so: there is one cluster and no map. "
            "The media may be copies of one file, or the model may not see them."
        ]
    clusters, balance = view.clusters, view.balance
    said = [
        f"{rows:,} {many} fall into {_count(clusters, 'cluster', 'clusters')}: the largest holds "
        f"{_percent(clusters[0].share)}, and half of the set is in {balance.half} of them.",
        f"The set is as varied as {balance.effective:.1f} equal clusters (Gini coefficient {balance.gini:.2f}).",
    ]
    word = "mismatched" if misaligned_by == "alignment" else "quarantined"
    said += _stand_out(clusters, "misaligned", view.misaligned, word, many)
    said += _stand_out(clusters, "vague", view.vague, "vague", VIEWS[name].kind.texts_noun)
    if view.near_empty:
        said.append(
            f"{_count(view.near_empty, 'cluster holds', 'clusters hold')} less than a tenth of the mean: "
            f"{_names(clusters, view.near_empty)}."
        )
    if view.spread_out:
        said.append(
            f"{_count(view.spread_out, 'cluster is', 'clusters are')} wide, a sparse region of {many} that differ "
            f"from each other: {_names(clusters, view.spread_out)}."
        )
    lonely = view.lonely
    if lonely.rows:
        said_of = ("has", "it is", "does") if lonely.rows == 1 else ("have", "they are", "do")
        said.append(
            f"{lonely.rows:,} of {lonely.of:,} sampled {many} ({_percent(lonely.rows / lonely.of)}) "
            f"{said_of[0]} no near neighbours: {said_of[1]} rare, or {said_of[2]} not belong here."
        )
    if missed := view.rows_without_embedding:
        said.append(
            f"1 {one} has no embedding and is not on the map."
            if missed == 1
            else f"{missed:,} {many} have no embedding and are not on the map."
        )
    return said + _tell_reference(view, many)


def _tell_reference(view: ViewSummary, many: str) -> list[str]:
    if view.reference_rows is None:
        return []
    missing, over = view.missing, view.over_represented
    known, untold = view.reference_clusters, view.untold
    said = []
    if not known:
        have = f"{view.reference_rows:,} {many}"
        said.append(f"The reference has too little to compare with: {have} with an embedding, or all of them alike.")
    elif missing:
        share = sum(entry.rows_there for entry in missing) / max(view.reference_rows, 1)
        said.append(
            f"Missing: {len(missing)} of the reference's {known} clusters ({_percent(share)} of its {many}) are absent "
            f"or nearly absent here: {_contrasts(missing)}."
        )
    elif untold >= known:
        said.append("The two sets are too small to tell whether anything of the reference is missing here.")
    else:
        said.append("No cluster of the reference is clearly missing here.")
    if over:
        said.append(
            f"Over-represented: {_count(over, 'cluster is', 'clusters are')} at least three times as frequent here as "
            f"in the reference: {_contrasts(over)}."
        )
    if 0 < untold < known:
        said.append(
            f"For {_count(untold, 'cluster', 'clusters')} of the reference this set is too small to tell whether "
            "anything is missing."
        )
    return said


def _stand_out(
    clusters: Sequence[ClusterSummary], key: Literal["misaligned", "vague"], whole: float | None, word: str, many: str
) -> list[str]:
    """Return a sentence on the clusters whose share is higher than chance explains."""
    if not whole or whole >= 1:
        return []
    sizes = np.array([cluster.size for cluster in clusters], dtype=np.int64)
    shares = np.array([getattr(cluster, key) or 0.0 for cluster in clusters])
    chances = find_excess(np.rint(shares * sizes).astype(np.int64), sizes, whole)
    clear = (shares > WORTH_NAMING * whole) & (chances < TOLD_CHANCE / len(clusters))
    found = [cluster for cluster, named in zip(clusters, clear.tolist(), strict=True) if named]
    if not found:
        return [f"No cluster has clearly more {word} {many} than the set as a whole ({_percent(whole)})."]
    worst = sorted(found, key=lambda cluster: (-getattr(cluster, key), cluster.cluster))
    named = ", ".join(f"'{cluster.name}' {_percent(getattr(cluster, key))}" for cluster in worst[:_NAMED])
    more = f" and {len(worst) - _NAMED} more" if len(worst) > _NAMED else ""
    verb = "cluster has" if len(found) == 1 else "clusters have"
    return [f"{len(found)} {verb} clearly more {word} {many} than the whole set ({_percent(whole)}): {named}{more}."]


def _names(clusters: Sequence[ClusterSummary], chosen: Sequence[int]) -> str:
    named = ", ".join(f"'{clusters[number].name}' ({clusters[number].size:,})" for number in chosen[:_NAMED])
    return named + (f" and {len(chosen) - _NAMED} more" if len(chosen) > _NAMED else "")


def _contrasts(entries: Sequence[ContrastSummary]) -> str:
    named = ", ".join(f"'{e.name}' ({e.rows_there:,} against {e.rows_here:,})" for e in entries[:_NAMED])
    return named + (f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else "")


def _count(items: Sequence[object] | int, one: str, many: str) -> str:
    count = items if isinstance(items, int) else len(items)
    return f"{count:,} {one if count == 1 else many}"


def _percent(share: float) -> str:
    percent = 100 * share
    return "less than 0.1 %" if 0 < percent < 0.1 else f"{percent:.3g} %"
