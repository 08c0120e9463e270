"""What stands of a log: of each person and row the last word, with what was taken back left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmcheck.people.decision import Choice, Decision


def find_taken_back(records: Sequence[Decision]) -> set[str]:
    """Return the ids of the records that are taken back.

    Args:
        records: Records of a log, in its order; with each undo the record that it names.
    """
    taken_back: set[str] = set()
    by_id = {decision.id: decision for decision in records}
    # Backwards: whether an undo holds is known once all later ones were seen.
    for decision in reversed(records):
        if decision.choice is Choice.UNDO and decision.id not in taken_back:
            undone = by_id.get(decision.undoes or "")
            if undone is not None and undone.reviewer == decision.reviewer:
                taken_back.add(undone.id)
    return taken_back


def standing_decisions(decisions: Iterable[Decision], *, exams: bool = False) -> list[Decision]:
    """Return the decisions that stand, in the order in which they were first made.

    An undo takes back the record that it names; what the same person had said of that row before stands again. It may
    take back an undo, and nobody takes back what another person decided.

    Args:
        decisions: The records of a log, in its order.
        exams: Whether the answers to planted pairs are returned, instead of the decisions about rows.
    """
    records = list(decisions)
    taken_back = find_taken_back(records)
    last: dict[tuple[str, str], Decision] = {}
    for decision in records:
        if decision.choice is Choice.UNDO or decision.id in taken_back or (decision.exam is not None) != exams:
            continue
        last[decision.reviewer, decision.sample_id] = decision
    return list(last.values())
