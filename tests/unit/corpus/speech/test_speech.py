from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import SpeechConfig
from mmcheck.corpus.speech.analysis import Speech
from mmcheck.corpus.speech.faults import find_slope

FLOATS = ("end_log_prob", "max_surprise", "tail_surprise", "num_words", "end_level", "stated_language_probability")
FLOATS += ("doubted_word_log_prob", "after_end_surprise")
PLANTED = ("cut_end_log_prob", "word_surprise", "cut_audio_surprise", "added_surprise")


@dataclass
class FakeShard:
    """One shard of a set in memory."""

    rows: dict
    names: tuple = ("transcript", "transcript_null", "alignment")

    def samples(self, columns=None):
        count = len(self.rows["id"])
        table = pa.table(
            {
                "id": self.rows["id"],
                "language": pa.array(self.rows["language"], pa.string()),
                "row": pa.array(self.rows.get("row", ["{}"] * count), pa.string()),
                "manifest": pa.array(self.rows.get("manifest", ["rows.jsonl"] * count), pa.string()),
            }
        )
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe not in self.names:
            return None
        rows, count = self.rows, len(self.rows["id"])
        names = {"transcript": FLOATS, "transcript_null": PLANTED, "alignment": ("audio_posterior",)}[probe]
        values = {name: rows[name] for name in names}
        known = np.isfinite(np.stack(list(values.values()))).any(axis=0) if count else np.zeros(0, bool)
        table = pa.table(
            {
                "status": ["measured" if has else "not_applicable" for has in known.tolist()],
                "audio_reason": pa.array(rows.get("audio_reason", [None] * count), pa.string()),
                "audio_cause": pa.array(rows.get("audio_cause", [None] * count), pa.string()),
                **{name: pa.array(column, from_pandas=True, type=pa.float64()) for name, column in values.items()},
                "evidence": pa.array(rows["evidence"], pa.string()),
            }
        )
        return table if columns is None else table.select([name for name in columns if name in table.column_names])


def draw(count=400, sampled=0.5, seed=0, **faults):
    """Return rows: sound ones, with the named faults in as many of the first rows as given."""
    rng, other = np.random.default_rng(seed), np.random.default_rng(seed + 1000)
    rows = {
        "end_log_prob": -rng.exponential(0.15, count),
        "max_surprise": rng.gamma(1.0, 0.8, count),
        "tail_surprise": rng.exponential(0.1, count) - 0.1,
        "num_words": rng.integers(4, 12, count).astype(float),
        "end_level": rng.normal(-40, 8, count),
        "stated_language_probability": np.full(count, np.nan),
        "doubted_word_log_prob": np.where(other.random(count) < 0.3, -other.exponential(1.5, count), np.nan),
        "after_end_surprise": np.where(other.random(count) < 0.03, other.exponential(1.0, count), 0.0),
        "audio_posterior": np.full(count, 0.001),
        "language": ["en"] * count,
    }
    is_sampled = rng.random(count) < sampled
    rows["cut_end_log_prob"] = np.where(is_sampled, -np.abs(rng.normal(8, 2.5, count)), np.nan)
    rows["word_surprise"] = np.where(is_sampled, np.abs(rng.normal(11, 3.5, count)), np.nan)
    rows["cut_audio_surprise"] = np.where(is_sampled, np.abs(rng.normal(5, 2, count)), np.nan)
    rows["added_surprise"] = np.where(is_sampled, np.abs(other.normal(9, 2.5, count)), np.nan)
    kinds = np.full(count, "sound", dtype=object)
    start = 0
    for kind, number in faults.items():
        part = slice(start, start + number)
        kinds[part] = kind
        if kind == "cut_transcript":
            rows["end_log_prob"][part] = -np.abs(rng.normal(8, 1.5, number))
        elif kind == "word":
            rows["max_surprise"][part] = np.abs(rng.normal(11, 2, number))
        elif kind == "end":
            rows["tail_surprise"][part] = np.abs(rng.normal(5, 1, number)) + 1
            rows["max_surprise"][part] = np.abs(rng.normal(11, 2, number))
        elif kind == "twice":
            rows["after_end_surprise"][part] = np.abs(rng.normal(9, 2, number)) + 2
            rows["end_log_prob"][part] = -np.abs(rng.normal(8, 1.5, number))
        elif kind == "other":
            rows["audio_posterior"][part] = 0.99
            rows["max_surprise"][part] = 15.0
        start += number
    rows["id"] = [f"s{number}" for number in range(count)]
    rows["evidence"] = [
        json.dumps({"words": [["the", -0.1], ["dog", -9.0]], "surprises": [[1, "dog", value]]})
        for value in rows["max_surprise"].tolist()
    ]
    return rows, kinds


