"""The bench on real data without its data: intervals, mixes, what is counted, tables, and the words where data lack."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mmcheck.core.types import Measurement, Status
from scripts.benchmarks import real
from scripts.benchmarks.quality_parts.figures import Counts, roc_auc
from scripts.benchmarks.real_parts import (
    intervals,
    mixing,
    speech,
    speech_judging,
    speech_tables,
    vector_tables,
    vectors,
)
from scripts.benchmarks.real_parts.measured import Measured, Setting
from scripts.benchmarks.real_parts.planting import CLEAN, LAST, TWICE, Planted, plant_all
from scripts.benchmarks.real_parts.recordings import RealClip

WORDS = "the quick brown fox jumps over a lazy dog while seven tired sailors watch from their small wet boat".split()


def _clips(count: int, language: str = "en") -> list[RealClip]:
    rng = random.Random(7)
    return [
        RealClip(
            id=f"{language}-{at:03d}",
            path=Path(f"/x/{language}-{at:03d}.wav"),
            text=" ".join(rng.sample(WORDS, 9)),
            language=language,
            source="",
        )
        for at in range(count)
    ]


def _measured(planted: Planted, **values: float) -> Measured:
    """Return a pair as the probes would measure one whose text is right, but for the given values."""
    sound = {
        "mean_log_prob": -0.2,
        "worst_word_log_prob": -1.0,
        "tail_log_prob": -0.2,
        "end_log_prob": -0.1,
        "max_surprise": 0.5,
        "tail_surprise": 0.1,
        "num_words": 9.0,
    }
    measured = {"status": Status.MEASURED, "sample_id": planted.clip.id}
    return Measured(
        planted=planted,
        transcript=Measurement(probe="transcript", values={**sound, **values}, evidence={}, **measured),
        null=None,
        media=Measurement(probe="media", values={"speech_seconds": 3.0}, **measured),
        text=Measurement(probe="transcript_text", values={"num_words": 9.0}, **measured),
        heard="",
        rates={"wer": 0.0, "cer": 0.0},
    )


def test_the_area_is_that_of_scikit_learn_and_lies_in_its_interval() -> None:
    rng = np.random.default_rng(1)
    sound, faulty = np.round(rng.normal(0, 1, 80), 1), np.round(rng.normal(1, 1, 30), 1)
    faulty[3] = np.nan
    truth = np.array([False] * 80 + [True] * 30)
    assert intervals.area(sound, faulty) == pytest.approx(roc_auc(np.concatenate([sound, faulty]), truth))
    low, high = intervals.area_interval(sound, faulty)
    assert low < intervals.area(sound, faulty) < high
    assert np.isnan(intervals.area(sound, faulty[:0]))
    # Wilson's paper and every table of it: 10 of 10 has a lower end of 72 %.
    assert intervals.wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert intervals.wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_small_sets_are_the_first_part_of_large_ones() -> None:
    clips = _clips(40) + _clips(9, "de")
    some, all_ = mixing.choose_clips(clips, "base", 17), mixing.choose_clips(clips, "base", None)
    assert all_[:17] == some
    assert {clip.language for clip in mixing.choose_clips(clips, "tiny.en", None)} == {"en"}
    planted = mixing.thin(plant_all(all_, {}), 4)
    ids = {clip.id for clip in some}
    assert [pair for pair in planted if pair.clip.id in ids] == mixing.thin(plant_all(all_, {}), 4)[: 5 * 17]
    tally = [sum(pair.fault == fault for pair in planted) for fault in {pair.fault for pair in planted} - {CLEAN}]
    assert max(tally) - min(tally) <= 4


def test_faulty_rows_are_dealt_once_each_and_never_twice_on_one_recording() -> None:
    clips = _clips(12)
    rows = [_measured(pair) for pair in plant_all(clips, {}) if pair.fault != CLEAN]
    groups = speech_judging.deal(rows, 5)
    assert sorted(id(row) for group in groups for row in group) == sorted(map(id, rows))
    assert all(len({row.planted.clip.id for row in group}) == len(group) <= 5 for group in groups)


def test_whole_rings_make_the_share_that_is_nearest() -> None:
    rings = [[f"{ring}-{at}" for at in range(4)] for ring in range(10)]
    assert len(speech.draw_share(rings, 16, random.Random(0))) == 16
    assert len(speech.draw_share(rings, 3, random.Random(0))) == 4
    assert speech.draw_share(rings, 1, random.Random(0)) == set()


def test_a_fault_is_counted_by_what_the_product_says_of_its_row() -> None:
    clips = _clips(30)
    rows = [_measured(Planted(clip=clip, fault=CLEAN, text=clip.text, language="en")) for clip in clips]
    wrong = Planted(clip=clips[4], fault=LAST, text=clips[4].text, language="en")
    rows.append(_measured(wrong, no_speech_prob=0.9, mean_log_prob=-4.0))
    found = speech_judging.judge_faults(rows)
    assert found[LAST].rows == found[LAST].found == 1
    assert found[LAST].codes["no_speech"] == 1
    # Found, but not by a rule that says what it is.
    assert found[LAST].named == 0
    assert found[CLEAN].rows == 29
    assert found[CLEAN].found == 0
    # Fewer than fifty are not judged by the analyses, and that is no finding.
    assert speech_judging.judge_clean(rows[:30])["en"].codes == {"unjudged": 30}


def test_tables_say_what_was_counted() -> None:
    clips = _clips(3)
    pairs = [pair for pair in plant_all(clips, {}) if pair.fault in (CLEAN, TWICE)]
    rows = [_measured(pair, worst_word_log_prob=-1.0 if pair.fault == CLEAN else -8.0) for pair in pairs]
    outcome = speech.SpeechOutcome(setting=Setting(model="base", backend="ctranslate2", window="full"), num_clips=3)
    outcome.areas = speech.find_areas(rows)
    outcome.clean = {"all": speech_judging.FaultTally(rows=3, found=1, codes={"wrong_word": 1})}
    outcome.faults = {TWICE: speech_judging.FaultTally(rows=3, found=2, named=1, codes={"inserted_words": 1})}
    outcome.rings = [
        speech.RingOutcome(
            seed=1,
            share=0.4,
            planted=0.4,
            rows=10,
            counts=Counts(3, 1, 1, 6),
            flagged=Counts(4, 2, 0, 6),
            told=0.45,
            low=0.3,
            high=0.5,
        )
    ]
    text = speech_tables.write_speech([outcome])
    assert (
        "| base, ctranslate2, full windows | all | 0 of 3 (0 to 56 %) | 1 of 3 (6 to 79 %) | `wrong_word` 1 |" in text
    )
    assert "| text given twice | 2 / 1 of 3 (6 to 79 % named) |" in text
    assert "| text given twice | 3 | 1.000 (1.000 to 1.000) |" in text
    assert "| 40 % (40.0) | 1 | 10 | 0.750 | 0.750 | 16.67 % | 0.667 / 1.000 | 45.00 % | +5.0 | 1 of 1 |" in text


@pytest.fixture(scope="module")
def sets() -> dict[str, vectors.VectorSet]:
    rng = np.random.default_rng(3)

    def make(name: str, count: int, tilt: float) -> vectors.VectorSet:
        common = rng.normal(size=16) * tilt
        text = rng.normal(size=(count, 16)) + common
        image = text + 0.3 * rng.normal(size=(count, 16))
        unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (image, text)]
        return vectors.VectorSet(name=name, image=unit[0].astype(np.float16), text=unit[1].astype(np.float16))

    return {"photos": make("photos", 120, 0.0), "products": make("products", 200, 1.0)}


def test_mixes_are_what_their_titles_say(sets: dict[str, vectors.VectorSet]) -> None:
    mixes = {mix.title: mix for mix in vectors.draw_mixes(sets, 1)}
    assert len(mixes) == 2 * 4 + 2 + 6
    shares = {title: float(mix.faulty.mean()) for title, mix in mixes.items()}
    assert shares["photos, 0 % shuffled"] == shares["products and photos, clean"] == 0
    assert shares["products, 15 % shuffled"] == 0.15
    assert shares["photos, 30 % of the captions are product titles"] == 0.3
    assert shares["photos, 100 % of the captions are product titles"] == 1.0
    minority = mixes["products and photos, 44 of the photos shuffled"]
    assert minority.faulty[:200].sum() == 0
    assert minority.faulty[200:].sum() == 44
    shuffled = mixes["photos, 40 % shuffled"]
    assert sorted(map(bytes, shuffled.text)) == sorted(map(bytes, sets["photos"].text))
    again = next(mix for mix in vectors.draw_mixes(sets, 1) if mix.title == "photos, 40 % shuffled")
    assert (again.text == shuffled.text).all()
    assert "photos, 0 % shuffled" not in {mix.title for mix in vectors.draw_mixes(sets, 2)}


def test_every_way_is_measured_on_a_mix(sets: dict[str, vectors.VectorSet]) -> None:
    # A set of vectors this clean is told without an error by all that look at them.
    outcomes = vectors.measure({"photos": sets["photos"], "products": sets["products"]}, [2], lambda line: None)
    shuffled = [one for one in outcomes if one.mix == "photos, 15 % shuffled"]
    assert shuffled[0].method == vectors.PRODUCT
    assert {one.method for one in shuffled} >= {"top 30 %", "two Gaussians", "LEMoN, best cut (oracle)"}
    assert shuffled[0].auc > 0.99
    assert shuffled[0].counts.recall > 0.9
    text = vector_tables.write_vectors(outcomes)
    assert "| photos, 15 % shuffled | 120 | 1 |" in text
    assert "| photos, 15 % shuffled | two Gaussians |" in text


def test_absent_data_and_weights_are_left_out_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(real, "update_document", lambda path, blocks: written.append(blocks))
    assert real.main(["--data", str(tmp_path), "--cache", str(tmp_path / "cache")]) == 0
    told = capsys.readouterr()
    assert "speech: left out: " in told.err
    assert "vectors: left out: " in told.err
    assert written == []
    assert real.main(["--seeds", "0"]) == 2
    assert "1 or more" in capsys.readouterr().err


def test_the_command_stands_under_its_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    options = SimpleNamespace(
        quick=False, clips=9, faults=5, seeds=20, models=["base"], backends=None, windows=["full"], vector_seeds=5
    )
    monkeypatch.setattr(real, "_machine", lambda: "a machine")
    told: Any = options
    assert real._command(told, "speech") == (
        "By `scripts/bench real --only speech --clips 9 --faults 5 --seeds 20 --models base --windows full`, "
        "on a machine."
    )


def test_published_sets_have_a_command_line_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(real.online, "main", lambda words: asked.append(words) or 1)
    assert real.main(["--online", "--only", "coco", "--limit", "5"]) == 1
    assert asked == [["--only", "coco", "--limit", "5"]]
