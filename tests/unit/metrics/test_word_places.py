"""Words of captions and what may stand in their place, in scripts with and without spaces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.word_places import find_places, read_tokens


def alternatives_of(captions: list[str], word: str, least: int = 2) -> set[str]:
    places = find_places([read_tokens(caption) for caption in captions], least=least, most=100)
    return {places.words[other] for other in places.alternatives[places.number[word]]}


CAPTIONS = [
    f"A {colour} {thing} on the {place}."
    for colour in ("red", "blue", "green")
    for thing in ("ball", "car", "cat")
    for place in ("grass", "sand", "snow")
]


def test_words_of_one_kind_take_each_others_place() -> None:
    assert alternatives_of(CAPTIONS, "red") == {"blue", "green"}
    assert alternatives_of(CAPTIONS, "car") == {"ball", "cat"}
    assert alternatives_of(CAPTIONS, "snow") == {"grass", "sand"}


def test_words_that_stand_together_do_not() -> None:
    assert alternatives_of(CAPTIONS, "on") == set()


def test_scripts_without_spaces_are_read_by_character() -> None:
    tokens = read_tokens("\u7ea2\u8272\u7684 car")
    assert [token.word for token in tokens] == ["\u7ea2", "\u8272", "\u7684", "car"]


def test_rare_words_are_left_out_and_the_commonest_kept() -> None:
    tokens = [read_tokens(caption) for caption in ["a b", "a b", "a c", "a d"]]
    assert find_places(tokens, least=2, most=100).words == ("a", "b")
    assert find_places(tokens, least=1, most=1).words == ("a",)


@given(st.text(max_size=60))
def test_tokens_stand_in_order_where_they_say(caption: str) -> None:
    end = 0
    for token in read_tokens(caption):
        assert end <= token.start < token.stop <= len(caption)
        assert caption[token.start : token.stop].lower() == token.word
        end = token.stop


@given(st.permutations(CAPTIONS))
def test_the_order_of_captions_changes_nothing(captions: list[str]) -> None:
    one, other = (
        find_places([read_tokens(caption) for caption in order], least=2, most=100) for order in (CAPTIONS, captions)
    )
    assert one.words == other.words
    assert [list(found) for found in one.alternatives] == [list(found) for found in other.alternatives]
