"""The page of a comparison: how the runs differ, then each changed row as it was and as it is.

Whether a changed text or picture is for the better is for a person to see. The page holds no script, carries its media
itself and loads nothing, like the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmcheck.compare.summary import ClusterChange, CompareSummary, MetricShift, RateChange
from mmcheck.compare.verdicts import ACTIONS
from mmcheck.compare.words import TITLES
from mmcheck.core.atomic import write_text
from mmcheck.core.sentences import count_noun
from mmcheck.report.media_embed import MAX_MEDIA_BYTES, MediaBudget
from mmcheck.report.page import asset, render_page
from mmcheck.report.shown_rows import ShownRow, load_rows
from mmcheck.report.shown_text import format_share, format_value, show_plain
from mmcheck.store.run_folder import RunFolder

PACKAGE = "mmcheck.compare"
PAGE_NAME = "compare.html"
_MAX_RATES = 40  # outcomes that the page lists; our own choice: the page stays readable
_MAX_SHIFTS = 40  # metrics that the page lists; our own choice: likewise
_MAX_SETTINGS = 60  # settings that the page lists; our own choice: likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """One changed row as the page shows it."""

    what: str
    """What became of its content."""
    before: ShownRow | None
    """The row of the earlier run; None if it is new."""
    after: ShownRow | None
    """The row of the later run; None if it is gone."""
    is_worse: bool
    """Whether its verdict got worse."""
    is_verdict: bool
    """Whether its verdict changed."""


def write_compare_page(
    out: Path, summary: CompareSummary, table: pa.Table, before: RunFolder, after: RunFolder
) -> Path:
    """Write ``compare.html`` into the folder of a comparison, whole or not at all, and return its path.

    Args:
        out: The folder.
        summary: What was found.
        table: The changed rows.
        before: The earlier run.
        after: The later one.

    Raises:
        RunError: If a part of a run is missing or damaged.
        OutputError: If the page cannot be written.
    """
    path = out / PAGE_NAME
    write_text(path, build_compare_page(summary, table, before, after))
    return path


def build_compare_page(summary: CompareSummary, table: pa.Table, before: RunFolder, after: RunFolder) -> str:
    """Return the page of a comparison as one HTML text without a link to anything outside it.

    Raises:
        RunError: If a part of a run is missing or damaged.
    """
    config = after.config()
    chosen = _choose(table, config.report.max_rows)
    budgets = [MediaBudget(MAX_MEDIA_BYTES // 2) for _ in range(2)]
    sides = []
    for side, run, budget in (("before", before, budgets[0]), ("after", after, budgets[1])):
        indices = [row[f"index_{side}"] for row in chosen if row[f"index_{side}"] is not None]
        rows = iter(load_rows(run, run.config().model_copy(update={"report": config.report}), indices, budget))
        sides.append([None if row[f"index_{side}"] is None else next(rows) for row in chosen])
    refused = sum(budget.refused for budget in budgets)
    cells = {(one.before, one.after): one for one in summary.transitions}
    return render_page(
        PACKAGE,
        "page.html.j2",
        style=asset("report.css") + asset("page.css", PACKAGE),
        before_name=show_plain(summary.before.path, 200),
        after_name=show_plain(summary.after.path, 200),
        headline=_headline(summary),
        sentences=[show_plain(sentence, 800) for sentence in summary.sentences],
        made_otherwise=len(summary.differences.sentences),
        notes=[show_plain(note, 800) for note in summary.notes],
        settings=[
            (show_plain(one.key), show_plain(one.before, 200), show_plain(one.after, 200))
            for one in (*summary.differences.settings, *summary.differences.versions)[:_MAX_SETTINGS]
        ],
        counts=[(title, getattr(summary.rows, name)) for name, title in TITLES.items()],
        totals=(summary.before.rows, summary.after.rows),
        actions=ACTIONS,
        matrix=[(old, [cells[old, new].rows if (old, new) in cells else 0 for new in ACTIONS]) for old in ACTIONS],
        rates=[_show_rate(rate, summary) for rate in summary.rates[:_MAX_RATES]],
        rates_left_out=max(0, len(summary.rates) - _MAX_RATES),
        shifts=[_show_shift(shift) for shift in summary.shifts[:_MAX_SHIFTS]],
        shifts_left_out=max(0, len(summary.shifts) - _MAX_SHIFTS),
        clusters=[_show_cluster(one) for one in summary.clusters],
        changes=[_show(row, *pair) for row, *pair in zip(chosen, *sides, strict=True)],
        listed=summary.listed,
        media_refused=refused and count_noun(refused, "medium was", "media were"),
    )


def _headline(summary: CompareSummary) -> str:
    if summary.nothing_changed:
        return "Nothing changed"
    rows, changed = summary.rows, summary.verdicts_changed
    parts = [
        count_noun(changed, "verdict changed", "verdicts changed") if changed else "",
        f"{rows.new:,} new" if rows.new else "",
        f"{rows.vanished:,} gone" if rows.vanished else "",
    ]
    edited = rows.text_edited + rows.medium_replaced + rows.other_content
    parts.insert(1, f"{edited:,} edited" if edited else "")
    told = ", ".join(part for part in parts if part)
    return f"{told[:1].upper()}{told[1:]}" if told else "The rows and verdicts are the same"


def _choose(table: pa.Table, limit: int) -> list[dict[str, Any]]:
    """Return at most ``limit`` rows: changed verdicts, edited, new and vanished ones in turns, in their order."""
    slim = table.select(["how", "index_before", "index_after", "action_before", "action_after"])
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int]] = []
    records: dict[int, dict[str, Any]] = {}
    place = 0
    for batch in slim.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            group = "verdict" if _changed(row) else row["how"]
            turns[group] = turns.get(group, 0) + 1
            if turns[group] <= limit:
                ranked.append((turns[group], place))
                records[place] = row
            place += 1
    return [records[place] for _, place in sorted(sorted(ranked)[:limit], key=lambda entry: entry[1])]


def _changed(row: dict[str, Any]) -> bool:
    old, new = row["action_before"], row["action_after"]
    return old is not None and new is not None and old != new


def _show(row: dict[str, Any], before: ShownRow | None, after: ShownRow | None) -> ShownChange:
    severity = ("keep", "flag", "unchecked", "quarantine")
    changed = _changed(row)
    return ShownChange(
        what=TITLES[row["how"]],
        before=before,
        after=after,
        is_verdict=changed,
        is_worse=changed and severity.index(row["action_after"]) > severity.index(row["action_before"]),
    )


def _show_rate(rate: RateChange, summary: CompareSummary) -> dict[str, object]:
    def told(low: float | None, high: float | None) -> str:
        return "" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"

    return {
        "outcome": show_plain(rate.outcome, 80),
        "before": rate.rows_before,
        "after": rate.rows_after,
        "share_before": format_share(rate.rows_before, summary.before.rows),
        "share_after": format_share(rate.rows_after, summary.after.rows),
        "interval": told(rate.low, rate.high),
        "paired": told(rate.paired_low, rate.paired_high),
        "appeared": rate.appeared,
        "disappeared": rate.disappeared,
        "p_value": format_value(rate.p_value),
    }


def _show_shift(shift: MetricShift) -> dict[str, object]:
    return {
        "metric": shift.metric,
        "before": format_value(shift.median_before),
        "after": format_value(shift.median_after),
        "index": f"{shift.stability_index:.3f}",
        "distance": f"{shift.distance:.3f}",
        "p_value": format_value(shift.p_value),
        "moved": shift.moved,
    }


def _show_cluster(one: ClusterChange) -> Sequence[str]:
    return (
        show_plain(one.name, 80),
        one.view,
        one.change,
        f"{one.rows_before:,} ({100 * one.share_before:.1f} %)",
        f"{one.rows_after:,} ({100 * one.share_after:.1f} %)",
    )