def take(rows, order):
    order = list(order)
    return {
        name: column[order] if isinstance(column, np.ndarray) else [column[place] for place in order]
        for name, column in rows.items()
    }


def analyse(rows, size=150, names=("transcript", "transcript_null", "alignment"), **options):
    count = len(rows["id"])
    shards = [FakeShard(take(rows, range(at, min(at + size, count))), names) for at in range(0, count, size)]
    analysis = Speech(SpeechConfig(**options), 0)
    tables = list(analysis.analyse(shards))
    assert [table.num_rows for table in tables] == [len(shard.rows["id"]) for shard in shards]
    return (pa.concat_tables(tables) if tables else None), analysis.summary()


def column(table, name):
    return table[name].to_numpy(zero_copy_only=False).astype(float)


def test_a_clean_set_loses_next_to_nothing():
    rows, _ = draw(2000)
    table, summary = analyse(rows)
    assert (column(table, "anomaly") > 0.5).mean() <= 0.005
    assert summary["warnings"] == []


@pytest.mark.parametrize("each", [4, 10, 20])
def test_each_fault_is_found_under_its_own_name(each):
    rows, kinds = draw(400, cut_transcript=each, word=each, end=each, other=each)
    rows["end_level"][kinds == "end"] = -2.0
    table, summary = analyse(rows)
    for kind, name in (
        ("cut_transcript", "cut_transcript"),
        ("word", "wrong_word"),
        ("end", "cut_audio"),
        ("other", "other_text"),
    ):
        values = column(table, name)
        assert (values[kinds == kind] > 0.5).mean() >= 0.9, kind
        assert (values[kinds == "sound"] > 0.5).mean() <= 0.01, kind
    assert (column(table, "anomaly")[kinds == "sound"] > 0.5).mean() <= 0.015
    assert summary["cut_transcript"]["share"] == pytest.approx(each / 400, abs=0.02)
    assert any("stop before the speech does" in sentence for sentence in summary["sentences"])


def test_an_end_that_fades_out_has_added_words_and_one_that_breaks_off_was_cut():
    rows, kinds = draw(400, end=20)
    quiet, _ = analyse(rows)
    assert (column(quiet, "inserted_words")[kinds == "end"] > 0.5).all()
    rows["end_level"][:20] = -1.0
    loud, _ = analyse(rows)
    assert (column(loud, "cut_audio")[kinds == "end"] > 0.5).all()
    assert (column(loud, "inserted_words")[kinds == "end"] < 0.5).all()


def test_where_all_recordings_end_at_full_sound_no_words_are_called_added_for_it():
    rows, kinds = draw(400, end=20)
    rows["end_level"][:] = -1.0
    table, _ = analyse(rows)
    assert (column(table, "cut_audio")[kinds == "end"] > 0.5).all()


def test_the_odds_of_a_false_finding_are_those_of_the_sound_rows():
    rows, kinds = draw(4000, cut_transcript=1600)
    rng = np.random.default_rng(7)
    is_sound = kinds == "sound"
    rows["end_log_prob"][is_sound] = 1 - np.maximum(rng.normal(2.0, 0.35, is_sound.sum()), 1) ** 2
    rows["end_log_prob"][~is_sound] = -np.abs(rng.normal(8, 2.5, (~is_sound).sum()))
    table, summary = analyse(rows, size=4000)
    posterior = column(table, "cut_transcript")
    # What the posteriors come to: sound rows beyond the limit among all sound rows, not among all rows.
    false = (1 - posterior)[posterior > 0.5].sum() / (1 - posterior).sum()
    assert summary["cut_transcript"]["expected_false_share"] == pytest.approx(false, rel=0.15)
    (sentence,) = (text for text in summary["sentences"] if "stop before the speech does" in text)
    assert 1 / int(re.search(r"1 in (\d+) correct transcripts", sentence)[1]) == pytest.approx(false, rel=0.2)


