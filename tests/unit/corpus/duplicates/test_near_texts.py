from __future__ import annotations

import numpy as np
import pytest

from mmcheck.corpus.duplicates.near_texts import TextSignatures

WORDS = (
    "a small red cube stands left of two blue balls on the green grass near some old grey stones by the lake".split()
)


def near(texts, threshold=0.9):
    signatures = TextSignatures()
    signatures.add(texts)
    found = signatures.near(threshold, np.arange(len(texts)))
    left, right = found.find_pairs()
    return found, {(min(a, b), max(a, b)) for a, b in zip(left.tolist(), right.tolist(), strict=True)}


def jaccard(first, second):
    one, other = ({text[n : n + 4] for n in range(len(text) - 3)} for text in (first, second))
    return len(one & other) / len(one | other)


def test_typos_are_near_and_other_words_are_not():
    long = " ".join(WORDS)
    texts = [long, long.replace("a small", "a  small"), " ".join(reversed(WORDS)), long + " today", "a red cube"]
    assert jaccard(texts[0], texts[1]) > 0.93
    assert {(0, 1), (0, 3)} <= near(texts)[1] <= {(0, 1), (0, 3), (1, 3)}


def test_short_captions_that_differ_in_one_word_are_different():
    assert near(["a red cube on grass", "a blue cube on grass", "two cats", "two bats", "x", "y", ""])[1] == set()


def test_estimates_follow_the_true_similarity():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(60):
        words = rng.choice(3000, 40).tolist()
        changed = list(words)
        for place in rng.choice(40, rng.integers(0, 6), replace=False).tolist():
            changed[place] = int(rng.integers(3000))
        texts = [" ".join(f"w{word}" for word in one) for one in (words, changed)]
        found, _ = near(texts, threshold=0.0)
        errors.append(float(found.compare(np.array([0]), np.array([1]))[0]) - jaccard(*texts))
    assert np.abs(errors).max() < 0.2
    assert abs(float(np.mean(errors))) < 0.03


def test_almost_all_near_texts_are_found_among_many():
    rng = np.random.default_rng(1)
    texts = [" ".join(f"w{word}" for word in rng.choice(3000, 20)) for _ in range(600)]
    copies = [text[:50] + "q" + text[51:] for text in texts[:200]]
    found, pairs = near(texts + copies, threshold=0.85)
    assert len({(row, 600 + row) for row in range(200)} & pairs) >= 196
    assert all(right - left == 600 for left, right in pairs)
    assert np.isnan(found.compare(np.array([0]), np.array([1]))[0])


@pytest.mark.parametrize(
    "text", ["一只白色的小猫坐在绿色的草地上看着远处的高山和河流还有天空中的云", "Ωμέγα", "🙂🙂🙂🙂🙂"]
)
def test_any_script(text):
    assert near([text, text + " ", text[::-1] + "abc"], threshold=0.8)[1] <= {(0, 1)}
    assert (0, 1) in near([text, text], threshold=0.99)[1]


def test_no_texts():
    assert near([])[1] == set()
