from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.word_alignment import align_texts, align_units

WORDS = st.lists(st.sampled_from("a b c dog kat \u4eca \u00e9t\u00e9".split()), max_size=8)


def test_one_error_of_each_kind() -> None:
    found = align_texts("the cat sat on a mat by the door", "the dog sat on mat by the old door")
    assert (found.words.hits, found.words.substitutions) == (7, 1)
    assert (found.words.deletions, found.words.insertions) == (1, 1)
    assert found.wer == pytest.approx(3 / 9)
    steps = [(unit.kind, unit.reference, unit.hypothesis) for unit in found.units]
    assert steps == [
        ("equal", "the", "the"),
        ("substitute", "cat", "dog"),
        ("equal", "sat", "sat"),
        ("equal", "on", "on"),
        ("delete", "a", ""),
        ("equal", "mat", "mat"),
        ("equal", "by", "by"),
        ("equal", "the", "the"),
        ("insert", "", "old"),
        ("equal", "door", "door"),
    ]


def test_character_rate_counts_spaces_between_words() -> None:
    assert align_texts("ab cd", "abcd").cer == pytest.approx(1 / 5)


def test_empty_reference_has_no_rate_unless_nothing_was_heard() -> None:
    heard = align_texts("", "thank you")
    assert heard.wer is None
    assert heard.cer is None
    assert heard.words.insertions == 2
    assert heard.head_coverage is None
    assert align_texts("", "").wer == 0.0


def test_empty_hypothesis_is_all_deletions() -> None:
    found = align_texts("one two", "")
    assert (found.wer, found.cer, found.words.deletions) == (1.0, 1.0, 2)
    assert (found.head_coverage, found.tail_coverage) == (0.0, 0.0)


def test_insertions_raise_the_rate_above_one() -> None:
    assert align_texts("yes", "yes yes yes yes").wer == 3.0


def test_scripts_without_spaces_are_aligned_by_character_and_ignore_spaces() -> None:
    found = align_texts("\u4eca\u65e5\u306f\u6674\u308c", "\u4eca\u65e5 \u306f\u96e8\u308c", is_scriptio_continua=True)
    assert found.cer == pytest.approx(1 / 5)
    assert [unit.reference for unit in found.units] == list("\u4eca\u65e5\u306f\u6674\u308c")


def test_coverage_sees_which_end_is_missing() -> None:
    reference = " ".join(f"w{number}" for number in range(20))
    cut = align_texts(reference, " ".join(reference.split()[:12]))
    assert (cut.head_coverage, cut.tail_coverage) == (1.0, 0.0)
    late = align_texts(reference, " ".join(reference.split()[3:]))
    assert late.head_coverage == pytest.approx(2 / 5)
    assert late.tail_coverage == 1.0


@given(WORDS, WORDS)
def test_alignment_spells_both_texts_and_its_cost_is_a_distance(reference: list[str], hypothesis: list[str]) -> None:
    units = align_units(reference, hypothesis)
    assert [unit.reference for unit in units if unit.kind != "insert"] == reference
    assert [unit.hypothesis for unit in units if unit.kind != "delete"] == hypothesis
    assert all((unit.reference == unit.hypothesis) == (unit.kind == "equal") for unit in units)
    cost = sum(unit.kind != "equal" for unit in units)
    back = sum(unit.kind != "equal" for unit in align_units(hypothesis, reference))
    assert cost == back
    assert abs(len(reference) - len(hypothesis)) <= cost <= max(len(reference), len(hypothesis))


@given(WORDS)
def test_a_text_agrees_with_itself(words: list[str]) -> None:
    found = align_texts(" ".join(words), " ".join(words))
    assert (found.wer, found.cer) == (0.0, 0.0)
