from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmcheck.coverage.cluster_words import MAX_WORDS, choose_words, name_clusters

texts = st.lists(st.lists(st.text(alphabet="abc \u4e2d\u6587\u0926\u0940", max_size=12), max_size=6), max_size=5)


def test_words_that_all_clusters_share_name_none() -> None:
    words = choose_words(
        [["a red ball on sand", "the red ball on sand"], ["a red boat on sand", "one red boat on sand"]]
    )
    assert words == [["ball"], ["boat"]]


def test_a_word_must_stand_in_several_texts() -> None:
    words = choose_words([["red ball", "ball here", "ball there kangaroo"], ["blue boat", "boat again", "boat now"]])
    assert "kangaroo" not in words[0]
    assert words[0][0] == "ball"


def test_a_text_counts_a_word_once() -> None:
    spam = choose_words([["buy buy buy buy lamp", "green lamp", "green lamp tall"], ["grey rock", "grey rock", "rock"]])
    assert spam[0][:2] == ["lamp", "green"]
    assert "buy" not in spam[0]


def test_other_scripts_are_named_as_well() -> None:
    chinese = ["\u7ea2\u8272\u7684\u732b", "\u4e00\u53ea\u732b\u5728\u8349\u5730\u4e0a", "\u732b\u5728\u8349\u5730"]
    russian = ["\u0441\u0438\u043d\u044f\u044f \u043b\u043e\u0434\u043a\u0430"] * 3
    words = choose_words([chinese, russian])
    assert "\u8349\u5730" in words[0]
    assert set(words[1]) == {"\u0441\u0438\u043d\u044f\u044f", "\u043b\u043e\u0434\u043a\u0430"}


@given(texts)
def test_words_do_not_depend_on_the_order_of_texts(parts: list[list[str]]) -> None:
    words = choose_words(parts)
    assert len(words) == len(parts)
    assert all(len(own) <= MAX_WORDS for own in words)
    assert choose_words([part[::-1] for part in parts]) == words
    names = name_clusters(words, parts)
    assert len(names) == len(parts)
    assert all(name.strip() for name in names)


def test_names_differ_and_fall_back_on_a_text_then_a_number() -> None:
    names = name_clusters([["cat", "red"], ["cat", "red"], [], []], [[], [], ["  ", "a photo\nof it"], []])
    assert names == ["cat, red", "cat, red (2)", "a photo of it", "cluster 3"]
    long = name_clusters([[]], [["x" * 400]])[0]
    assert len(long) == 40
