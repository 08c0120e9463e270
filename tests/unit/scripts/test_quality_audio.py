from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.quality_parts import audio, clips
from scripts.benchmarks.quality_parts.clips import ALIGNED, Pair, error_rates, load_clips

FAULTS = ("one word substituted", "audio cut")


def make_pairs(size: int, seed: int = 0) -> list[Pair]:
    """Aligned pairs score well, faulty ones badly; the first clip is too short for faults."""
    rng = np.random.default_rng(seed)
    pairs = []
    for number in range(size):
        for fault in (ALIGNED, *(FAULTS if number else ())):
            low = -0.3 if fault == ALIGNED else -9.0
            values = {name: low - float(rng.uniform(0, 0.2)) for name in audio.VERIFIED.values()}
            if fault == ALIGNED:
                values["end_log_prob"] = -0.01
            text = "the red boat sails"
            pairs.append(
                Pair(
                    clip=number,
                    fault=fault,
                    text=text,
                    true_text=text,
                    hypothesis=text,
                    seconds=2.0,
                    values={**values, **error_rates(text, text), "num_words": 4.0},
                    words=[("the", -0.1)],
                    null={},
                    null_evidence={},
                )
            )
    return pairs


def test_a_set_has_each_clip_once_and_as_many_faults_as_asked_for() -> None:
    rows = audio.draw_set(make_pairs(30), 0.2, random.Random(1))
    assert [row.clip for row in rows] == list(range(30))
    faults = [row.fault for row in rows if row.fault != ALIGNED]
    assert len(faults) == 6
    assert {faults.count(fault) for fault in FAULTS} == {3}


def test_no_share_gives_a_clean_set_and_a_large_one_leaves_short_clips_alone() -> None:
    assert {row.fault for row in audio.draw_set(make_pairs(10), 0.0, random.Random(1))} == {ALIGNED}
    rows = audio.draw_set(make_pairs(10), 1.0, random.Random(1))
    assert [row.clip for row in rows if row.fault == ALIGNED] == [0]


def test_tables_hold_error_rates_only_where_the_preset_would_transcribe() -> None:
    rows = audio.draw_set(make_pairs(20), 0.3, random.Random(2))
    (shard,) = audio.to_shards(rows)
    table = shard.measurements("transcript")
    assert table is not None
    known = [value is not None for value in table["error_rate"].to_pylist()]
    assert known == [row.fault != ALIGNED for row in rows]
    told = [json.loads(text)["transcribed"] for text in table["evidence"].to_pylist()]
    assert told == known


def test_areas_say_which_score_finds_a_fault() -> None:
    rows = {row.fault: row for row in audio._areas(make_pairs(25), 1)}
    assert set(rows) == {*FAULTS, "pooled"}
    assert rows["audio cut"].areas[audio.COMBINED] == 1.0
    assert rows["audio cut"].recall[audio.COMBINED] == 1.0
    assert rows["audio cut"].areas["-WER"] == 0.5  # the recogniser heard the same words in all


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wer"),
    [("The red boat.", "the red boat", 0.0), ("the red boat", "the red goat", 1 / 3), ("...", "", 0.0), ("", "a", 1.0)],
)
def test_error_rates_are_those_of_the_normalised_words(reference: str, hypothesis: str, wer: float) -> None:
    assert error_rates(reference, hypothesis)["wer"] == pytest.approx(wer)


def test_measured_clips_are_read_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_pairs(3)
    calls = []
    monkeypatch.setattr(clips, "_digest", lambda options: "0" * 64)
    monkeypatch.setattr(clips, "_make", lambda seed, size, options: calls.append(seed) or made)
    assert load_clips(tmp_path, seed=1, size=3) == made
    assert load_clips(tmp_path, seed=1, size=3) == made
    assert calls == [1]
