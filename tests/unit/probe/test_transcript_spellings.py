"""A doubtful transcript is scored in its likeliest spelling, under one encoding, and told by its own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from mmcheck.backends.whisper_transcriber import Transcription
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from mmcheck.metrics.spellings import spell_otherwise, write_runs
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.transcript_spellings import Spelled, SpellingTrials, log_likelihood, take_scores

LIMITS = {"worst_word_log_prob": -5.0}
ENCODED = np.zeros((10, 4), np.float32)


def verification(text: str, **scores: float) -> Verification:
    """Return one in which each word has the named score, -0.1 where it is not named."""
    words = tuple(text.split())
    values = tuple((scores.get(word.strip(".,").casefold(), -0.1),) for word in words)
    return Verification(
        words=words,
        log_probs=values,
        entropies=tuple((0.5,) for _ in words),
        end_log_prob=-0.2,
        no_speech_prob=0.01,
        language="en",
        language_probability=0.9,
        stated_probability=0.9,
        num_tokens=len(words),
        num_scored=len(words),
        encoded=ENCODED,
    )


@dataclass
class FakeVerifier:
    """Finds the named words unlikely."""

    scores: dict[str, float]
    window: str = "full"
    precision: str = "float32"
    precisions: tuple[str, ...] = ("float32",)
    asked: list[VerificationTask] = field(default_factory=list)
    exact: dict[str, float] = field(default_factory=dict)
    """Words with their marks that are found likely."""

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        self.asked += tasks
        return [self._verify(task.text) for task in tasks]

    def _verify(self, text: str) -> Verification:
        found = verification(text, **self.scores)
        scores = zip(found.words, found.log_probs, strict=True)
        return replace(
            found, log_probs=tuple((self.exact[word],) if word in self.exact else own for word, own in scores)
        )


def clip(text: str) -> Clip:
    return Clip(
        text=text,
        language="en",
        is_scriptio_continua=False,
        windows=(),
        samples=(),
        features=(np.zeros((2, 4), np.float32),),
        has_speech=True,
        end_level=None,
    )


def heard(text: str, *, is_repetitive: bool = False) -> Transcription:
    return Transcription(
        text=text,
        language="en",
        language_probability=1.0,
        avg_logprob=-0.1,
        no_speech_prob=0.0,
        is_repetitive=is_repetitive,
    )


def given(text: str, verifier: FakeVerifier) -> Spelled:
    return Spelled(parts=(verification(text, **verifier.scores),), window="full")


def respell(text: str, verifier: Any, *, most: int = 8) -> Spelled:
    return SpellingTrials(verifier, LIMITS, most).respell([clip(text)], [given(text, verifier)])[0]


def test_the_likeliest_spelling_counts() -> None:
    verifier = FakeVerifier({"25": -9.0})
    found = respell("Press 25 now.", verifier)
    assert found.text == "Press twenty-five now."
    assert found.num_tried == len(verifier.asked) > 0
    part = found.parts[0]
    # The words stay the transcript's own; so does what was said of the recording.
    assert part.words == ("Press", "25", "now.")
    assert part.log_probs == ((-0.1,), (-0.1,), (-0.1,))
    assert part.language == "en"
    assert part.encoded is ENCODED
    assert all(task.encoded is ENCODED for task in verifier.asked)


def test_the_language_that_is_heard_counts_where_none_is_stated() -> None:
    verifier: Any = FakeVerifier({"25": -9.0})
    trials = SpellingTrials(verifier, LIMITS, 8)
    for stated, wanted in ((None, "Press twenty-five now."), ("de", "Press fünfundzwanzig now.")):
        unknown = replace(clip("Press 25 now."), language=stated)
        assert trials.respell([unknown], [given("Press 25 now.", verifier)])[0].text == wanted
    unknown = replace(clip("25 men"), language=None)
    found = trials.respell_as_heard([unknown], [given("25 men", verifier)], [[heard("Twenty-five men.")]])
    assert found[0].text == "Twenty-five men."


def test_the_given_spelling_stays_where_no_other_is_likelier() -> None:
    verifier = FakeVerifier({"25": -9.0, "twenty-five": -20.0})
    found = respell("Press 25 now.", verifier)
    assert found.text is None
    assert found.num_tried > 0
    assert found.parts[0].log_probs[1] == (-9.0,)


@pytest.mark.parametrize(("most", "scores"), [(0, {"25": -9.0}), (8, {})])
def test_nothing_is_tried_without_doubt_or_without_leave(most: int, scores: dict[str, float]) -> None:
    verifier = FakeVerifier(dict(scores))
    found = respell("Press 25 now.", verifier, most=most)
    assert (found.num_tried, found.text, verifier.asked) == (0, None, [])


def test_what_was_not_kept_or_not_wholly_scored_is_left_alone() -> None:
    verifier: Any = FakeVerifier({"25": -9.0})
    part = verification("Press 25 now.", **{"25": -9.0})
    for changed in ({"encoded": None}, {"num_tokens": 99}):
        spelled = Spelled(parts=(replaced(part, **changed),), window="full")
        assert SpellingTrials(verifier, LIMITS, 8).respell([clip("Press 25 now.")], [spelled]) == [spelled]


def replaced(part: Verification, **changes: Any) -> Verification:
    return replace(part, **changes)


def test_no_more_spellings_are_tried_than_allowed() -> None:
    verifier = FakeVerifier({"25": -9.0})
    assert respell("Dr. & Mr. Smith paid $5 in 1984 for 25 and 36", verifier, most=3).num_tried == 3


def test_three_spellings_are_enough_for_a_mild_doubt() -> None:
    text = "Dr. & Mr. Smith paid $5 in 1984 for 25 and 36"
    doubts = {"dr": -3.0, "$5": -3.0, "1984": -3.0, "25": -3.0}
    assert respell(text, FakeVerifier(doubts)).num_tried == 3
    assert respell(text, FakeVerifier({**doubts, "25": -9.0})).num_tried == 8


def test_case_and_marks_of_a_doubted_word_are_habits() -> None:
    verifier = FakeVerifier({"corporation": -3.0})
    verifier.exact = {"corporation.": -0.1}
    found = respell("By will of the Corporation,", verifier)
    assert found.text == "By will of the corporation."
    assert found.parts[0].words[-1] == "Corporation,"


def test_the_recognisers_own_spelling_is_taken_where_it_says_the_same() -> None:
    verifier: Any = FakeVerifier({"wood": -9.0})
    text = "the wood cutters sang"
    trials = SpellingTrials(verifier, LIMITS, 8)
    spelled = [given(text, verifier)]
    found = trials.respell_as_heard([clip(text)], spelled, [[heard("The woodcutters rang.")]])[0]
    assert found.text == "The woodcutters sang"
    assert found.parts[0].words == ("the", "wood cutters", "sang")
    assert trials.respell_as_heard([clip(text)], spelled, [None]) == spelled
    assert trials.respell_as_heard([clip(text)], spelled, [[heard("The woodcutters", is_repetitive=True)]]) == spelled


def test_a_wrong_word_stays_wrong_in_every_spelling() -> None:
    verifier: Any = FakeVerifier({"cat": -9.0, "25": -9.0})
    trials = SpellingTrials(verifier, LIMITS, 8)
    text = "the cat is 25"
    found = trials.respell([clip(text)], [given(text, verifier)])
    found = trials.respell_as_heard([clip(text)], found, [[heard("The dog is 25.")]])
    assert found[0].parts[0].words[1] == "cat"
    assert found[0].parts[0].log_probs[1] == (-9.0,)
    assert log_likelihood(found[0].parts[0]) > log_likelihood(verification(text, **{"cat": -9.0, "25": -9.0}))


def test_scripts_without_spaces_are_told_by_their_pieces() -> None:
    part = replaced(verification("他 二十五 岁 了"), words=("他", "二", "十五岁", "了"))
    spelling = spell_otherwise("他二十五岁了", "zh")[0]
    taken = take_scores(part, replaced(verification("他 25 岁了"), log_probs=((-1.0,), (-2.0,), (-3.0,))), spelling)
    assert taken is not None
    assert taken.words == ("他", "二十五岁了")
    assert taken.log_probs == ((-1.0,), (-2.0, -3.0))


def test_scores_of_other_words_are_refused() -> None:
    part = verification("press 25")
    spelling = write_runs(["press", "25"], [(1, 2, ["twenty", "five"])])
    assert take_scores(part, verification("press twenty"), spelling) is None
    taken = take_scores(part, verification("press twenty five"), spelling)
    assert taken is not None
    assert taken.words == ("press", "25")
    assert taken.log_probs[1] == (-0.1, -0.1)
