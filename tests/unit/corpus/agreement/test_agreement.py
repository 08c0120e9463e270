from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config import AgreementConfig
from mmcheck.corpus.agreement.analysis import Agreement, find_kappa
from mmcheck.corpus.agreement.word_limits import find_limit
from mmcheck.corpus.agreement.words import compare_words

COUNT = 240


@dataclass
class FakeShard:
    """One shard of recordings in memory."""

    start: int
    count: int
    tables: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    def samples(self, columns: Any = None) -> pa.Table:
        rows = range(self.start, self.start + self.count)
        table = pa.table(
            {
                "id": [f"a{row}" for row in rows],
                "language": pa.array([None] * self.count, pa.string()),
                "row": ["{}"] * self.count,
                "transcript": [f"the dog of clip number {row}" for row in rows],
            }
        )
        return table if columns is None else table.select(columns)

    def measurements(self, probe: str, columns: Any = None) -> pa.Table | None:
        if probe not in self.tables:
            return None
        rows = slice(self.start, self.start + self.count)
        table = pa.table({name: values[rows] for name, values in self.tables[probe].items()})
        return table if columns is None else table.select([name for name in columns if name in table.column_names])


def make_tables(wrong_text: set[int], seen_by_first: set[int], wrong_word: set[int]) -> dict[str, dict[str, list[Any]]]:
    """Return a run whose second verifier sees all faults, and whose first sees those named."""
    rng = np.random.default_rng(0)
    tables: dict[str, dict[str, list[Any]]] = {
        "alignment": {"status": [], "audio_posterior": []},
        "transcript": {"status": [], "max_surprise": [], "evidence": []},
        "transcript_null": {"status": [], "word_surprise": []},
        "transcript_second": {
            name: [] for name in ("status", "mean_log_prob", "worst_word_log_prob", "planted_word_log_prob", "evidence")
        },
    }
    for row in range(COUNT):
        words = ["the", "dog", "of", "clip", "number", str(row)]
        low = -abs(float(rng.normal(0, 0.3)))
        is_seen = row in seen_by_first
        surprise = 8.0 if row in wrong_word and is_seen else 0.5 + abs(float(rng.normal(0, 0.3)))
        fits = [low if not (row in wrong_word and place == 1) else -9.0 for place in range(len(words))]
        tables["alignment"]["audio_posterior"].append(0.99 if row in wrong_text and is_seen else 0.01)
        tables["transcript"]["max_surprise"].append(surprise)
        tables["transcript"]["evidence"].append(
            json.dumps(
                {"words": [[word, -0.1] for word in words], "surprises": [[1, "dog", surprise], [3, "clip", 0.1]]}
            )
        )
        tables["transcript_null"]["word_surprise"].append(7.0 + float(rng.normal(0, 1)))
        second = tables["transcript_second"]
        second["mean_log_prob"].append(-8.0 + float(rng.normal(0, 0.5)) if row in wrong_text else low - 0.05)
        second["worst_word_log_prob"].append(min(fits))
        second["planted_word_log_prob"].append(-8.0 + float(rng.normal(0, 1)))
        null = [{"text": "other", "mean_log_prob": -8.0 + float(rng.normal(0, 0.7))} for _ in range(3)]
        second["evidence"].append(
            json.dumps({"words": [list(pair) for pair in zip(words, fits, strict=True)], "null": null})
        )
    for table in tables.values():
        table["status"] = ["measured"] * COUNT
    return tables


def analyse(tables: dict[str, dict[str, list[Any]]], cuts: tuple[int, ...] = (100,)) -> tuple[pa.Table, dict[str, Any]]:
    borders = [0, *cuts, COUNT]
    shards = [FakeShard(start, stop - start, tables) for start, stop in itertools.pairwise(borders)]
    analysis = Agreement(AgreementConfig(), 0)
    table = pa.concat_tables(list(analysis.analyse(shards)))
    return table, dict(analysis.summary())


def rows_where(table: pa.Table, name: str, limit: float) -> set[int]:
    return {row for row, value in enumerate(table[name].to_pylist()) if value is not None and value > limit}


def test_rows_that_only_one_verifier_doubts_are_told_apart() -> None:
    table, summary = analyse(make_tables({1, 2, 3, 4}, {1, 2}, set()))
    assert rows_where(table, "second_posterior", 0.5) == {1, 2, 3, 4}
    assert rows_where(table, "both_posterior", 0.5) == {1, 2}
    assert rows_where(table, "only_second", 0.5) == {3, 4}
    assert rows_where(table, "only_first", 0.5) == set()
    assert min(value for row, value in enumerate(table["agreement"].to_pylist()) if row not in (3, 4)) > 0.9
    assert (summary["num_both"], summary["num_only_first"], summary["num_only_second"]) == (2, 0, 2)
    assert summary["kappa"] == pytest.approx(0.663, abs=0.01)
    assert any("only the second 2" in sentence for sentence in summary["sentences"])


