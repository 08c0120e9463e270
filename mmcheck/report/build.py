"""One HTML file that shows a finished run and opens offline, anywhere, for years.

People look before they read: the outcome in a sentence and a bar comes first, then why, then the numbers behind it,
then the pairs themselves. Whatever a manifest holds is data: the templates escape everything, the page's own script
and style are named by their hash in a content security policy, and nothing is loaded from anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mmcheck.codes.explain import CodeStory
from mmcheck.config import Config
from mmcheck.core.atomic import write_text
from mmcheck.core.types import Metric
from mmcheck.decide.compared_pairs import advise
from mmcheck.report.explanations import explain_code, find_story
from mmcheck.report.finding_rows import NO_FINDING, CodeCount, FindingRows, choose_rows, read_findings
from mmcheck.report.histograms import Floats, Histogram, Limit, draw_histogram
from mmcheck.report.kept_samples import KeptStrip, choose_kept
from mmcheck.report.media_embed import MAX_MEDIA_BYTES, MediaBudget
from mmcheck.report.null_plots import draw_null_plots
from mmcheck.report.overview import check_sum, count_slice, count_slices, list_notes, tell_outcome
from mmcheck.report.page import asset, render_page
from mmcheck.report.provenance import describe_run
from mmcheck.report.shown_rows import ShownRow, load_rows
from mmcheck.report.shown_text import (
    format_bytes,
    format_share,
    format_value,
    show_plain,
    show_text,
)
from mmcheck.report.slice_limits import list_limits
from mmcheck.report.where_wrong import find_where_wrong
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.run_summary import Counts, RunSummary

REPORT_NAME = "report.html"
MAX_CODES = 200
"""Finding codes that the page lists. Our own choice: the page stays readable."""
MAX_CONFIG_CHARS = 200_000
"""Characters of the config that the page shows. Our own choice: bounds the size of the page."""
_KEPT_MEDIA_BYTES = 4 << 20
"""Base64 characters of media that are set aside for kept samples. Our own choice: an eighth of the page's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One line of the table of reasons."""

    number: int
    """Token of the code in the filter."""
    code: str
    """The code, safe to show."""
    action: str
    """What it leads to."""
    pairs: int
    """Pairs that have it."""
    share: str
    """Share of all rows."""
    bar: float
    """Share of the most frequent code, 0..100."""
    explanation: str
    """What it means."""
    story: CodeStory | None
    """All there is to say of it; None if nobody wrote it."""
    shown: int
    """Of its pairs, how many the page shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptView:
    """A strip of kept pairs."""

    metric: Metric
    """The metric that they are ordered by."""
    lowest: tuple[ShownRow, ...]
    """The kept pairs that it speaks for least."""
    typical: tuple[ShownRow, ...]
    """Kept pairs around its median."""


def write_report(run: RunFolder) -> Path:
    """Write ``report.html`` into the run folder, whole or not at all, and return its path.

    Raises:
        RunError: If the run was not judged yet or a part is missing or damaged.
        OutputError: If the file cannot be written.
    """
    path = run.path / REPORT_NAME
    write_text(path, build_report(run))
    return path


def build_report(run: RunFolder) -> str:
    """Return the report of a judged run as one HTML page without a link to anything outside it.

    Equal runs give equal pages. Media that cannot be read are replaced by the reason; nothing but a damaged run folder
    is an error.

    Raises:
        RunError: If the run was not judged yet or a part is missing or damaged.
    """
    config, summary = run.config(), run.summary
    whole = count_slice(show_plain(run.path.resolve().name), summary)
    findings = read_findings(
        [partial(read_part, run.verdicts_part(shard), ["action", "findings"]) for shard in run.shards()]
    )
    measured = _Values(run)
    kept = _kept(run, config, findings, measured)
    chosen = choose_rows(findings, config.report.max_rows)
    budget = MediaBudget(MAX_MEDIA_BYTES - _KEPT_MEDIA_BYTES)
    rows = load_rows(run, config, chosen, budget)
    histograms = _histograms(run, config, findings, measured)
    slices = (
        count_slices("By manifest", "Manifest", summary.get("manifests", {})),
        count_slices("By language", "Language", _told_languages(summary.get("languages", {}))),
    )
    style, script = asset("report.css"), asset("marks.js") + asset("report.js")
    not_kept = sum(part.count for part in whole.parts if part.action != "keep")
    return render_page(
        "mmcheck.report",
        "report.html.j2",
        style=style,
        script=script,
        name=show_plain(run.path.resolve().name),
        folder=show_plain(run.path, 400),
        run_identity=run.record.identity[:16],
        whole=whole,
        outcome=tell_outcome(whole, summary),
        warning=check_sum(whole),
        set_notes=list_notes(summary),
        advice=advise(summary, show_plain(run.path, 400)),
        null_plots=draw_null_plots(run.find_analysis_summary("alignment")),
        limits=list_limits(run.find_analysis_summary("speech")),
        where_wrong=find_where_wrong(run, findings),
        pages=_pages(run),
        slices=[table for table in slices if table is not None],
        codes=_code_rows(findings, config, run.metrics(), rows, whole.rows),
        codes_left_out=max(0, len(findings.codes) - MAX_CODES),
        inactive_rules=[show_plain(rule) for rule in summary.get("inactive_rules", ())],
        skipped_probes=[(show_plain(k), show_plain(v)) for k, v in run.record.skipped_probes.items()],
        probes=_probe_counts(summary),
        limited=[drawing for drawing in histograms if drawing.lines],
        unlimited=[drawing for drawing in histograms if not drawing.lines],
        rows=rows,
        code_numbers=_code_numbers(findings.codes),
        no_finding=NO_FINDING,
        not_kept=not_kept,
        sort_metrics=_sort_metrics(run.metrics(), rows),
        has_evidence=any(row.evidence for row in rows),
        max_audio_seconds=format_value(config.report.max_audio_seconds),
        media_refused=budget.refused,
        media_limit=format_bytes(MAX_MEDIA_BYTES),
        kept=kept,
        groups=describe_run(run.record, summary),
        config_yaml=show_plain_lines(config.to_yaml()),
    )


def show_plain_lines(text: str) -> str:
    """Return ``text`` with its line breaks kept and its invisible characters named."""
    pieces = show_text(text, MAX_CONFIG_CHARS).pieces
    return "".join(f"<{piece.text}>" if piece.mark else piece.text for piece in pieces)


class _Values:
    """The metric columns of one probe after the other; those of all would be most of the memory of a report."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._columns: dict[str, dict[str, Floats]] = {}

    def get(self, metric: str) -> Floats:
        """Return the values of ``<probe>.<metric>`` over all rows, NaN where absent."""
        probe, _, short = metric.partition(".")
        if probe not in self._columns:
            names = [full.partition(".")[2] for full in self._run.metrics() if full.partition(".")[0] == probe]
            table = self._run.measurements_table(probe, names)
            columns = zip(table.column_names, table.columns, strict=True)
            self._columns = {
                probe: {
                    name: np.asarray(column.cast("float64").to_numpy(), dtype=np.float64) for name, column in columns
                }
            }
        absent = np.full(self._run.record.rows, np.nan)
        return self._columns[probe].get(short, absent)


