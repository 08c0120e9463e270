"""Small sets beside recordings that their model was measured on."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.corpus.alignment.analysis import Alignment
from mmcheck.corpus.speech import measured_clips
from mmcheck.corpus.speech.clips import OWN, PLANTED
from mmcheck.corpus.speech.measured_clips import MeasuredClips, load_measured

_SPEC = importlib.util.spec_from_file_location("speech_rows", Path(__file__).with_name("test_speech.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
made = importlib.util.module_from_spec(_SPEC)
sys.modules["speech_rows"] = made
_SPEC.loader.exec_module(made)
WEIGHTS = "a" * 64


@pytest.fixture(autouse=True)
def _measured(monkeypatch):
    rows, _ = made.draw(150, sampled=1.0, seed=9)
    rng = np.random.default_rng(1)
    values = {name: rows.get(name, np.full(150, np.nan)) for name in (*OWN, *PLANTED)}
    values["mean_log_prob"] = -rng.gamma(2.0, 0.2, 150)
    known = MeasuredClips(
        model="base",
        weights=(WEIGHTS,),
        num_recordings=150,
        values=values,
        null=rng.normal(-6.0, 0.8, 450),
    )
    monkeypatch.setattr(measured_clips, "load_measured", lambda: (known,))


def small(weights=WEIGHTS, window="full", **faults):
    rows, kinds = made.draw(20, seed=3, **faults)
    rows["evidence"] = [
        json.dumps({**json.loads(text), "weights": weights, "window": window}) for text in rows["evidence"]
    ]
    for name in PLANTED:
        rows[name][:] = np.nan
    return rows, kinds


def test_a_small_set_is_judged_by_what_was_measured_and_says_so():
    rows, kinds = small(word=3, cut_transcript=3)
    table, summary = made.analyse(rows)
    basis = "judged by limits measured on 150 real recordings (Whisper base), since the set has fewer than 50"
    assert (made.column(table, "wrong_word")[kinds == "word"] > 0.8).all()
    assert (made.column(table, "cut_transcript")[kinds == "cut_transcript"] > 0.5).all()
    assert (made.column(table, "anomaly")[kinds == "sound"] < 0.5).all()
    assert np.isfinite(made.column(table, "doubted_word")).all()
    assert set(table["audio_basis"].to_pylist()) == {basis}
    assert summary["sentences"][0] == f"The transcripts were {basis}."
    assert summary["word_fault"]["num_found"] == 3, "those that were measured are not counted"
    assert summary["word_fault"]["num_judged"] == 20
    assert summary["warnings"] == []


@pytest.mark.parametrize("other", [{"weights": "b" * 64}, {"weights": ""}, {"window": "fitted"}])
def test_an_unknown_model_or_window_leaves_a_small_set_unjudged(other):
    table, summary = made.analyse(small(word=3, **other)[0])
    assert np.isnan(made.column(table, "wrong_word")).all()
    assert "only 20 distinct" in summary["warnings"][0]
    assert "audio_basis" not in table.column_names


def test_a_set_that_is_large_enough_is_its_own_measure():
    rows, _ = small()
    large = made.take(rows, list(range(20)))
    many, _ = made.draw(200, sampled=1.0)
    many["evidence"] = [large["evidence"][0]] * 200
    table, summary = made.analyse(many)
    assert "audio_basis" not in table.column_names
    assert "basis" not in summary


class Clips:
    """One shard of recordings without a null."""

    def __init__(self, own, window="full"):
        self.own, self.window = own, window

    def samples(self, columns=None):
        count = len(self.own)
        table = pa.table(
            {
                "id": [f"a{n}" for n in range(count)],
                "language": pa.array([None] * count, pa.string()),
                "row": ["{}"] * count,
                "transcript": [f"text {n}" for n in range(count)],
            }
        )
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe != "transcript":
            return None
        evidence = json.dumps({"weights": WEIGHTS, "window": self.window})
        table = pa.table(
            {"status": ["measured"] * len(self.own), "mean_log_prob": self.own, "evidence": [evidence] * len(self.own)}
        )
        return table if columns is None else table.select([name for name in columns if name in table.column_names])


def align(own, **options):
    analysis = Alignment(AlignmentConfig(**options), 0)
    (table,) = analysis.analyse([Clips(own)])
    return table, analysis.summary()["audio"]


def test_only_what_is_sure_is_called_another_recordings_text_in_a_small_set():
    table, summary = align([-0.3, -0.6, -7.0, *np.linspace(-4.5, -1.0, 8)])
    posterior = table["audio_posterior"].to_numpy(zero_copy_only=False)
    assert (posterior[:2] < 0.05).all()
    assert posterior[2] > 0.99
    between = posterior[(posterior > 0.05) & (posterior < 0.99)]
    assert len(between)
    assert (between <= 0.5).all()
    assert "150 real recordings (Whisper base)" in summary["sentences"][0]
    assert "share" not in summary, "that of the measured ones says nothing of the set"
    assert (summary["state"], summary["num_pairs"]) == ("judged", 11)
    assert set(table["audio_basis"].to_pylist()) == {summary["sentences"][0][len("The recordings were ") : -1]}


def test_whatever_ships_with_the_package_is_whole():
    for known in load_measured():
        assert known.num_recordings >= 90
        assert set(known.values) == {"mean_log_prob", *OWN, *PLANTED}
        assert {len(column) for column in known.values.values()} == {known.num_recordings}
        assert all(len(digest) == 64 for digest in known.weights)
        assert np.isfinite(known.null).all()
        assert np.median(known.values["mean_log_prob"]) > np.median(known.null) + 2
        for name in PLANTED:
            assert np.isfinite(known.values[name]).sum() >= 30, name
