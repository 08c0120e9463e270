"""What several people say of one row together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mmcheck.config import ReviewConfig
from mmcheck.people.decision import DECIDED, Choice, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a row's ballot."""

    sample_id: str
    choice: Choice | None
    """What was decided; None while nothing is."""
    reviewers: tuple[str, ...]
    """Who decided so, in the order of their decisions."""
    against: tuple[str, ...]
    """Who decided otherwise."""
    undecided: str | None
    """Why nothing is decided: ``tie``, ``too_few``; None where something is, or nobody said anything."""
    text: str | None
    """The corrected text, of an edit."""
    contents: tuple[str, ...]
    """Keys of the contents that the deciding people saw."""

    @property
    def decided_by(self) -> str:
        """Return the names for ``decided_by``."""
        return ", ".join(self.reviewers)


def count_ballots(standing: Iterable[Decision], options: ReviewConfig) -> dict[str, Outcome]:
    """Return the outcome of every row about which anybody decided anything, by sample id.

    The choice of most people holds; edits agree if their texts are equal. ``unsure`` and ``skip`` are no votes. Where
    the first two choices have equally many votes, or fewer people voted than ``min_reviewers``, nothing is decided.
    The adjudicator's decision, where there is one, holds alone.

    Args:
        standing: The decisions that stand (``standing_decisions``).
        options: How votes count.
    """
    votes: dict[str, list[Decision]] = {}
    for decision in standing:
        if decision.choice in DECIDED:
            votes.setdefault(decision.sample_id, []).append(decision)
    return {sample_id: _count(sample_id, cast, options) for sample_id, cast in votes.items()}


def _count(sample_id: str, cast: list[Decision], options: ReviewConfig) -> Outcome:
    final = [vote for vote in cast if vote.reviewer == options.adjudicator]
    if final:
        return _outcome(sample_id, final[-1:], [vote for vote in cast if vote.reviewer != options.adjudicator])
    counts = Counter((vote.choice, vote.text) for vote in cast).most_common()
    if len(cast) < options.min_reviewers:
        return _undecided(sample_id, cast, "too_few")
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        return _undecided(sample_id, cast, "tie")
    winner = counts[0][0]
    won = [vote for vote in cast if (vote.choice, vote.text) == winner]
    return _outcome(sample_id, won, [vote for vote in cast if (vote.choice, vote.text) != winner])


def _outcome(sample_id: str, won: list[Decision], lost: list[Decision]) -> Outcome:
    return Outcome(
        sample_id=sample_id,
        choice=won[0].choice,
        reviewers=tuple(vote.reviewer for vote in won),
        against=tuple(vote.reviewer for vote in lost if vote.choice != won[0].choice or vote.text != won[0].text),
        undecided=None,
        text=won[0].text,
        contents=_contents(won),
    )


def _undecided(sample_id: str, cast: list[Decision], why: str) -> Outcome:
    return Outcome(
        sample_id=sample_id,
        choice=None,
        reviewers=(),
        against=tuple(vote.reviewer for vote in cast),
        undecided=why,
        text=None,
        contents=_contents(cast),
    )


def _contents(votes: list[Decision]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(vote.content for vote in votes if vote.content is not None))
