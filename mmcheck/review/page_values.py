"""What the templates show, in the words that people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from mmcheck.core.sentences import count_noun
from mmcheck.people.decision import Choice, Decision
from mmcheck.report.shown_text import show_plain
from mmcheck.review.desk import Desk
from mmcheck.review.exam import ExamScore
from mmcheck.review.shown_item import ShownItem, show_asides

_MEMBERS = 6  # rows of a group that are shown; our own choice: one line
SAID = {
    Choice.KEEP: "keep",
    Choice.QUARANTINE: "quarantine",
    Choice.VAGUE: "vague",
    Choice.EDIT: "another text",
    Choice.UNSURE: "unsure",
    Choice.SKIP: "skip",
}
"""How the page calls a choice."""
TITLES = {
    "borderline": "borderline pairs",
    "flagged": "flagged pairs",
    "quarantine": "quarantined pairs",
    "random": "pairs drawn at random",
    "audit": "pairs of the audit",
}
"""How the page calls a sample."""


def describe_item(desk: Desk, row: int, item: ShownItem) -> dict[str, Any]:
    """Return what the page of one pair shows beside the pair itself.

    Args:
        desk: The reviewer's work.
        row: 0-based number in the run.
        item: The pair.
    """
    before = desk.said(row)
    groups = []
    if not desk.blind:  # a judgement of one pair is to stand alone, and planted pairs have no group
        for group in desk.groups.of(row):
            others = desk.others(row, group)
            if others:
                told = f"{'' if len(others) == 1 else f'{len(others):,} '}other {'row' if len(others) == 1 else 'rows'}"
                groups.append(
                    {
                        "key": group.key,
                        "told": f"{told} {group.told}",
                        "is_text": group.is_text,
                        "asides": show_asides(desk.run, others[:_MEMBERS]),
                        "more": max(0, len(others) - _MEMBERS),
                    }
                )
    return {
        "content": item.row.content,
        "groups": groups,
        "before": None if before is None else SAID[before.choice],
        "before_text": None if before is None or before.text is None else show_plain(before.text, 300),
    }


def describe_progress(desk: Desk) -> dict[str, Any]:
    """Return what every page shows of how far the reviewer is."""
    standing = desk.standing()
    return {
        "title": TITLES[desk.worklist.sampling.value],
        "done": standing.done,
        "total": standing.total,
        "open_left": standing.total - standing.done,
        "spent": tell_time(standing.seconds),
        "left": None if standing.seconds_left is None else tell_time(standing.seconds_left),
        "passed_over": count_noun(standing.passed_over, "pair") if standing.passed_over else None,
        "score": tell_score(desk.score()),
    }


def tell_time(seconds: float) -> str:
    """Return a length of time in one word or two: ``less than a minute``, ``12 minutes``, ``3.5 hours``."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return count_noun(minutes, "minute") if minutes < 100 else f"{seconds / 3600:.1f} hours"


def tell_score(score: ExamScore | None) -> list[str]:
    """Return how the exam went in sentences; empty without one, or before the first answer."""
    if score is None or score.is_empty:
        return []
    told = []
    if score.swapped:
        told.append(
            f"Of {count_noun(score.swapped, 'pair')} with another pair's text planted in them, {score.caught:,} "
            f"{'was' if score.caught == 1 else 'were'} found."
        )
    if score.untouched:
        told.append(
            f"Of {count_noun(score.untouched, 'pair')} that are surely right, {score.wronged:,} "
            f"{'was' if score.wronged == 1 else 'were'} turned down."
        )
    if score.undecided:
        told.append(f"{count_noun(score.undecided, 'test pair was', 'test pairs were')} left open.")
    return told


def tell_taken_back(taken: Sequence[Decision]) -> str:
    """Return the query that tells the next page what an undo took back."""
    rows = f" (for {len(taken):,} rows)" if len(taken) > 1 else ""
    return urlencode({"told": f"Taken back: {SAID[taken[0].choice]}{rows}."})
