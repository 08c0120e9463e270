"""What stands of a log: of each person and row the last word, with what was taken back left out."""

from __future__ import annotations

from collections.abc import Iterable

from mmcheck.people.decision import Choice, Decision


def standing_decisions(decisions: Iterable[Decision], *, exams: bool = False) -> list[Decision]:
    """Return the decisions that stand, in the order in which they were first made.

    An undo takes back the record that it names; what the same person had said of that row before stands again. It may
    take back an undo, and nobody takes back what another person decided.

    Args:
        decisions: The records of a log, in its order.
        exams: Whether the answers to planted pairs are returned, instead of the decisions about rows.
    """
    taken_back: set[str] = set()
    by_id: dict[str, Decision] = {}
    records = list(decisions)
    for decision in records:
        by_id[decision.id] = decision
    # Backwards: whether an undo holds is known once all later ones were seen.
    for decision in reversed(records):
        if decision.choice is Choice.UNDO and decision.id not in taken_back:
            undone = by_id.get(decision.undoes or "")
            if undone is not None and undone.reviewer == decision.reviewer:
                taken_back.add(undone.id)
    last: dict[tuple[str, str], Decision] = {}
    for decision in records:
        if decision.choice is Choice.UNDO or decision.id in taken_back or (decision.exam is not None) != exams:
            continue
        last[decision.reviewer, decision.sample_id] = decision
    return list(last.values())
