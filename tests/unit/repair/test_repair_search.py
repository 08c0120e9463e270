"""Proposals on planted faults: the right ones, with honest confidence, and none where nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT, IMAGE_CAPTION
from mmcheck.repair.displacement import Displacement, explain
from mmcheck.repair.scores import EmbeddingScores, TranscriptScores
from mmcheck.repair.search import FileRows, RepairPlan, propose_repairs

Order = np.ndarray


def _vectors(count: int, seed: int, noise: float = 0.6, dim: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((count, dim))
    sides = [shared + noise * rng.standard_normal((count, dim)) for _ in range(2)]
    first, second = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    return first.astype(np.float16), second.astype(np.float16)


def _plan(
    texts_of: Sequence[int] | Order,
    seed: int = 0,
    *,
    keys: dict[str, list[str | None]] | None = None,
    noise: float = 0.6,
) -> RepairPlan:
    """Return the plan for a file whose row i has image i and the text of image ``texts_of[i]``."""
    order = np.asarray(texts_of)
    images, texts = _vectors(len(order), seed, noise)
    here = np.ones(len(order), dtype=bool)
    scores = EmbeddingScores(images, texts[order], here, here)
    rows = np.arange(len(order))
    file = FileRows(name="a.csv", rows=rows, numbers=rows + 1, keys=lambda: keys or {})
    return propose_repairs(scores, [file], kind=IMAGE_CAPTION)


def _right(plan: RepairPlan, texts_of: Sequence[int] | Order, least: float = 0.8) -> tuple[float, int]:
    """Return the share of right ones among the proposals above ``least``, and how many these are."""
    order = np.asarray(texts_of)
    sure = [proposal for proposal in plan.proposals if proposal.confidence >= least]
    return (float(np.mean([order[p.source] == p.row for p in sure])) if sure else 1.0), len(sure)


def _roll(count: int, low: int, high: int, by: int) -> Order:
    order = np.arange(count)
    order[low:high] = np.roll(order[low:high], by)
    return order


@pytest.mark.parametrize("seed", range(4))
def test_a_clean_set_gets_no_proposal(seed: int) -> None:
    plan = _plan(np.arange(400), seed)
    assert _right(plan, np.arange(400))[1] == 0
    assert plan.explanations == ()


@pytest.mark.parametrize("seed", range(4))
def test_swapped_pairs_are_swapped_back(seed: int) -> None:
    order = np.arange(300)
    moved = np.random.default_rng(seed).permutation(300)[:12].reshape(-1, 2)
    order[moved[:, 0]], order[moved[:, 1]] = moved[:, 1], moved[:, 0]
    plan = _plan(order, seed)
    share, count = _right(plan, order)
    assert share >= 0.97
    assert count >= 10
    assert {proposal.kind for proposal in plan.proposals if proposal.confidence >= 0.8} <= {"swap", "match"}


def test_several_texts_of_swapped_media_go_back_to_them() -> None:
    # Four rows an image, as with lists of captions; whole lists were swapped, and which text stands first is nobody's.
    images, _ = _vectors(80, 3, 0.6)
    rng = np.random.default_rng(3)
    images = np.repeat(images, 4, axis=0)
    texts = (images + 0.6 * rng.standard_normal(images.shape) / np.sqrt(images.shape[1])).astype(np.float16)
    order = np.arange(80)
    for one, other in ((4, 30), (9, 50), (20, 61)):
        order[[one, other]] = order[[other, one]]
    source = (4 * order[:, None] + np.arange(4)[None]).ravel()
    here = np.ones(len(source), dtype=bool)
    rows = np.arange(len(source))
    file = FileRows(name="a.jsonl", rows=rows, numbers=rows // 4 + 1, keys=dict)
    plan = propose_repairs(EmbeddingScores(images, texts[source], here, here), [file], kind=IMAGE_CAPTION)
    sure = [proposal for proposal in plan.proposals if proposal.confidence >= 0.8]
    assert len(sure) >= 20
    assert all(source[proposal.source] // 4 == proposal.row // 4 for proposal in sure)


def test_a_shift_of_lists_is_told_in_rows_of_the_file() -> None:
    rows = np.arange(16)
    block = Displacement(
        kind="shift", offset=4, told="", media=rows[:12], texts=rows[4:], confidence=np.ones(12), gain=9.0
    )
    told = explain(block, rows // 4 + 1, "a.jsonl", ("image", "caption"))
    assert told == "rows 2-4 of a.jsonl: each caption belongs to the image before it."
    told = explain(block, rows + 1, "a.jsonl", ("image", "caption"))
    assert told == "rows 5-16 of a.jsonl: each caption belongs to the image 4 rows before it."


def test_a_ring_of_three_is_called_one() -> None:
    order = np.arange(200)
    order[[20, 90, 150]] = [90, 150, 20]
    plan = _plan(order)
    assert [(p.row, p.source, p.kind) for p in plan.proposals] == [
        (20, 150, "cycle"),
        (90, 20, "cycle"),
        (150, 90, "cycle"),
    ]


def test_texts_from_outside_the_set_lead_to_no_proposal() -> None:
    images, texts = _vectors(300, 0)
    others = _vectors(300, 99)[1]
    wrong = np.arange(0, 300, 12)
    texts[wrong] = others[wrong]
    here, rows = np.ones(300, dtype=bool), np.arange(300)
    plan = propose_repairs(
        EmbeddingScores(images, texts, here, here),
        [FileRows(name="a", rows=rows, numbers=rows + 1)],
        kind=IMAGE_CAPTION,
    )
    assert plan.num_suspects >= 20
    assert [p for p in plan.proposals if p.confidence >= 0.8] == []


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (-1, "each caption belongs to the next image"),
        (1, "each caption belongs to the image before it"),
        (7, "each caption belongs to the image 7 rows before it"),
        (-15, "each caption belongs to the image 15 rows after it"),
    ],
)
def test_a_moved_block_is_found_to_the_row_and_told_in_words(by: int, told: str) -> None:
    order = _roll(500, 200, 260, by)
    plan = _plan(order, 1)
    (explanation,) = [e for e in plan.explanations if e.rows > 30]
    expected = (200, 260 - by) if by > 0 else (200 - by, 260)
    assert abs(explanation.first_row - 1 - expected[0]) <= 1
    assert abs(explanation.last_row - expected[1]) <= 1
    assert told in explanation.sentence
    share, count = _right(plan, order)
    assert share >= 0.98
    assert count >= 55


def test_further_faults_inside_a_moved_block_do_not_break_it() -> None:
    order = _roll(400, 100, 200, -1)
    strays = np.arange(105, 195, 13)
    order[strays] = order[np.roll(strays, 1)]
    plan = _plan(order, 2)
    assert len([e for e in plan.explanations if e.kind == "shift"]) == 1
    share, count = _right(plan, order)
    assert share >= 0.98
    assert count >= 95


def test_a_reversed_block_is_found() -> None:
    order = np.arange(400)
    order[150:210] = order[150:210][::-1]
    plan = _plan(order, 3)
    (explanation,) = plan.explanations
    assert (explanation.kind, explanation.first_row, explanation.last_row) == ("reversed", 151, 210)
    assert _right(plan, order)[0] == 1.0
    assert _right(plan, order)[1] >= 58


@pytest.mark.parametrize("count", [60, 61, 300])
def test_a_file_in_reverse_order_is_found(count: int) -> None:
    order = np.arange(count)[::-1]
    plan = _plan(order, 4)
    (explanation,) = plan.explanations
    assert explanation.kind == "reversed"
    share, found = _right(plan, order)
    assert share >= 0.97
    assert found >= count - 3


def test_captions_in_the_order_of_the_numbers_beside_names_in_that_of_the_letters() -> None:
    names = [f"img_{number}.jpg" for number in range(1, 151)]
    as_text = np.array(sorted(range(150), key=lambda row: names[row]))
    # Images stand as a folder listing sorts them, captions as they were numbered: text j is that of image j.
    images, texts = _vectors(150, 5)
    here, rows = np.ones(150, dtype=bool), np.arange(150)
    file = FileRows(
        name="a.csv", rows=rows, numbers=rows + 2, keys=lambda: {"the file name": [names[row] for row in as_text]}
    )
    plan = propose_repairs(EmbeddingScores(images[as_text], texts, here, here), [file], kind=IMAGE_CAPTION)
    (explanation,) = plan.explanations
    assert explanation.kind == "resorted"
    assert "the captions are in the order of the file name, numbers as numbers (2 before 10)" in explanation.sentence
    sure = [p for p in plan.proposals if p.confidence >= 0.8]
    assert len(sure) >= 140
    assert all(p.source == as_text[p.row] for p in sure)


def test_a_lost_image_moves_all_captions_after_it() -> None:
    order = np.concatenate([np.arange(80), np.arange(81, 240), [80]])
    plan = _plan(order, 6)
    (explanation,) = plan.explanations
    assert (explanation.kind, explanation.offset) == ("shift", -1)
    assert abs(explanation.first_row - 82) <= 1
    assert explanation.last_row == 240


def test_each_file_is_walked_by_itself() -> None:
    order = _roll(300, 40, 80, 1)
    images, texts = _vectors(300, 7)
    here, rows = np.ones(300, dtype=bool), np.arange(300)
    files = [
        FileRows(name="even.csv", rows=rows[rows % 2 == 0], numbers=rows[:150] + 1),
        FileRows(name="odd.csv", rows=rows[rows % 2 == 1], numbers=rows[:150] + 1),
    ]
    plan = propose_repairs(EmbeddingScores(images, texts[order], here, here), files, kind=IMAGE_CAPTION)
    assert plan.explanations == ()
    share, count = _right(plan, order)
    assert share >= 0.97
    assert count >= 30


def test_no_row_and_no_text_is_used_twice() -> None:
    order = np.random.default_rng(0).permutation(200)
    order[60:] = np.arange(200)[60:]
    order = np.array([*np.random.default_rng(1).permutation(60), *range(60, 200)])
    plan = _plan(order)
    assert len({p.row for p in plan.proposals}) == len(plan.proposals)
    assert len({p.source for p in plan.proposals}) == len(plan.proposals)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 0.3))
def test_confidence_is_kept(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    order = np.arange(250)
    moved = rng.permutation(250)[: max(2, int(share * 250))]
    order[moved] = np.roll(order[moved], 1)
    plan = _plan(order, seed, noise=0.9)
    wrong = sum(order[p.source] != p.row for p in plan.proposals)
    expected = sum(1 - p.confidence for p in plan.proposals)
    assert wrong <= 2 * expected + 3


def test_the_order_of_rows_does_not_change_what_is_matched() -> None:
    order = np.arange(200)
    moved = np.arange(5, 200, 19)
    order[moved] = np.roll(order[moved], 1)
    images, texts = _vectors(200, 8)
    texts = texts[order]
    shuffle = np.random.default_rng(2).permutation(200)
    here, rows = np.ones(200, dtype=bool), np.arange(200)
    file = FileRows(name="a", rows=rows, numbers=rows)
    first = propose_repairs(EmbeddingScores(images, texts, here, here), [file], kind=IMAGE_CAPTION)
    second = propose_repairs(EmbeddingScores(images[shuffle], texts[shuffle], here, here), [file], kind=IMAGE_CAPTION)
    told = {(p.row, p.source): p.confidence for p in first.proposals}
    again = {(int(shuffle[p.row]), int(shuffle[p.source])): p.confidence for p in second.proposals}
    assert told.keys() == again.keys()
    assert all(told[pair] == pytest.approx(again[pair], abs=0.01) for pair in told)


def test_a_caption_whose_image_is_gone_finds_its_image() -> None:
    images, texts = _vectors(120, 9)
    # Row 30 has the picture of row 70's caption, whose own picture is gone; row 30's caption is nobody's.
    texts[30] = _vectors(1, 1234)[1][0]
    has_medium, has_text = np.ones(120, dtype=bool), np.ones(120, dtype=bool)
    images[30], has_medium[70] = images[70], False
    rows = np.arange(120)
    scores = EmbeddingScores(images, texts, has_medium, has_text)
    plan = propose_repairs(scores, [FileRows(name="a", rows=rows, numbers=rows + 1)], kind=IMAGE_CAPTION)
    (proposal,) = [p for p in plan.proposals if p.confidence >= 0.8]
    assert (proposal.row, proposal.source, proposal.kind) == (30, 70, "match")
    assert "row 71" in proposal.reason
    assert "cannot be read" in proposal.reason


def _halves(count: int) -> dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]]:
    rng = np.random.default_rng(0)
    same = np.tile(_vectors(1, 0)[0], (count, 1))
    return {
        "unrelated": lambda: (_vectors(count, 1)[0], _vectors(count, 2)[1]),
        "all alike": lambda: (same, same),
        "one caption": lambda: (_vectors(count, 3)[0], same),
        "zeros": lambda: (np.zeros((count, 8), np.float16), np.zeros((count, 8), np.float16)),
        "noise": lambda: tuple(rng.standard_normal((2, count, 4)).astype(np.float16)),
    }


@pytest.mark.parametrize("kind", _halves(1))
@pytest.mark.parametrize("count", [0, 1, 19, 20, 150])
def test_sets_that_tell_nothing_lead_to_no_proposal(kind: str, count: int) -> None:
    images, texts = _halves(count)[kind]()
    here, rows = np.ones(count, dtype=bool), np.arange(count)
    plan = propose_repairs(
        EmbeddingScores(images, texts, here, here), [FileRows(name="a", rows=rows, numbers=rows)], kind=IMAGE_CAPTION
    )
    assert [p for p in plan.proposals if p.confidence >= 0.8] == []
    assert plan.explanations == ()


WORDS = (
    "peter laughed soldier ticket drum theater school market river yellow pencil garden window sister winter".split()
)


def _sentences(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 7)) + f" {number}" for number in range(count)]


def _misheard(text: str, seed: int) -> str:
    rng = np.random.default_rng(seed)
    letters = list(text)
    for place in rng.permutation(len(letters))[: len(letters) // 8]:
        letters[place] = "x"
    return "".join(letters)


def test_transcripts_are_given_to_the_recordings_that_say_them() -> None:
    said = _sentences(100)
    heard: list[str | None] = [None] * 100
    order = np.arange(100)
    order[[3, 40]], order[[50, 60, 70]] = [40, 3], [60, 70, 50]
    doubtful = [3, 40, 50, 60, 70, 5, 6, 7]
    for row in doubtful:
        heard[row] = _misheard(said[row], row)
    verified = np.array([text is None for text in heard])
    rows = np.arange(100)
    plan = propose_repairs(
        TranscriptScores(heard, [said[row] for row in order], verified),
        [FileRows(name="m.jsonl", rows=rows, numbers=rows + 1)],
        kind=AUDIO_TRANSCRIPT,
    )
    sure = {p.row: (p.source, p.kind) for p in plan.proposals if p.confidence >= 0.8}
    assert sure == {3: (40, "swap"), 40: (3, "swap"), 50: (70, "cycle"), 60: (50, "cycle"), 70: (60, "cycle")}


def test_moved_transcripts_are_told_in_words() -> None:
    said = _sentences(200, 1)
    order = _roll(200, 80, 120, -1)
    heard = [_misheard(text, row) if 75 <= row < 125 else None for row, text in enumerate(said)]
    verified = np.array([text is None for text in heard])
    rows = np.arange(200)
    plan = propose_repairs(
        TranscriptScores(heard, [said[row] for row in order], verified),
        [FileRows(name="m.jsonl", rows=rows, numbers=rows + 1)],
        kind=AUDIO_TRANSCRIPT,
    )
    assert [e.sentence for e in plan.explanations] == [
        "rows 81-119 of m.jsonl: each transcript belongs to the next recording."
    ]
    assert _right(plan, order) == (1.0, 40)


def test_silence_and_other_scripts_find_no_partner() -> None:
    said = ["\u4f60\u597d\u4e16\u754c\u4eca\u5929\u5929\u6c14\u5f88\u597d" + chr(0x4E00 + row) * 3 for row in range(40)]
    heard: list[str | None] = ["" if row % 2 else "thank you" for row in range(40)]
    rows = np.arange(40)
    plan = propose_repairs(
        TranscriptScores(heard, said), [FileRows(name="m", rows=rows, numbers=rows)], kind=AUDIO_TRANSCRIPT
    )
    assert [p for p in plan.proposals if p.confidence >= 0.5] == []


def test_suspects_beyond_the_exact_search_are_matched_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.arange(600)
    moved = np.random.default_rng(0).permutation(600)[:200]
    order[moved] = np.roll(order[moved], 1)
    monkeypatch.setattr("mmcheck.repair.scores._EXACT_ROWS", 50)
    plan = _plan(order, 11, noise=0.4)
    share, count = _right(plan, order)
    assert share >= 0.97
    assert count >= 150


def test_a_shift_behind_a_lost_image_says_so() -> None:
    images, texts = _vectors(200, 12)
    # Row 90's file is gone; the captions go on with the next image.
    order = np.arange(200)
    order[90:150] = np.roll(order[90:150], -1)
    has_medium, here, rows = np.ones(200, dtype=bool), np.ones(200, dtype=bool), np.arange(200)
    has_medium[90] = False
    scores = EmbeddingScores(images, texts[order], has_medium, here)
    plan = propose_repairs(scores, [FileRows(name="a", rows=rows, numbers=rows + 1)], kind=IMAGE_CAPTION)
    (explanation,) = plan.explanations
    assert explanation.sentence == (
        "rows 91-149 of a: each caption belongs to the next image. It begins at row 91, whose image cannot be read."
    )
