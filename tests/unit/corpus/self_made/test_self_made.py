from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config import SelfMadeConfig
from mmcheck.corpus.self_made.analysis import SelfMade


class FakeShard:
    """One shard of a set in memory: texts with their own-choice share and the model's probability of them."""

    def __init__(self, own, confidence, words=8.0, texts=None, speech=None):
        count = len(own)
        self._texts = pa.array([None] * count if texts is None else texts, pa.string())
        self._media = pa.table({"status": ["measured"] * count, "speech_seconds": speech or [3.0] * count})
        self._ids = [f"s{number}" for number in range(count)]
        self._table = pa.table(
            {
                "status": ["measured"] * count,
                "own_choice": np.asarray(own, float),
                "mean_log_prob": np.log(np.maximum(confidence, 1e-9)) / 10.0,
                "end_log_prob": np.zeros(count),
                "num_tokens": np.full(count, 10.0),
                "num_words": np.full(count, words),
            }
        )

    def samples(self, columns=None):
        table = pa.table({"id": self._ids, "transcript": self._texts})
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        table = {"transcript": self._table, "media": self._media}.get(probe)
        return None if table is None else table.select(columns)


def analyse(*shards, **options):
    analysis = SelfMade(SelfMadeConfig(**options), 0)
    tables = list(analysis.analyse(shards))
    assert [table.num_rows for table in tables] == [shard.samples().num_rows for shard in shards]
    return analysis.summary(), np.concatenate([table["posterior"].to_numpy(zero_copy_only=False) for table in tables])


def draw(count, written, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.01, 0.6, count)
    own = (rng.random(count) < written) | (rng.random(count) < confidence)
    return np.where(own, 1.0, 0.9), confidence


def test_a_set_that_the_model_wrote_is_told_in_plain_words():
    summary, posterior = analyse(FakeShard(*draw(100, 0.9)), FakeShard(*draw(80, 0.9, seed=1)))
    assert summary["state"] == "self_made"
    assert 0.6 < summary["share"] <= 0.95
    assert "written by the very model that judges them" in summary["sentences"][0]
    assert "transcript_second" in summary["sentences"][0]
    assert (posterior > 0.5).mean() > 0.7


def test_a_set_that_people_wrote_is_left_alone():
    summary, posterior = analyse(FakeShard(*draw(300, 0.0)))
    assert summary["state"] == "written_by_people"
    assert summary["sentences"] == []
    assert (posterior == 0).all()


def test_too_few_or_too_short_transcripts_show_nothing():
    summary, posterior = analyse(FakeShard(*draw(30, 1.0)))
    assert summary["state"] == "too_few_clips"
    assert np.isnan(posterior).all()
    summary, posterior = analyse(FakeShard(*draw(200, 1.0), words=2.0))
    assert summary == {}
    assert (posterior == 0).all()


def test_the_order_of_the_rows_changes_nothing():
    own, confidence = draw(200, 0.7)
    order = np.random.default_rng(1).permutation(200)
    summary, posterior = analyse(FakeShard(own, confidence))
    other, shuffled = analyse(FakeShard(own[order], confidence[order]))
    assert other["share"] == pytest.approx(summary["share"])
    assert shuffled == pytest.approx(posterior[order])


def test_a_run_without_recordings_has_nothing_to_say():
    class Silent(FakeShard):
        def measurements(self, probe, columns=None):
            return None

    summary, posterior = analyse(Silent([1.0], [0.5]))
    assert summary == {}
    assert np.isnan(posterior).all()


def test_a_text_that_stands_over_silence_is_learned_from_the_set():
    texts = ["Thank you.", "thank you", "Thank you!", "The cat sat.", "All is said.", None]
    shards = [
        FakeShard([0.5] * 6, np.full(6, 0.5), texts=texts, speech=[0.0, 0.1, 2.0, 3.0, 0.0, 0.0]),
        FakeShard([0.5], np.full(1, 0.5), texts=["THANK YOU"], speech=[0.05]),
    ]
    analysis = SelfMade(SelfMadeConfig(), 0)
    found = [value for table in analysis.analyse(shards) for value in table["over_silence"].to_pylist()]
    assert found[:3] == [0.75, 0.75, 0.75]
    assert found[6] == 0.75
    assert found[3:6] == [None, None, None]
