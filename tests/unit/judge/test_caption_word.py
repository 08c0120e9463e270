"""The message names the word that does not fit, and what fits better."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from mmcheck.config import RuleConfig
from mmcheck.judge.caption_word import CaptionWordRule
from mmcheck.judge.table import JudgeTable

OPTIONS: dict[str, Any] = {"rule": "wrong_caption_word", "metric": "caption_words.wrong_word", "max": 0.8}


def judge(make_table: Any, word: str | None, other: str | None, **options: Any) -> Any:
    table: JudgeTable = make_table(2, {"caption_words": [{"wrong_word": 0.93}, {"wrong_word": 0.1}]})
    stored = table._measurements["caption_words"]
    for name, value in (("word", word), ("other", other)):
        stored = stored.append_column(name, pa.array([value, None], pa.string()))
    told = JudgeTable(table._samples, {"caption_words": stored})
    rule = CaptionWordRule("wrong_caption_word", RuleConfig.model_validate({**OPTIONS, **options}))
    ((row, finding),) = rule.apply(told).to_findings()
    assert row == 0
    return finding


@pytest.mark.parametrize(
    ("word", "other", "code", "message"),
    [
        ("red", "blue", "another_fits", '"red" does not fit this image; "blue" fits better.'),
        ("kite", None, "fits_without", '"kite" does not fit this image; the caption fits better without it.'),
    ],
)
def test_the_sentence_names_the_words(make_table: Any, word: str, other: str | None, code: str, message: str) -> None:
    finding = judge(make_table, word, other)
    assert (finding.code, finding.message) == (f"wrong_caption_word.{code}", message)
    assert finding.action.value == "flag"
    assert (finding.observed, finding.limit) == (0.93, 0.8)


def test_a_message_of_the_config_wins(make_table: Any) -> None:
    finding = judge(make_table, "red", "blue", message="A word is wrong ({observed:.2f}).")
    assert finding.message == "A word is wrong (0.93)."


def test_a_run_without_words_has_the_plain_sentence(make_table: Any) -> None:
    finding = judge(make_table, None, None)
    assert finding.code == "wrong_caption_word.above_max"
    assert "0.93" in finding.message


@pytest.mark.parametrize("options", [{"max": None}, {"metric": None}, {"min": 0.1}])
def test_limits_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="wrong_caption_word rule"):
        RuleConfig.model_validate({**OPTIONS, **options})
