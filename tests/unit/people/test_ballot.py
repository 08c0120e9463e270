"""What stands of a log, and what several people say together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmcheck.config import ReviewConfig
from mmcheck.people.ballot import Outcome, count_ballots
from mmcheck.people.decision import Choice, Decision
from mmcheck.people.standing import standing_decisions


def say(sample_id: str, choice: str, reviewer: str = "ann", **more: object) -> Decision:
    return Decision.model_validate({"sample_id": sample_id, "choice": choice, "reviewer": reviewer, **more})


def undo(of: Decision, reviewer: str | None = None) -> Decision:
    return say(of.sample_id, "undo", reviewer or of.reviewer, undoes=of.id)


def standing(*decisions: Decision) -> dict[tuple[str, str], str]:
    return {(one.reviewer, one.sample_id): one.choice.value for one in standing_decisions(decisions)}


def outcome(*decisions: Decision, **options: object) -> Outcome:
    return count_ballots(standing_decisions(decisions), ReviewConfig.model_validate(options))["a"]


def test_the_last_word_of_a_person_stands() -> None:
    assert standing(say("a", "keep"), say("a", "quarantine")) == {("ann", "a"): "quarantine"}


def test_an_undo_brings_the_word_before_back() -> None:
    first, second = say("a", "keep"), say("a", "quarantine")
    assert standing(first, second, undo(second)) == {("ann", "a"): "keep"}
    assert standing(first, undo(first)) == {}


def test_an_undo_can_be_undone() -> None:
    first = say("a", "keep")
    back = undo(first)
    assert standing(first, back, undo(back)) == {("ann", "a"): "keep"}


def test_nobody_takes_back_what_another_person_decided() -> None:
    first = say("a", "keep")
    assert standing(first, undo(first, "bo")) == {("ann", "a"): "keep"}


def test_an_undo_of_nothing_is_nothing() -> None:
    assert standing(say("a", "keep"), say("a", "undo", undoes="unknown")) == {("ann", "a"): "keep"}


def test_answers_to_planted_pairs_decide_about_no_row() -> None:
    planted = say("a", "quarantine", exam="mismatch")
    assert standing(say("a", "keep"), planted) == {("ann", "a"): "keep"}
    assert standing_decisions([planted], exams=True) == [planted]


def test_most_votes_win_and_the_others_are_named() -> None:
    found = outcome(say("a", "keep", "ann"), say("a", "quarantine", "bo"), say("a", "keep", "cy"))
    assert (found.choice, found.reviewers, found.against) == (Choice.KEEP, ("ann", "cy"), ("bo",))
    assert found.decided_by == "ann, cy"


def test_a_tie_decides_nothing() -> None:
    found = outcome(say("a", "keep", "ann"), say("a", "quarantine", "bo"))
    assert (found.choice, found.undecided) == (None, "tie")


def test_edits_agree_only_in_the_same_words() -> None:
    one, other = say("a", "edit", "ann", text="a dog"), say("a", "edit", "bo", text="a cat")
    assert outcome(one, other).undecided == "tie"
    assert outcome(one, other, say("a", "edit", "cy", text="a cat")).text == "a cat"


def test_unsure_is_no_vote() -> None:
    assert outcome(say("a", "keep", "ann"), say("a", "unsure", "bo")).choice is Choice.KEEP
    assert count_ballots([say("a", "unsure")], ReviewConfig()) == {}


def test_too_few_people_decide_nothing() -> None:
    assert outcome(say("a", "keep", "ann"), min_reviewers=2).undecided == "too_few"
    assert outcome(say("a", "keep", "ann"), say("a", "keep", "bo"), min_reviewers=2).choice is Choice.KEEP


def test_the_adjudicator_has_the_last_word() -> None:
    votes = [say("a", "keep", "ann"), say("a", "keep", "bo"), say("a", "quarantine", "cy")]
    found = outcome(*votes, adjudicator="cy", min_reviewers=3)
    assert (found.choice, found.reviewers, found.against) == (Choice.QUARANTINE, ("cy",), ("ann", "bo"))
    assert outcome(*votes[:2], adjudicator="cy").choice is Choice.KEEP


CHOICES = st.sampled_from(["keep", "quarantine", "vague", "unsure", "skip"])


@given(st.lists(st.tuples(st.sampled_from("ab"), CHOICES, st.sampled_from(["ann", "bo", "cy"])), max_size=12))
def test_undoing_everything_leaves_nothing_and_the_order_of_people_does_not_matter(
    said: list[tuple[str, str, str]],
) -> None:
    records = [say(*one) for one in said]
    assert standing_decisions([*records, *(undo(one) for one in records)]) == []
    by_person = sorted(records, key=lambda one: one.reviewer)
    forward = count_ballots(standing_decisions(records), ReviewConfig())
    other = count_ballots(standing_decisions(by_person), ReviewConfig())
    assert {key: (value.choice, set(value.reviewers)) for key, value in forward.items()} == {
        key: (value.choice, set(value.reviewers)) for key, value in other.items()
    }