def test_a_planted_fault_is_blurred_like_the_set_itself():
    # All planted faults look alike. Two widths of the kernel off, they are as rare as in a normal curve, not as in a
    # plateau, so that values there speak for a fault much less than those in the middle.
    rows, _ = draw(4000, sampled=1.0, cut_transcript=400)
    rng = np.random.default_rng(8)
    rows["cut_end_log_prob"][:] = 1 - 3.2**2
    rows["end_log_prob"] = 1 - np.maximum(rng.normal(2.0, 0.45, 4000), 1) ** 2
    rows["end_log_prob"][:400] = 1 - rng.normal(3.2, 0.02, 400) ** 2
    rows["end_log_prob"][:2] = 1 - np.array([3.2, 2.96]) ** 2
    table, _ = analyse(rows, size=4000)
    odds = column(table, "cut_transcript")[:2] / (1 - column(table, "cut_transcript")[:2])
    assert odds[1] < 0.2 * odds[0]


def test_findings_name_words():
    rows, _ = draw(400, word=12, cut_transcript=12)
    table, _ = analyse(rows)
    told = [json.loads(text)["faults"] if text else [] for text in table["evidence"].to_pylist()]
    assert [fault["kind"] for fault in told[0]] == ["wrong_word"]
    assert told[0][0]["words"] == ["dog"]
    assert told[12][0] == {"kind": "cut_transcript", "probability": pytest.approx(1.0), "words": ["the", "dog"]}
    likely = [[fault for fault in faults if fault["probability"] > 0.5] for faults in told]
    assert sum(map(bool, likely)) < 30


@pytest.mark.parametrize("limit", [0.05, 0.2, 0.5])
def test_whatever_limit_a_rule_has_the_words_stand_beside_its_findings(limit):
    rows, _ = draw(400, word=12, cut_transcript=12, end=12)
    rows["max_surprise"][40:60] = np.linspace(4, 9, 20)
    table, _ = analyse(rows)
    told = [json.loads(text)["faults"] if text else [] for text in table["evidence"].to_pylist()]
    for name in ("cut_transcript", "cut_audio", "wrong_word", "inserted_words"):
        for row in np.flatnonzero(column(table, name) > limit).tolist():
            (fault,) = [fault for fault in told[row] if fault["kind"] == name]
            assert fault["words"], (row, name)
            assert fault["probability"] == pytest.approx(column(table, name)[row], abs=1e-4)


def test_a_text_of_another_clip_is_not_also_called_cut():
    rows, _ = draw(400, other=20)
    rows["end_log_prob"][:20] = -12.0
    table, summary = analyse(rows)
    assert np.isnan(column(table, "cut_transcript")[:20]).all()
    assert (column(table, "anomaly")[:20] > 0.9).all()
    assert summary["num_other_texts"] == 20


@pytest.mark.parametrize("count", [1, 20, 49])
def test_small_sets_are_said_plainly_to_be_small(count):
    rows, _ = draw(count, sampled=1.0)
    rows["audio_posterior"][:] = np.nan
    table, summary = analyse(rows)
    assert set(table["cause"].to_pylist()) == {"too_few_clips"}
    assert column(table, "anomaly").size == count
    assert np.isnan(column(table, "anomaly")).all()
    assert f"only {count} distinct" in summary["warnings"][0]


def test_without_planted_faults_nothing_is_judged():
    rows, _ = draw(400)
    rows["audio_posterior"][:] = np.nan
    table, summary = analyse(rows, names=("transcript", "alignment"))
    assert np.isnan(column(table, "anomaly")).all()
    assert np.isfinite(column(table, "doubted_word")).all(), "what the set itself shows is known all the same"
    assert "probes.transcript_null" in summary["warnings"][0]


def test_a_model_that_sees_no_planted_fault_cannot_tell():
    rows, _ = draw(400)
    rows["word_surprise"] = np.where(np.isfinite(rows["word_surprise"]), rows["max_surprise"] + 0.1, np.nan)
    table, summary = analyse(rows)
    assert summary["word_fault"]["state"] == "model_cannot_tell"
    assert np.isnan(column(table, "wrong_word")).all()
    assert np.isfinite(column(table, "cut_transcript")).all()


def test_a_model_that_cannot_tell_texts_apart_cannot_tell_words_apart():
    rows, _ = draw(400)
    rows["audio_posterior"][:] = np.nan
    rows["audio_cause"] = ["model_cannot_tell"] * 400
    rows["audio_reason"] = ["this model cannot judge these recordings"] * 400
    table, summary = analyse(rows)
    assert summary["warnings"] == [
        "Some transcript faults could not be judged: this model cannot judge these recordings."
    ]
    assert set(table["cause"].to_pylist()) == {"model_cannot_tell"}


