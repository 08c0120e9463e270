"""How far people agree, in sentences."""

from __future__ import annotations

from mmcheck.agreement.summary import AgreementSummary, Value
from mmcheck.core.sentences import count_noun, percent
from mmcheck.people.exact_interval import exact_interval
from mmcheck.people.truth import Truths

_RELIABLE, _TENTATIVE = 0.8, 0.667
"""Krippendorff's alpha from which labels are reliable, and from which they allow tentative conclusions. Taken from
Krippendorff, Content Analysis (2004), chapter 11."""


def tell(found: AgreementSummary, truths: Truths) -> tuple[str, ...]:
    """Return the outcome and what limits it."""
    told = []
    if not found.reviewers:
        told.append("Nobody decided about a row yet; there are only answers to planted pairs.")
    elif len(found.reviewers) == 1:
        name = next(iter(found.reviewers))
        told.append(f"Only {name} has decided: agreement needs two people who looked at the same rows.")
    elif not found.rows_of_several:
        told.append(
            f"{len(found.reviewers)} people decided about {count_noun(found.rows, 'row')}, but no two of them about "
            "the same one: let one of them look at rows of the other."
        )
    else:
        told += _outcome(found)
    if truths.stale:
        told.append(
            f"{count_noun(len(truths.stale), 'row is', 'rows are')} left out: medium or text is another one now than "
            "when people looked."
        )
    if truths.not_in_run:
        told.append(f"{count_noun(truths.not_in_run, 'decided row is', 'decided rows are')} not in this run.")
    if truths.unread:
        told.append(f"Lines that are no decisions were skipped. {truths.unread}")
    return tuple(told)


def show(value: Value) -> str:
    """Return a coefficient with its interval: ``0.72 (0.61 to 0.83)``; ``not defined``."""
    if value.value is None:
        return "not defined"
    if value.low is None or value.high is None:
        return f"{value.value:.2f}"
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def _outcome(found: AgreementSummary) -> list[str]:
    whole = found.mismatched
    told = []
    if whole.percent.value is not None:
        told.append(
            f"Of {count_noun(whole.rows, 'row')} that several people decided about, pairs of people agree whether it "
            f"is mismatched in {percent(whole.percent.value)} %."
        )
    if whole.alpha.value is None:
        told.append(
            "Everybody gave the same answer to every row: kappa and alpha are not defined, because chance alone would "
            "agree as well. Let them look at kept and quarantined rows alike."
        )
    else:
        told.append(f"Krippendorff's alpha is {show(whole.alpha)}: {_worth(whole.alpha)}.")
    if not whole.disputed:
        most = exact_interval(0, whole.rows)[1]
        told.append(f"No row is disputed; of rows like these, up to {percent(most)} % may still be.")
    return told


def _worth(alpha: Value) -> str:
    value, low = alpha.value or 0.0, alpha.low if alpha.low is not None else -1.0
    if value >= _RELIABLE:
        sure = "" if low >= _RELIABLE else ", though not surely so with this few rows"
        return f"the labels are reliable (0.8 and more){sure}"
    if value >= _TENTATIVE:
        return "enough for tentative conclusions (0.667 to 0.8)"
    return (
        "people do not agree well enough to learn from their labels (below 0.667); talk about the disputed rows first"
    )
