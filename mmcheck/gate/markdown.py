"""The outcome as Markdown, for the summary of a job."""

from __future__ import annotations

import html
import re

from mmcheck.core.sentences import count_noun
from mmcheck.gate.summary import GateCase, GateSummary
from mmcheck.report.shown_text import show_plain

_MAX_PASSED = 50  # cases that passed which are listed; our own choice: a summary stays readable
_MARKS = {"pass": "pass", "warn": "**warn**", "fail": "**FAIL**"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~@$:<>])")


def to_markdown(summary: GateSummary) -> str:
    """Return the outcome as a heading, a table and notes; names from the data cannot become markup."""
    word = "passed" if summary.passed else "failed"
    lines = [
        f"### mmcheck gate: {word}",
        "",
        f"{_escape(summary.run)}: {count_noun(summary.rows, 'row')}, {count_noun(len(summary.cases), 'limit')}, "
        f"{summary.failed:,} failed, {summary.warned:,} warned.",
        "",
        "| limit | wanted | measured | verdict |",
        "|---|---|---|---|",
    ]
    told = [case for case in summary.cases if case.verdict != "pass"]
    passed = [case for case in summary.cases if case.verdict == "pass"]
    told.sort(key=lambda case: case.verdict != "fail")
    lines += [_row(case) for case in (*told, *passed[:_MAX_PASSED])]
    if len(passed) > _MAX_PASSED:
        lines.append(f"| {len(passed) - _MAX_PASSED:,} more | | | pass |")
    notes = [*(case.message for case in told), *summary.notes]
    lines += ["", *(f"- {_escape(note)}" for note in notes)] if notes else []
    return "\n".join(lines) + "\n"


def _row(case: GateCase) -> str:
    cells = (_escape(case.title), _escape(case.limit), _escape(case.measured), _MARKS[case.verdict])
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Return a text that is only text in GitHub's Markdown, inside a table too."""
    return "".join(
        f"&#{ord(part)};" if _SPECIAL.fullmatch(part) else html.escape(part)
        for part in _SPECIAL.split(show_plain(text, 600))
    )