def test_long_texts_are_not_suspicious_for_their_length():
    rows, _ = draw(3000, seed=4)
    rng = np.random.default_rng(5)
    rows["num_words"] = np.where(np.arange(3000) < 300, 80.0, 4.0)
    rows["max_surprise"] = np.array([rng.exponential(0.8, int(n)).max() for n in rows["num_words"]])
    table, _ = analyse(rows)
    words = column(table, "wrong_word")
    assert (words[:300] > 0.5).mean() <= 0.02
    assert find_slope(-np.sqrt(rows["max_surprise"]), np.log(rows["num_words"]), np.ones(3000)) > 0.2


def test_texts_of_one_length_say_nothing_about_length():
    assert find_slope(np.arange(50.0), np.zeros(50), np.ones(50)) == 0.0
    assert find_slope(np.arange(50.0), np.arange(50.0), np.ones(50)) == 0.0, "longer is better: no reason to correct"


def test_worse_values_are_never_less_suspicious():
    rows, _ = draw(600, word=30, cut_transcript=30, end=30)
    rows["num_words"][:] = 8.0
    table, _ = analyse(rows)
    for name, values in (("cut_transcript", -rows["end_log_prob"]), ("anomaly", None)):
        if values is not None:
            assert (np.diff(column(table, name)[np.argsort(values)]) >= -1e-9).all()
    parts = ("cut_transcript", "cut_audio", "wrong_word", "missing_words", "inserted_words", "other_text")
    worst = np.nanmax(np.stack([column(table, name) for name in parts]), axis=0)
    assert (column(table, "anomaly") >= worst - 1e-9).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([40, 150, 999]))
def test_neither_order_nor_shards_nor_duplicates_change_a_value(seed, size):
    rows, _ = draw(240, sampled=0.6, seed=seed, word=12, cut_transcript=12, end=6, other=6)
    table, _ = analyse(rows)
    order = np.random.default_rng(seed).permutation(240)
    twice = [*order.tolist(), *order[:60].tolist()]
    again, _ = analyse(take(rows, twice), size=size)
    for name in ("cut_transcript", "cut_audio", "wrong_word", "missing_words", "inserted_words", "anomaly"):
        np.testing.assert_allclose(column(again, name), column(table, name)[twice], atol=1e-9)


def test_copies_that_were_not_sampled_count_once_with_the_one_that_was():
    rows, _ = draw(240, sampled=0.6, word=12, cut_transcript=12, end=6, other=6)
    table, summary = analyse(rows)
    copied = take(rows, [*np.repeat(np.arange(24, 60), 3).tolist(), *range(240)])
    for name in PLANTED:
        copied[name][:108] = np.nan
    again, counted = analyse(copied)
    for name in ("cut_transcript", "cut_audio", "wrong_word", "missing_words", "inserted_words"):
        np.testing.assert_allclose(column(again, name)[108:], column(table, name), atol=1e-9)
    assert counted["word_fault"]["share"] == summary["word_fault"]["share"]


def test_rows_without_recordings_say_so_and_stay_out():
    rows, _ = draw(300)
    for name in (*FLOATS, *PLANTED, "audio_posterior"):
        rows[name][:100] = np.nan
    table, _ = analyse(rows)
    assert table["status"].to_pylist()[:100] == ["not_applicable"] * 100
    assert set(table["cause"].to_pylist()[:100]) == {"not_verified"}


def test_a_set_without_recordings_is_silent():
    rows, _ = draw(60)
    for name in (*FLOATS, *PLANTED, "audio_posterior"):
        rows[name][:] = np.nan
    table, summary = analyse(rows)
    assert set(table["status"].to_pylist()) == {"not_applicable"}
    assert summary == {"sentences": []}
    assert analyse(take(rows, []))[1] == {"sentences": []}


def test_constant_values_are_no_ground_for_a_finding():
    rows, _ = draw(200, sampled=1.0)
    for name in ("end_log_prob", "max_surprise", "tail_surprise", *PLANTED):
        rows[name] = np.full(200, -1.0 if "log_prob" in name else 1.0)
    rows["end_level"][:] = -30.0
    table, _ = analyse(rows)
    assert not (np.nan_to_num(column(table, "anomaly")) > 0.5).any()


