"""The command: from the decisions of several people to how far they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np

from mmcheck.agreement.coefficients import (
    Coefficient,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
)
from mmcheck.agreement.summary import AgreementSummary, Disputed, Exam, Group, Pair, Question, Value
from mmcheck.agreement.words import tell
from mmcheck.core.arrays import Rows
from mmcheck.core.errors import UserError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.people.decision import DECIDED, SOUND, Choice, Decision
from mmcheck.people.decision_log import log_path, read_decisions
from mmcheck.people.standing import standing_decisions
from mmcheck.people.truth import read_truths
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.stored_rows import StoredRow, read_rows

_UNTOUCHED = "untouched"
"""What the record of an exam says where nothing was planted."""
_NO_CODE = "(nothing found)"
_NO_SLICE = "(none)"

Votes = Mapping[str, Choice]
"""Reviewer -> what they decided about a row."""


def agree_run(path: str | Path, *, most_disputed: int = 20) -> AgreementSummary:
    """Return how far the people agree who looked at the rows of a run.

    Args:
        path: The run folder.
        most_disputed: How many of the disputed rows are listed.

    Raises:
        OutputError: If it is no run folder, or another process writes there.
        RunError: If the run is not complete or damaged.
        UserError: If nobody decided about any row.
    """
    run = RunFolder(path)
    require_complete(run)
    with hold_for_reading(run.path):
        truths = read_truths(run, run.config().review)
        log = read_decisions(log_path(run.path))
        exams = _exams(standing_decisions(log.decisions, exams=True))
        votes: dict[int, Votes] = {
            index: {one.reviewer: one.choice for one in row.decisions if one.choice in DECIDED}
            for index, row in truths.rows.items()
        }
        votes = {index: cast for index, cast in votes.items() if cast}
        if not votes and not exams:
            raise UserError(
                f"nobody has decided about any row of {run.path}.",
                hint=f"`mmcheck review {run.path} --reviewer NAME` shows rows to decide about.",
            )
        several = {index: cast for index, cast in votes.items() if len(cast) > 1}
        rows = read_rows(run, list(several), {})
    unsure = Counter(
        one.reviewer for row in truths.rows.values() for one in row.decisions if one.choice is Choice.UNSURE
    )
    summary = AgreementSummary(
        run=run.path.resolve().name,
        reviewers=dict(sorted(Counter(name for cast in votes.values() for name in cast).items())),
        rows=len(votes),
        rows_of_several=len(several),
        unsure=dict(sorted(unsure.items())),
        mismatched=_question("mismatched or not", several.values(), _mismatched),
        choice=_question("choice", several.values(), DECIDED.index),
        pairs=_pairs(several),
        codes=_groups(several, rows, lambda row: row.verdict["codes"] or [_NO_CODE]),
        slices={
            "language": _groups(several, rows, lambda row: [row.sample.language or _NO_SLICE]),
            "manifest": _groups(several, rows, lambda row: [row.sample.manifest]),
        },
        disputed=_disputed(several, rows)[:most_disputed],
        exams=exams,
        sentences=(),
    )
    return summary.model_copy(update={"sentences": tell(summary, truths)})


def _mismatched(choice: Choice) -> int:
    return int(choice not in SOUND)


def _counts(votes: Iterable[Votes], number: Callable[[Choice], int]) -> Rows:
    """Return how many people gave which answer, shape (rows, answers)."""
    found = [np.bincount([number(choice) for choice in cast.values()], minlength=len(DECIDED)) for cast in votes]
    return np.array(found, dtype=np.int64).reshape(-1, len(DECIDED))


def _group(name: str, counts: Rows) -> dict[str, object]:
    return {
        "name": name,
        "rows": len(counts),
        "disputed": int((counts.max(axis=1, initial=0) < counts.sum(axis=1)).sum()),
        "percent": _value(percent_agreement(counts)),
        "alpha": _value(krippendorff_alpha(counts)),
    }


def _question(name: str, votes: Iterable[Votes], number: Callable[[Choice], int]) -> Question:
    counts = _counts(votes, number)
    fleiss, people = fleiss_kappa(counts)
    return Question.model_validate({**_group(name, counts), "fleiss": _value(fleiss), "fleiss_people": people})


def _groups(
    votes: Mapping[int, Votes], rows: Mapping[int, StoredRow], names: Callable[[StoredRow], Sequence[str]]
) -> tuple[Group, ...]:
    """Return the groups of rows by name, those of most rows first."""
    members: dict[str, list[Votes]] = {}
    for index, cast in votes.items():
        for name in dict.fromkeys(names(rows[index])):
            members.setdefault(name, []).append(cast)
    ordered = sorted(members.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(Group.model_validate(_group(name, _counts(found, _mismatched))) for name, found in ordered)


def _pairs(votes: Mapping[int, Votes]) -> tuple[Pair, ...]:
    people = sorted({name for cast in votes.values() for name in cast})
    pairs = []
    for first, second in combinations(people, 2):
        both = [(cast[first], cast[second]) for cast in votes.values() if first in cast and second in cast]
        if both:
            one, other = ([_mismatched(pair[side]) for pair in both] for side in (0, 1))
            agreed = sum(a == b for a, b in zip(one, other, strict=True))
            pairs.append(Pair(reviewers=(first, second), agreed=agreed, kappa=_value(cohen_kappa(one, other, 2))))
    return tuple(pairs)


def _disputed(votes: Mapping[int, Votes], rows: Mapping[int, StoredRow]) -> tuple[Disputed, ...]:
    found = []
    for index, cast in votes.items():
        if len(set(cast.values())) == 1:
            continue
        row, wrong = rows[index], sum(_mismatched(choice) for choice in cast.values())
        texts = (kind.text_of(row.sample) for kind in PAIR_KINDS)
        text = next((one for one in texts if one is not None), None)
        found.append(
            Disputed(
                index=index,
                sample_id=row.sample.id,
                manifest=row.sample.manifest,
                row_number=row.sample.row_number,
                text=text or "",
                action=row.verdict["action"],
                codes=tuple(row.verdict["codes"]),
                votes={name: choice.value for name, choice in sorted(cast.items())},
                disagreement=2 * wrong * (len(cast) - wrong) / (len(cast) * (len(cast) - 1)),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.disagreement, -len(one.votes), one.index)))


def _exams(answers: Iterable[Decision]) -> tuple[Exam, ...]:
    counts: dict[str, Counter[str]] = {}
    for answer in answers:
        mine = counts.setdefault(answer.reviewer, Counter())
        if answer.choice not in DECIDED:
            mine["undecided"] += 1
            continue
        is_sound, turned_down = answer.exam == _UNTOUCHED, answer.choice not in SOUND
        mine["sound" if is_sound else "planted"] += 1
        mine["turned_down" if is_sound else "caught"] += turned_down
    names = ("planted", "caught", "sound", "turned_down", "undecided")
    return tuple(Exam(reviewer=name, **{key: found[key] for key in names}) for name, found in sorted(counts.items()))


def _value(found: Coefficient) -> Value:
    return Value.model_validate(asdict(found))