def test_what_only_the_first_doubts_is_told_too() -> None:
    tables = make_tables({1, 2}, {1, 2}, set())
    tables["alignment"]["audio_posterior"][7] = 0.97
    table, _ = analyse(tables)
    assert rows_where(table, "only_first", 0.5) == {7}
    assert rows_where(table, "both_posterior", 0.5) == {1, 2}


def test_words_that_both_doubt_are_named() -> None:
    table, summary = analyse(make_tables(set(), {5, 6}, {5, 6, 7}))
    assert rows_where(table, "words_both", 0) == {5, 6}
    assert json.loads(table["evidence"][5].as_py())["both"] == ["dog"]
    assert json.loads(table["evidence"][7].as_py()) == {"second": ["dog"]}
    assert summary["words"]["num_both"] == 2
    assert any(
        sentence.startswith("2 transcripts have a word that both verifiers doubt") for sentence in summary["sentences"]
    )


def test_words_of_a_text_that_both_call_mismatched_are_not_named() -> None:
    table, _ = analyse(make_tables({5}, {5}, {5}))
    assert table["words_both"][5].as_py() == 0
    assert table["evidence"][5].as_py() is None


def test_without_the_first_verifier_the_second_has_a_verdict_of_its_own() -> None:
    tables = make_tables({1, 2}, set(), set())
    del tables["alignment"], tables["transcript"], tables["transcript_null"]
    table, summary = analyse(tables)
    assert rows_where(table, "only_second", 0.5) == {1, 2}
    assert table["agreement"].null_count == COUNT
    assert table["words_both"].null_count == COUNT
    assert "kappa" not in summary


def test_without_the_second_verifier_nothing_is_said() -> None:
    tables = make_tables({1}, {1}, set())
    del tables["transcript_second"]
    table, summary = analyse(tables)
    assert set(table["status"].to_pylist()) == {"not_applicable"}
    assert summary == {"sentences": []}


def test_too_few_recordings_are_not_judged() -> None:
    tables = {
        probe: {name: values[:COUNT] for name, values in columns.items()}
        for probe, columns in make_tables(set(), set(), set()).items()
    }
    second = tables["transcript_second"]
    for row in range(40, COUNT):
        second["status"][row] = "not_applicable"
    table, summary = analyse(tables)
    assert rows_where(table, "second_posterior", -1) == set()
    assert table["cause"][3].as_py() in (None, "too_few_pairs")
    assert "only 40 distinct" in summary["warnings"][0]


def test_the_limit_of_words_does_not_move_with_the_share_of_wrong_ones() -> None:
    rng = np.random.default_rng(1)
    good, bad, planted = rng.normal(-1, 0.7, 2000), rng.normal(-6, 1.5, 1000), rng.normal(-6, 1.5, 500)
    clean = find_limit(good, planted)
    dirty = find_limit(np.concatenate([good, bad]), planted)
    assert -4 < clean < -2
    assert dirty == pytest.approx(clean, abs=0.5)


@pytest.mark.parametrize(("own", "planted"), [(5, 500), (500, 5), (500, 500)])
def test_there_is_no_limit_where_nothing_tells_the_two_apart(own: int, planted: int) -> None:
    rng = np.random.default_rng(2)
    assert np.isnan(find_limit(rng.normal(0, 1, own), rng.normal(0, 1, planted)))


def test_words_are_matched_by_their_text_where_one_verifier_leaves_out_marks() -> None:
    first = {"words": [["-", -1], ["Red", -1], ["fox.", -1]], "surprises": [[2, "fox.", 9.0], [0, "-", 8.0]]}
    second = {"words": [["Red", -0.1], ["fox.", -9.0]]}
    found = compare_words(first, second, first_limit=4.0, second_limit=-3.0)
    assert (found.both, found.first, found.second) == (("fox.",), (), ())


def test_a_word_that_cannot_be_judged_is_not_doubted() -> None:
    first = {"words": [["in", -1], ["1984", -1]], "surprises": [[1, "1984", 9.0]]}
    found = compare_words(first, {"words": [["in", 0.0], ["1984", None]]}, first_limit=4.0, second_limit=-3.0)
    assert (found.both, found.first, found.second) == ((), ("1984",), ())


def test_kappa_is_that_of_cohen() -> None:
    one = np.array([True] * 20 + [True] * 5 + [False] * 10 + [False] * 15)
    two = np.array([True] * 20 + [False] * 5 + [True] * 10 + [False] * 15)
    assert find_kappa(one, two) == pytest.approx(0.4)
    assert find_kappa(one, one) == 1.0
    assert find_kappa(np.zeros(3, bool), np.zeros(3, bool)) == 1.0
