from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.backends.bpe_merges import apply_merges, mend_merges

TEXTS = st.lists(st.text(alphabet="abcde", min_size=1, max_size=8), min_size=1, max_size=30)


def train(words: list[str], steps: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return vocabulary and merges of a byte-pair training, the plain way."""
    vocabulary = {letter: index for index, letter in enumerate("abcde")}
    merges: list[tuple[str, str]] = []
    splits = [list(word) for word in words]
    for _ in range(steps):
        counts: dict[tuple[str, str], int] = {}
        for split in splits:
            for pair in itertools.pairwise(split):
                counts[pair] = counts.get(pair, 0) + 1
        # Whisper's training made no token twice.
        counts = {pair: count for pair, count in counts.items() if "".join(pair) not in vocabulary}
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        vocabulary["".join(best)] = len(vocabulary)
        ranks = {merge: rank for rank, merge in enumerate(merges)}
        splits = [apply_merges(word, ranks) for word in words]
    return vocabulary, merges


@given(words=TEXTS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_dropped_merge_comes_back_at_its_place(words: list[str], data: Any) -> None:
    vocabulary, merges = train(words, 20)
    whole = mend_merges(vocabulary, merges)
    if not merges or whole.unreachable:
        return
    assert list(whole.merges) == merges
    assert not whole.put_back
    dropped = data.draw(st.sampled_from([0, len(merges) // 2, len(merges) - 1]))
    mended = mend_merges(vocabulary, merges[:dropped] + merges[dropped + 1 :])
    assert list(mended.merges) == merges
    assert mended.put_back == (merges[dropped],)
    assert list(mend_merges(vocabulary, []).merges) == merges


@given(words=TEXTS, text=st.text(alphabet="abcde", max_size=12))
@settings(max_examples=100, deadline=None)
def test_the_plain_rule_is_what_the_library_does(words: list[str], text: str) -> None:
    from tokenizers import models

    vocabulary, merges = train(words, 20)
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    library = models.BPE(vocab=vocabulary, merges=merges)
    assert apply_merges(text, ranks) == [piece.value for piece in library.tokenize(text)] if text else True


def test_a_header_read_as_a_merge_is_left_out() -> None:
    vocabulary = {"a": 0, "b": 1, "ab": 2}
    mended = mend_merges(vocabulary, [("#version:", "0.2"), ("a", "b")])
    assert (mended.merges, mended.left_out, mended.put_back) == ((("a", "b"),), (("#version:", "0.2"),), ())


def test_nothing_is_guessed_where_the_order_does_not_tell() -> None:
    vocabulary = {"a": 0, "b": 1, "c": 2, "bc": 3, "ab": 4, "cc": 5}
    mended = mend_merges(vocabulary, [("a", "b"), ("b", "c")])
    assert mended.merges == (("a", "b"), ("b", "c"))
    assert mended.put_back == ()
    assert mended.unreachable == ("cc",)
