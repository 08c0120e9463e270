"""The verdict of people on a row, in place of the rules'."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mmcheck.config.review import REVIEW_RULE, ReviewConfig
from mmcheck.core.types import Action
from mmcheck.people.ballot import Outcome
from mmcheck.people.decision import Choice

CAUSES = {Choice.KEEP: "kept", Choice.QUARANTINE: "quarantined", Choice.VAGUE: "vague", Choice.EDIT: "edited"}
"""Choice -> cause in the finding's code."""
_SAID = {
    Choice.KEEP: "kept this row",
    Choice.QUARANTINE: "quarantined this row",
    Choice.VAGUE: "called the text vague",
    Choice.EDIT: "gave this row another text; `mmcheck patch` writes it for `mmcheck apply`",
}


def override(verdict: Mapping[str, Any], outcome: Outcome, options: ReviewConfig) -> dict[str, Any]:
    """Return the verdict of a row as people decided it.

    What the rules found stays beside it as far as it does not speak against what people decided; the finding of the
    people says what the rules had said.

    Args:
        verdict: The verdict of the rules, as a row of ``mmcheck.store.schema.VERDICTS``.
        outcome: What people decided.
        options: How their choices count.
    """
    choice = outcome.choice
    if choice is None:
        raise ValueError("nothing was decided about this row")
    action = action_of(choice, options)
    findings = [] if action is Action.KEEP else [one for one in verdict["findings"] if _fits(one, action)]
    code = f"{REVIEW_RULE}.{CAUSES[choice]}"
    mine = {
        "rule": REVIEW_RULE,
        "code": code,
        "action": action.value,
        "message": _message(outcome, choice, verdict),
        "metric": None,
        "observed": None,
        "limit": None,
    }
    return {
        **verdict,
        "action": action.value,
        "codes": [code, *(one["code"] for one in findings)],
        "findings": [mine, *findings],
        "decided_by": outcome.decided_by,
    }


def action_of(choice: Choice, options: ReviewConfig) -> Action:
    """Return what becomes of a row: an edited one leaves the cleaned set, because its old text is wrong."""
    if choice is Choice.VAGUE:
        return Action(options.vague)
    return Action.KEEP if choice is Choice.KEEP else Action.QUARANTINE


def may_decide(verdict: Mapping[str, Any], choice: Choice, laws: Collection[str]) -> bool:
    """Return whether people may decide so: a row that is broken as such stays out, whatever anybody says.

    Args:
        verdict: The verdict of the rules.
        choice: What people decided.
        laws: Rules that hold whatever the config says, and quarantine.
    """
    return choice is Choice.QUARANTINE or not any(one["rule"] in laws for one in verdict["findings"])


def _fits(finding: Mapping[str, Any], action: Action) -> bool:
    return action is Action.QUARANTINE or finding["action"] == action.value


def _message(outcome: Outcome, choice: Choice, verdict: Mapping[str, Any]) -> str:
    against = f" ({', '.join(outcome.against)} decided otherwise)" if outcome.against else ""
    rules = ", ".join(dict.fromkeys(verdict["codes"])) or "nothing"
    return f"{outcome.decided_by} {_SAID[choice]}{against}. The rules had found: {rules}."
