"""Limits by language, source and speaker."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.corpus.speech.test_speech import FLOATS, PLANTED, analyse, column, draw, take

NAMES = ("cut_transcript", "cut_audio", "wrong_word", "missing_words", "inserted_words", "anomaly", "doubted_word")


def join(*parts):
    """Return the rows of several sets as one, with ids of their own."""
    rows = {
        name: np.concatenate([part[name] for part in parts])
        if isinstance(parts[0][name], np.ndarray)
        else [value for part in parts for value in part[name]]
        for name in parts[0]
    }
    return rows | {"id": [f"s{number}" for number in range(len(rows["id"]))]}


def clear_and_poor(count=600, poor=400, faults=12):
    """Return a clearly spoken set with one of a poorer line, and which rows have a wrong word and which are poor.

    Sound transcripts of the poor line have words as surprising as wrong words of the clear one.
    """
    clear, one = draw(count, sampled=0.5, seed=1, word=faults)
    worse, other = draw(poor, sampled=0.5, seed=2, word=faults)
    rng = np.random.default_rng(5)
    worse["max_surprise"] = np.where(other == "word", rng.normal(30, 1.5, poor), rng.gamma(16.0, 0.7, poor))
    worse["word_surprise"] = np.where(np.isfinite(worse["word_surprise"]), rng.normal(30, 2, poor), np.nan)
    worse["doubted_word_log_prob"] = -rng.gamma(3.0, 1.5, poor)
    clear["language"], worse["language"] = ["en"] * count, ["cy"] * poor
    rows = join(clear, worse)
    return rows, np.concatenate([one, other]) == "word", np.arange(count + poor) >= count


def test_a_poorer_line_is_judged_by_what_its_own_transcripts_look_like():
    rows, is_wrong, is_poor = clear_and_poor()
    apart, summary = analyse(rows, slice_by=("language",))
    together, _ = analyse(rows, slice_by=())
    sound = is_poor & ~is_wrong
    assert (column(together, "wrong_word")[sound] > 0.5).mean() > 0.5, "the whole set's limit accuses the poorer line"
    assert (column(apart, "wrong_word")[sound] > 0.5).mean() <= 0.01
    assert (column(apart, "wrong_word")[is_wrong] > 0.5).mean() >= 0.9
    assert (column(apart, "wrong_word")[~is_poor & ~is_wrong] > 0.5).mean() <= 0.005
    limits = {name: part["limits"]["word_fault"] for name, part in summary["slices"].items()}
    assert list(limits) == ["language=cy", "language=en"]
    assert {part["of"] for part in limits.values()} == {"slice"}
    assert limits["language=cy"]["limit"] > limits["language=en"]["limit"] + 3
    assert summary["word_fault"]["num_found"] == sum(part["num_found"] for part in limits.values())
    assert summary["word_fault"]["num_judged"] == 1000
    assert summary["word_fault"]["share"] == pytest.approx(24 / 1000, abs=0.01)
    assert "in language=cy (400 clips), language=en (600 clips)." in summary["sentences"][0]
    assert any("the limit of its slice: language=cy 2" in sentence for sentence in summary["sentences"])


def test_doubted_words_are_compared_with_those_of_the_same_slice():
    rows, _, is_poor = clear_and_poor(faults=0)
    rows["doubted_word_log_prob"][[0, is_poor.argmax()]] = -14.0, -60.0
    apart, summary = analyse(rows)
    together, _ = analyse(rows, slice_by=())
    doubted = column(apart, "doubted_word")
    assert column(together, "doubted_word")[0] > 0.002
    assert doubted[0] < 0.001
    assert (doubted[is_poor] < 0.01).mean() <= 0.02
    assert doubted[is_poor.argmax()] < 0.001
    assert {part["doubted_word"] for part in summary["slices"].values()} == {"slice"}


def test_what_is_too_small_is_judged_by_the_whole_set_and_the_summary_says_so():
    rows, _, is_poor = clear_and_poor(poor=120)
    table, summary = analyse(rows, min_slice=300)
    plain, whole = analyse(rows, slice_by=())
    for name in NAMES:
        np.testing.assert_array_equal(column(table, name)[is_poor], column(plain, name)[is_poor])
    small = summary["slices"]["language=cy"]
    assert (small["num_clips"], small["reason"]) == (120, "it has fewer than 300 clips")
    assert {part["of"] for part in small["limits"].values()} == {"whole set"}
    assert small["limits"]["word_fault"]["limit"] == whole["word_fault"]["limit"] == summary["word_fault"]["limit"]
    assert small["doubted_word"] == "whole set"
    assert summary["sentences"][0].endswith(
        "in language=en (600 clips), and by those of the whole set in 120 clips of smaller slices."
    )


def test_copies_make_no_slice_large():
    rows, _, is_poor = clear_and_poor(poor=60, faults=4)
    copies = take(rows, [*range(600), *np.tile(np.flatnonzero(is_poor), 6).tolist()])
    _, summary = analyse(copies, min_slice=300)
    assert summary["slices"]["language=cy"]["reason"] == "only 60 of its clips are distinct, fewer than 300"


def test_where_few_faults_were_planted_in_a_slice_those_of_the_whole_set_show_what_they_look_like():
    rows, is_wrong, is_poor = clear_and_poor()
    known = np.flatnonzero(is_poor & np.isfinite(rows["cut_audio_surprise"]))
    rows["cut_audio_surprise"][known[5:]] = np.nan
    table, summary = analyse(rows)
    limits = summary["slices"]["language=cy"]["limits"]
    assert (limits["unheard_end"]["of"], limits["unheard_end"]["faults_planted_in"]) == ("slice", "whole set")
    assert limits["word_fault"]["faults_planted_in"] == "slice"
    assert (column(table, "cut_audio")[is_poor & ~is_wrong] > 0.5).mean() <= 0.01


def test_a_slice_that_the_model_cannot_judge_says_so_and_the_others_are_judged():
    rows, _, is_poor = clear_and_poor()
    rows["audio_posterior"][is_poor] = np.nan
    rows["audio_cause"] = ["model_cannot_tell" if poor else None for poor in is_poor.tolist()]
    reason = "this model cannot judge these recordings"
    rows["audio_reason"] = [reason if poor else None for poor in is_poor.tolist()]
    table, summary = analyse(rows)
    assert np.isnan(column(table, "anomaly")[is_poor]).all()
    assert np.isfinite(column(table, "anomaly")[~is_poor]).all()
    assert set(np.array(table["reason"].to_pylist())[is_poor]) == {reason}
    assert set(np.array(table["cause"].to_pylist())[is_poor]) == {"model_cannot_tell"}
    assert summary["warnings"] == [f"Some transcript faults of language=cy could not be judged: {reason}."]
    assert summary["word_fault"]["state"] == "judged"
    assert summary["word_fault"]["num_judged"] == 600
    assert summary["slices"]["language=cy"]["limits"]["word_fault"]["state"] == "model_cannot_tell"


@pytest.mark.parametrize(("key", "name"), [("speaker", "speaker=ملك"), ("manifest", "manifest=/data/telephone.jsonl")])
def test_slices_may_be_speakers_and_manifests(key, name):
    rows, _, is_poor = clear_and_poor(poor=300)
    rows["language"] = ["en"] * len(is_poor)
    if key == "manifest":
        rows["manifest"] = ["/data/telephone.jsonl" if poor else "/data/studio.jsonl" for poor in is_poor.tolist()]
    else:
        rows["row"] = [
            json.dumps({"speaker": "ملك" if poor else f"p{number % 200}"}) for number, poor in enumerate(is_poor)
        ]
    _, summary = analyse(rows, slice_by=("language", key))
    found = next(part for label, part in summary["slices"].items() if name in label)
    assert found["num_clips"] == 300
    assert found["limits"]["word_fault"]["of"] == "slice"
    if key == "speaker":
        assert len(summary["slices"]) == 17, "the largest of the small ones are listed"
        assert summary["num_clips_unnamed"] == 600 - 16 * 3


def test_a_column_with_a_value_a_row_leaves_the_set_as_it_is():
    rows, _, _ = clear_and_poor()
    rows["row"] = [json.dumps({"n": number}) for number in range(1000)]
    table, summary = analyse(rows, slice_by=("n",))
    plain, _ = analyse(rows, slice_by=())
    for name in NAMES:
        np.testing.assert_array_equal(column(table, name), column(plain, name))
    assert summary["sentences"][0].startswith("No slice of the set is large enough")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_a_column_that_is_not_there_is_named():
    rows, _, _ = clear_and_poor(faults=4)
    _, summary = analyse(rows, slice_by=("language", "speakr"))
    (warning,) = summary["warnings"]
    assert warning.startswith("No row has a value of 'speakr'")
    assert "language=cy" in summary["slices"]
    _, silent = analyse(draw(200)[0])
    assert "slices" not in silent
    assert silent["warnings"] == []


def test_recordings_without_the_column_are_listed_too():
    rows, _, is_poor = clear_and_poor(faults=4)
    rows["language"] = ["en" if not poor else None for poor in is_poor.tolist()]
    _, summary = analyse(rows)
    assert set(summary["slices"]) == {"language=en", "(no value)"}
    assert summary["slices"]["(no value)"]["reason"] == "its rows have no value to tell them by"


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([70, 120, 2000]))
def test_neither_order_nor_shards_change_a_value(seed, size):
    rows, _, _ = clear_and_poor(count=150, poor=100, faults=6)
    rows["language"] = ["de" if number < 30 else code for number, code in enumerate(rows["language"])]
    table, summary = analyse(rows, min_slice=80)
    order = np.random.default_rng(seed).permutation(250).tolist()
    again, told = analyse(take(rows, order), size=size, min_slice=80)
    for name in NAMES:
        np.testing.assert_allclose(column(again, name), column(table, name)[order], atol=1e-9)
    assert told["slices"] == summary["slices"]


def test_rows_without_recordings_count_in_no_slice():
    rows, _, is_poor = clear_and_poor(poor=400)
    for name in (*FLOATS, *PLANTED, "audio_posterior"):
        rows[name][is_poor] = np.nan
    table, summary = analyse(rows)
    assert "slices" not in summary, "the recordings are all of one language"
    assert set(np.array(table["cause"].to_pylist())[is_poor]) == {"not_verified"}
