from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.verification import (
    TranscriptScores,
    WordScore,
    find_doubts,
    find_early_end,
    join_scores,
    most_surprising,
    summarise_scores,
)

LOG_PROBS = st.lists(st.floats(-100, 0), min_size=1, max_size=4).map(tuple)


def scores(*words: tuple[float, ...], end: float = -0.1) -> TranscriptScores:
    named = tuple(WordScore(word=f"w{number}", log_probs=log_probs) for number, log_probs in enumerate(words))
    return TranscriptScores(words=named, end_log_prob=end)


def test_each_figure_by_hand() -> None:
    values = summarise_scores(scores((-1.0, -3.0), (-4.0,), (-0.5,), (-0.1, -0.3), end=-7.0))
    assert values["mean_log_prob"] == pytest.approx((-1 - 3 - 4 - 0.5 - 0.1 - 0.3) / 6)
    assert values["worst_word_log_prob"] == -4.0
    assert values["head_log_prob"] == pytest.approx(-8 / 3)
    assert values["tail_log_prob"] == pytest.approx(-0.9 / 3)
    assert values["end_log_prob"] == -7.0


def test_a_long_word_is_not_worse_for_its_length() -> None:
    values = summarise_scores(scores((-1.0,) * 9, (-2.0,)))
    assert values["worst_word_log_prob"] == -2.0


def test_without_words_only_the_end_is_known() -> None:
    assert summarise_scores(scores(end=-3.0)) == {"end_log_prob": -3.0}


def test_one_word_is_head_and_tail() -> None:
    values = summarise_scores(scores((-2.0,)))
    assert values["head_log_prob"] == values["tail_log_prob"] == values["mean_log_prob"] == -2.0


def test_windows_join_into_one_text_that_ends_with_the_last() -> None:
    joined = join_scores([scores((-1.0,), end=-9.0), scores(end=-8.0), scores((-2.0,), (-3.0,), end=-0.2)])
    assert [word.log_probs for word in joined.words] == [
        (-1.0,),
        (-2.0,),
        (-3.0,),
    ]
    assert joined.end_log_prob == -0.2


@given(st.lists(LOG_PROBS, min_size=1, max_size=8), st.floats(-100, 0))
def test_figures_keep_their_order(words: list[tuple[float, ...]], end: float) -> None:
    values = summarise_scores(scores(*words, end=end))
    assert all(-100 <= value <= 0 for value in values.values())
    slack = 1e-9
    assert values["worst_word_log_prob"] <= values["mean_log_prob"] + slack
    assert values["worst_word_log_prob"] <= values["tail_log_prob"] + slack


def test_doubts_name_metric_value_and_limit() -> None:
    values = {"end_log_prob": -7.6, "mean_log_prob": -0.2}
    limits = {"end_log_prob": -3.0, "mean_log_prob": -1.0, "tail_log_prob": -4.0}
    assert find_doubts(values, limits) == ["end_log_prob -7.60 < -3"]
    assert find_doubts({"end_log_prob": -3.0}, limits) == []


def test_a_token_is_surprising_only_beyond_what_the_model_expected() -> None:
    # Equally unlikely words: one where many would do (4 nat of doubt), one where the model was sure of another.
    words = (
        WordScore(word="any", log_probs=(-4.0,), entropies=(4.0,)),
        WordScore(word="wrong", log_probs=(-0.1, -4.0), entropies=(0.0, 0.1)),
        WordScore(word="right", log_probs=(-0.1,), entropies=(0.3,)),
    )
    given_scores = TranscriptScores(words=words, end_log_prob=-0.1)
    values = summarise_scores(given_scores)
    assert values["max_surprise"] == pytest.approx(3.9)
    assert values["tail_surprise"] == pytest.approx((0.1 + 3.9 - 0.2) / 3)
    found = most_surprising(given_scores, 2)
    assert [(place, word) for place, word, _ in found] == [(1, "wrong"), (0, "any")]


def test_without_entropies_nothing_is_said_of_surprise() -> None:
    known = WordScore(word="a", log_probs=(-1.0,), entropies=(0.5,))
    unknown = WordScore(word="b", log_probs=(-1.0,))
    values = summarise_scores(TranscriptScores(words=(known, unknown), end_log_prob=-0.1))
    assert not any("surprise" in name for name in values)
    assert most_surprising(scores((-1.0,)), 3) == []


def read(*words: tuple[str, float, float]) -> TranscriptScores:
    named = [
        WordScore(word=word, log_probs=(-surprise,), entropies=(0.0,), early_end=end) for word, surprise, end in words
    ]
    return TranscriptScores(words=tuple(named), end_log_prob=-0.1)


def test_a_text_goes_on_after_the_speech_at_its_most_surprising_word_behind_a_likely_end() -> None:
    # "two." is no surprise, the odd "zebra" stands where nothing ends, and the first word does not count.
    found = read(
        ("say", 20.0, 0.0), ("two.", 0.1, -0.1), ("zebra", 12.0, -9.0), ("say", 8.0, -0.2), ("two.", 0.2, -8.0)
    )
    early = find_early_end(found)
    assert early is not None
    assert (early.place, early.log_prob, early.surprise) == (3, -0.2, 8.0)
    assert summarise_scores(found)["after_end_surprise"] == 8.0


def test_a_text_that_ends_nowhere_early_has_no_such_figure() -> None:
    assert find_early_end(read(("say", 0.1, 0.0), ("zebra", 12.0, -9.0))) is None
    assert find_early_end(scores((-1.0,), (-2.0,))) is None
    assert summarise_scores(read(("say", 0.1, 0.0), ("zebra", 12.0, -9.0)))["after_end_surprise"] == 0.0
    assert "after_end_surprise" not in summarise_scores(scores((-1.0,), (-2.0,))), "nothing is known of its ends"