def test_another_language_than_stated_is_found_and_an_unknown_one_is_not_blamed():
    rows, _ = draw(400)
    rng = np.random.default_rng(2)
    stated = rng.beta(30, 1, 400)
    stated[:8] = 0.003
    stated[200:] = rng.beta(1, 4, 200)
    rows["stated_language_probability"] = stated
    rows["language"] = ["pt-BR"] * 200 + ["gl"] * 200
    table, summary = analyse(rows)
    found = column(table, "wrong_language")
    assert (found[:8] > 0.5).all()
    assert (found[8:200] < 0.5).all()
    assert np.isnan(found[200:]).all()
    assert summary["wrong_language"]["not_recognised"] == ["gl"]
    told = json.loads(table["evidence"][0].as_py())["faults"][-1]
    assert (told["kind"], told["languages"][0]) == ("wrong_language", "pt")


@pytest.mark.parametrize("scale", [0.5, 1.5, 3.0])
def test_an_unlikely_word_is_one_that_is_rare_in_this_very_set(scale):
    rows, _ = draw(2000)
    rng = np.random.default_rng(3)
    rows["num_words"][:] = 8.0
    rows["doubted_word_log_prob"] = -rng.exponential(scale, 2000)
    rows["doubted_word_log_prob"][:3] = -12.0 * scale
    table, _ = analyse(rows)
    shares = column(table, "doubted_word")
    assert (shares[:3] < 0.001).all()
    assert (shares[3:] < 0.001).mean() <= 0.003
    assert (np.diff(shares[np.argsort(rows["doubted_word_log_prob"])]) >= -1e-9).all(), (
        "of one length they are in order"
    )


def test_many_wrong_transcripts_make_the_limit_milder_and_never_stricter():
    rows, _ = draw(1000)
    few, many = (dict(rows, doubted_word_log_prob=rows["doubted_word_log_prob"].copy()) for _ in range(2))
    few["doubted_word_log_prob"][:5] = -15.0
    many["doubted_word_log_prob"][:150] = -15.0
    (first, _), (second, _) = analyse(few), analyse(many)
    assert (column(first, "doubted_word")[:5] < 0.001).all()
    sound = slice(200, 1000)
    assert (column(second, "doubted_word")[sound] >= column(first, "doubted_word")[sound] - 1e-9).all()


def test_a_transcript_whose_words_were_all_recognised_has_no_doubted_word():
    rows, _ = draw(200)
    rows["doubted_word_log_prob"][:] = np.nan
    rows["doubted_word_log_prob"][:2] = -9.0
    table, _ = analyse(rows)
    assert (column(table, "doubted_word")[:2] < 0.001).all()
    assert (column(table, "doubted_word")[2:] >= 0.2).all()
    assert np.isnan(column(analyse(take(rows, range(40)))[0], "doubted_word")).all()


def test_a_text_that_goes_on_after_the_speech_has_words_that_are_not_spoken_and_is_not_called_cut():
    rows, kinds = draw(400, twice=12, cut_transcript=12)
    words = [[word, -0.1] for word in "so it is. so it is.".split()]
    for row in np.flatnonzero(kinds == "twice").tolist():
        surprise = rows["after_end_surprise"][row]
        evidence = {"words": words, "surprises": [[3, "so", surprise]], "early_end": [3, -0.1, surprise]}
        rows["evidence"][row] = json.dumps(evidence)
    table, summary = analyse(rows)
    assert (column(table, "inserted_words")[kinds == "twice"] > 0.9).all()
    assert (column(table, "cut_transcript")[kinds == "twice"] < 0.1).all()
    assert (column(table, "cut_transcript")[kinds == "cut_transcript"] > 0.5).all()
    assert (column(table, "anomaly")[kinds == "sound"] > 0.5).mean() <= 0.015
    told = json.loads(table["evidence"][0].as_py())["faults"]
    assert [(fault["kind"], fault["words"]) for fault in told] == [("inserted_words", ["so", "it", "is."])]
    assert any("go on after the speech has ended" in sentence for sentence in summary["sentences"])


@pytest.mark.parametrize("name", ["after_end_surprise", "added_surprise"])
def test_a_set_in_which_no_words_were_added_on_trial_is_judged_by_the_rest(name):
    rows, _ = draw(400, word=12)
    rows[name][:] = np.nan
    table, summary = analyse(rows)
    assert summary["warnings"] == []
    assert summary["added_words"]["state"] == "not_measured"
    assert (column(table, "wrong_word")[:12] > 0.5).all()
