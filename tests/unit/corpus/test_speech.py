from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import SpeechConfig
from mmcheck.corpus.speech import MIN_PLANTED, Speech


@dataclass
class FakeShard:
    """One shard's columns in memory."""

    transcript: dict
    planted: dict
    posterior: list | None = None

    def samples(self, columns=None):
        return pa.table({"id": [f"c{n}" for n in range(len(self.transcript["end_log_prob"]))]})

    def measurements(self, probe, columns=None):
        tables = {"transcript": self.transcript, "transcript_null": self.planted}
        if self.posterior is not None:
            tables["alignment"] = {"posterior": self.posterior}
        if probe not in tables:
            return None
        values = tables[probe]
        count = len(next(iter(values.values())))
        table = pa.table({"status": ["measured"] * count, **values})
        return table.select([name for name in columns if name in table.column_names])


def clips(count, faults=0, seed=0):
    """Return sound clips, the first ``faults`` of each kind with their statistic spoilt, and planted faults."""
    rng = np.random.default_rng(seed)
    end = -rng.gamma(0.5, 0.05, count)
    surprise = rng.gamma(0.7, 0.9, count) - 0.1
    tail = -rng.gamma(0.6, 0.4, count)
    end[:faults] = -rng.normal(8, 1.5, faults)
    surprise[faults : 2 * faults] = rng.normal(11, 2, faults)
    tail[2 * faults : 3 * faults] = -rng.normal(7, 1.5, faults)
    transcript = {"end_log_prob": end, "max_surprise": surprise, "tail_log_prob": tail}
    planted = {
        "cut_end_log_prob": -rng.normal(8, 1.5, count),
        "word_surprise": rng.normal(11, 2, count),
        "cut_audio_log_prob": -rng.normal(7, 1.5, count),
    }
    return transcript, planted


def analyse(*shards, min_clips=50):
    analysis = Speech(SpeechConfig(min_clips=min_clips), 0)
    return pa.concat_tables(analysis.analyse(list(shards))), analysis.summary()


@pytest.mark.parametrize("faults", [0, 2, 20])
def test_planted_faults_show_what_a_fault_looks_like(faults):
    table, summary = analyse(FakeShard(*clips(300, faults)))
    wanted = {"cut_transcript": range(faults), "wrong_word": range(faults, 2 * faults)}
    wanted["cut_audio"] = range(2 * faults, 3 * faults)
    for name, rows in wanted.items():
        found = set(np.flatnonzero(np.array(table[name].to_pylist()) > 0.5).tolist())
        assert len(found & set(rows)) >= 0.9 * faults
        assert len(found - set(rows)) <= 6
    assert summary["cut_transcript"]["state"] == "judged"
    assert summary["warnings"] == []


def test_another_clips_text_is_nothing_else():
    transcript, planted = clips(200, 10)
    posterior = [1.0] * 10 + [0.0] * 190
    table, _ = analyse(FakeShard(transcript, planted, posterior))
    assert table["other_text"].to_pylist()[:10] == [1.0] * 10
    assert table["cut_transcript"].null_count == 10
    assert table["anomaly"].to_pylist()[0] == 1.0


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(120)), st.integers(1, 119))
def test_order_shards_and_repeated_rows_change_nothing(order, cut):
    transcript, planted = clips(120, 6)
    before, _ = analyse(FakeShard(transcript, planted))
    order = [*order, *order[:30]]
    moved = [{name: values[order] for name, values in part.items()} for part in (transcript, planted)]
    # The null is a sample: its own repeats would count, so only the pairs are repeated here.
    moved[1] = {name: np.concatenate([values[:120], np.full(30, np.nan)]) for name, values in moved[1].items()}
    shards = [
        FakeShard(*({name: values[part] for name, values in columns.items()} for columns in moved))
        for part in (slice(0, cut), slice(cut, None))
    ]
    after, _ = analyse(*shards)
    for name in ("cut_transcript", "cut_audio", "wrong_word", "anomaly"):
        assert after[name].to_pylist() == pytest.approx([before[name].to_pylist()[row] for row in order], abs=1e-6)


def test_too_little_is_said_plainly():
    table, summary = analyse(FakeShard(*clips(20)))
    assert table["anomaly"].null_count == 20
    assert table["cause"].to_pylist() == ["not_judged"] * 20
    assert "only 20 distinct verified transcripts" in summary["warnings"][0]
    transcript, planted = clips(100)
    planted = {name: np.where(np.arange(100) < MIN_PLANTED - 1, values, np.nan) for name, values in planted.items()}
    assert "faults could be planted" in analyse(FakeShard(transcript, planted))[1]["warnings"][0]


def test_a_model_that_cannot_tell_says_so():
    rng = np.random.default_rng(5)
    noise = -rng.gamma(2, 3, 200)
    same = {"end_log_prob": noise, "max_surprise": -noise, "tail_log_prob": noise}
    planted = dict(zip(("cut_end_log_prob", "word_surprise", "cut_audio_log_prob"), same.values(), strict=True))
    table, summary = analyse(FakeShard(same, {name: rng.permutation(values) for name, values in planted.items()}))
    assert {summary[name]["state"] for name in ("cut_transcript", "word_fault", "cut_audio")} == {"model_cannot_tell"}
    assert table["anomaly"].null_count == 200


def test_no_recordings_and_no_rows():
    nothing = {name: np.full(3, np.nan) for name in ("end_log_prob", "max_surprise", "tail_log_prob")}
    table, summary = analyse(FakeShard(nothing, {"word_surprise": np.full(3, np.nan)}))
    assert table["status"].to_pylist() == ["not_applicable"] * 3
    assert summary["sentences"] == []
    assert list(Speech(SpeechConfig(), 0).analyse([])) == []
