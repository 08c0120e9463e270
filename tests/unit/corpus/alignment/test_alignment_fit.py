from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.corpus.alignment.fit import describe_slices, judge_scores, p_values, unjudged

KIND = replace(IMAGE_CAPTION, pairs="pairs", hint="try another model")
NULL = np.random.default_rng(0).normal(0, 1, 20_000)


def judge(scores, name="all", **options):
    return judge_scores(
        NULL, scores, np.ones(len(scores)), name=name, num_rows=len(scores), kind=KIND, seed=0, **options
    )


def draw(count, share, true_mean=6.0, seed=1):
    rng = np.random.default_rng(seed)
    return np.where(np.arange(count) < share * count, rng.normal(0, 1, count), rng.normal(true_mean, 1, count))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.8])
def test_a_set_with_much_noise_is_still_judged(share):
    verdict = judge(draw(1000, share))
    assert verdict.state == "judged"
    assert verdict.numbers.share.estimates_agree
    assert verdict.numbers.share.share_low <= share <= verdict.numbers.share.share_high
    assert "95 % interval" in verdict.sentences[0]


@pytest.mark.parametrize("true_mean", [0.0, 0.4, -1.0])
@pytest.mark.parametrize("count", [60, 2000])
def test_pairs_that_score_like_random_ones_are_not_judged(true_mean, count):
    verdict = judge(draw(count, 0.0, true_mean))
    assert verdict.state == "model_cannot_tell"
    assert np.isnan(verdict.posterior(np.zeros(3))).all()
    assert np.isnan(verdict.p_value(np.zeros(3))).all()
    assert judge(draw(count, 0.0, true_mean), has_partners=True).state == "misaligned_throughout"


def test_much_overlap_is_judged_with_honest_posteriors():
    scores = draw(20_000, 0.2, true_mean=2.2)
    verdict = judge(scores)
    assert verdict.state == "judged"
    posterior = verdict.posterior(scores)
    is_random = np.arange(20_000) < 4000
    middle = (posterior > 0.2) & (posterior < 0.8)
    assert posterior[middle].mean() == pytest.approx(is_random[middle].mean(), abs=0.06)


def test_the_sentences_do_not_promise_precision_where_nothing_is_taken():
    verdict = judge(draw(500, 0.0))
    assert verdict.numbers.quarantine.expected_precision is None
    assert any("nearly all look matched" in sentence for sentence in verdict.sentences)


def test_p_values_are_the_tail_of_the_null():
    null = np.array([1.0, 2.0, 2.0, 3.0])
    found = p_values(null, np.array([0.0, 2.0, 2.5, 9.0, np.nan]))
    assert found[:4].tolist() == [1.0, 4 / 5, 2 / 5, 1 / 5]
    assert np.isnan(found[4])


def test_slices_are_told_together():
    verdicts = {
        "language=de": judge(draw(300, 0.2), name="language=de"),
        "language=en": judge(draw(900, 0.0), name="language=en"),
        "language=xx": judge(draw(300, 0.0, true_mean=0.0), name="language=xx"),
    }
    told = json.loads(json.dumps(describe_slices(verdicts, KIND)[0], allow_nan=False))
    assert told["state"] == "judged"
    assert told["num_pairs"] == 1500
    assert told["share"] == pytest.approx(0.05, abs=0.01)
    assert told["share_low"] < 0.05 < told["share_high"]
    assert "from 0.0 % (language=en) to" in told["sentences"][0]
    assert "slice language=xx" in told["sentences"][1]
    assert set(told["slices"]) == set(verdicts)


def test_the_share_of_slices_is_of_the_pairs_that_say_something():
    verdicts = {
        "language=de": judge(draw(300, 0.2), name="language=de", num_silent=40),
        "language=en": judge(draw(300, 0.2), name="language=en"),
    }
    told, _ = describe_slices(verdicts, KIND)
    assert told["num_pairs"] == 640
    assert "of the 600 distinct" in told["sentences"][0]
    assert told["sentences"][1].startswith("40 more have captions")


def test_an_unjudged_slice_says_why():
    verdict = unjudged("too_few_pairs", "there are only 3 pairs", name="all", num_rows=3, num_pairs=3, kind=KIND)
    assert verdict.describe() == {
        "state": "too_few_pairs",
        "num_rows": 3,
        "num_pairs": 3,
        "reason": "there are only 3 pairs",
        "sentences": ["There are only 3 pairs. The pairs cannot be judged."],
    }
    assert np.isnan(verdict.share)