def _kept(run: RunFolder, config: Config, findings: FindingRows, values: _Values) -> list[KeptView]:
    strips = choose_kept(config, run.metrics(), values.get, findings.actions)
    budget = MediaBudget(_KEPT_MEDIA_BYTES)
    views = []
    for strip in strips:
        rows = load_rows(run, config, [*strip.lowest, *strip.typical], budget)
        views.append(_view_kept(strip, rows))
    return views


def _view_kept(strip: KeptStrip, rows: Sequence[ShownRow]) -> KeptView:
    cut = len(strip.lowest)
    return KeptView(metric=strip.metric, lowest=tuple(rows[:cut]), typical=tuple(rows[cut:]))


def _histograms(run: RunFolder, config: Config, findings: FindingRows, values: _Values) -> list[Histogram]:
    drawings = []
    for name, metric in run.metrics().items():
        drawing = draw_histogram(metric, values.get(name), findings.actions, _limits(config, name, findings.by_rule))
        if drawing is not None:
            drawings.append(drawing)
    # What takes pairs out is what a reader looks for.
    return sorted(drawings, key=lambda drawing: -max((line.limit.findings for line in drawing.lines), default=0))


def _limits(config: Config, metric: str, by_rule: Mapping[str, int]) -> list[Limit]:
    limits = []
    for name, rule in config.rules.items():
        if not rule.enabled or rule.metric != metric:
            continue
        for side, value in (("min", rule.min), ("max", rule.max)):
            if value is not None:
                limits.append(
                    Limit(
                        rule=show_plain(name, 80),
                        side=side,
                        value=value,
                        action=rule.action,
                        is_conditional=bool(rule.when or rule.languages),
                        findings=by_rule.get(name, 0),
                    )
                )
    return limits


def _code_rows(
    findings: FindingRows, config: Config, metrics: Mapping[str, Metric], rows: Sequence[ShownRow], total: int
) -> list[CodeRow]:
    shown: Counter[str] = Counter()
    for row in rows:
        shown.update({finding.code for finding in row.findings} or {NO_FINDING})
    most = max((count.pairs for count in findings.codes), default=1)
    return [
        CodeRow(
            number=number,
            code=show_plain(count.code, 80),
            action=count.action,
            pairs=count.pairs,
            share=format_share(count.pairs, total),
            bar=round(max(100.0 * count.pairs / most, 0.5), 2),
            explanation=explain_code(count, config, metrics),
            story=find_story(count, config),
            shown=shown[count.code],
        )
        for number, count in enumerate(findings.codes[:MAX_CODES])
    ]


def _code_numbers(codes: Sequence[CodeCount]) -> dict[str, int]:
    return {count.code: number for number, count in enumerate(codes)}


def _sort_metrics(metrics: Mapping[str, Metric], rows: Sequence[ShownRow]) -> list[Metric]:
    held = {value.metric for row in rows for value in row.values}
    return [metric for name, metric in metrics.items() if name in held]


def _pages(run: RunFolder) -> list[tuple[str, str]]:
    """Return the pages that other commands wrote beside the report, with what they show."""
    known = (
        ("coverage/coverage.html", "a map of what the set contains"),
        ("repair/repair.html", "which text belongs to which image or recording"),
    )
    return [(page, meaning) for page, meaning in known if (run.path / page).is_file()]


def _probe_counts(summary: RunSummary) -> list[tuple[str, list[int]]]:
    return [
        (show_plain(name), [counts.get(status, 0) for status in ("measured", "not_applicable", "failed")])
        for name, counts in summary.get("probes", {}).items()
    ]


def _told_languages(languages: Mapping[str, Counts]) -> Mapping[str, Counts]:
    """Return the languages only if the manifests name one; a lone "(none)" says nothing."""
    return languages if set(languages) - {"(none)"} else {}
