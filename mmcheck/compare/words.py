"""What a comparison means, in sentences: for the terminal, the page and the summary alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmcheck.compare.matching import Match
from mmcheck.compare.summary import (
    ClusterChange,
    Differences,
    MetricShift,
    RateChange,
    RowCounts,
    ShareChange,
    Transition,
)
from mmcheck.core.sentences import count_noun

HOW = {
    Match.SAME: "same",
    Match.RENAMED: "renamed",
    Match.TEXT: "text_edited",
    Match.MEDIUM: "medium_replaced",
    Match.OTHER: "other_content",
}
"""What a match is called in tables."""
TITLES = {
    "same": "the same",
    "renamed": "the same, under another id",
    "text_edited": "text edited",
    "medium_replaced": "image or recording replaced",
    "other_content": "same id, other content",
    "vanished": "gone",
    "new": "new",
}
"""What becomes of rows, for people."""
_SHOWN = 3  # metrics or clusters that a sentence names; our own choice: it stays readable


def tell_rows(rows: RowCounts) -> str:
    """Return one sentence on what became of the rows."""
    counts = [(getattr(rows, name), title) for name, title in TITLES.items()]
    told = [f"{count:,} {title}" for count, title in counts if count]
    return f"Rows: {', '.join(told)}." if told else "Neither run holds a row."


def has_changed(
    rows: RowCounts,
    transitions: Sequence[Transition],
    shifts: Sequence[MetricShift],
    shares: Sequence[ShareChange],
    clusters: Sequence[ClusterChange],
    codes: int,
) -> bool:
    """Return whether rows, verdicts, codes or values differ.

    Args:
        rows: What became of the rows.
        transitions: Their verdicts.
        shifts: Distributions of metrics.
        shares: Mismatched shares.
        clusters: Clusters that changed.
        codes: Rows that both have, with other codes.
    """
    gone = rows.renamed + rows.text_edited + rows.medium_replaced + rows.other_content + rows.vanished + rows.new
    return bool(
        gone
        or codes
        or clusters
        or any(one.before != one.after for one in transitions)
        or any(one.distance > 0 for one in shifts)
        or any(one.is_other for one in shares)
    )


def tell(
    rows: RowCounts,
    differences: Differences,
    transitions: Sequence[Transition],
    rates: Sequence[RateChange],
    shifts: Sequence[MetricShift],
    shares: Sequence[ShareChange],
    clusters: Sequence[ClusterChange],
    *,
    changed: bool,
    other_codes: int,
) -> Iterator[str]:
    """Yield the sentences, how the runs were made first; ``other_codes`` are rows whose findings changed."""
    yield from differences.sentences
    if not changed:
        yield "Nothing changed: both runs hold the same rows with the same verdicts, codes and values."
        return
    yield tell_rows(rows)
    if rows.moved:
        yield f"{count_noun(rows.moved, 'row')} of the same content {_stand(rows.moved)} at another place."
    yield from _tell_verdicts(transitions, differences)
    if other_codes:
        yield f"{count_noun(other_codes, 'row')} that both runs have got other findings."
    sure = [
        rate for rate in rates if rate.low is not None and rate.high is not None and (rate.low > 0 or rate.high < 0)
    ]
    for rate in sorted(sure, key=lambda one: -abs(one.difference or 0))[:_SHOWN]:
        yield (
            f"{rate.outcome}: {_percent(rate.share_before)} before, {_percent(rate.share_after)} after (difference "
            f"{_points(rate.difference)}, 95 % interval {_points(rate.low)} to {_points(rate.high)})."
        )
    yield from (one.sentence for one in shares if one.is_other)
    moved = [shift for shift in shifts if shift.moved]
    if moved:
        names = ", ".join(f"{shift.metric} (PSI {shift.stability_index:.2f})" for shift in moved[:_SHOWN])
        more = f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
        yield f"Values moved: {names}{more}."
    for change in ("came", "vanished", "grew", "shrank"):
        own = [one for one in clusters if one.change == change]
        if own:
            names = "; ".join(f"{one.name} ({one.view})" for one in own[:_SHOWN])
            more = f" and {len(own) - _SHOWN} more" if len(own) > _SHOWN else ""
            yield f"{count_noun(len(own), 'cluster')} {change}: {names}{more}."


def _tell_verdicts(transitions: Sequence[Transition], differences: Differences) -> Iterator[str]:
    changed = [one for one in transitions if one.before != one.after]
    total, edited = sum(one.rows for one in changed), sum(one.edited for one in changed)
    if not total:
        yield "No row that both runs have got another verdict."
        return
    told = ", ".join(
        f"{one.rows:,} from {one.before} to {one.after}" for one in sorted(changed, key=lambda one: -one.rows)
    )
    yield f"{count_noun(total, 'row')} that both runs have got another verdict: {told}."
    same = total - edited
    if same and not (differences.settings or differences.models or differences.versions):
        yield (
            f"{count_noun(same, 'of them has', 'of them have')} the same content, and rules and models are the same: "
            "the rest of the set, which they are judged by, changed."
        )
    elif same:
        yield f"{count_noun(same, 'of them has', 'of them have')} the same content."


def _stand(count: int) -> str:
    return "stands" if count == 1 else "stand"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:+.1f}"
