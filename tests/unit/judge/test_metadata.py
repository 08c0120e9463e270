"""Rules on the manifest's own columns: every kind of value that manifests hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mmcheck.config import RuleConfig, parse_config
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Measurement, Sample, Status
from mmcheck.judge.column_values import find_number, is_missing
from mmcheck.judge.metadata import MetadataRule
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.store.schema import measurements_to_table, samples_to_table

NAN = float("nan")


def make(**options: Any) -> MetadataRule:
    return MetadataRule("licence", RuleConfig(**{"metric": "column.x", **options}))


def table_of(*values: Any, **changes: Any) -> JudgeTable:
    rows = [{} if value is ... else {"x": value} for value in values]
    samples = [Sample(id=f"s{i}", manifest="m", row_number=i + 1, row=row) for i, row in enumerate(rows)]
    return JudgeTable(samples_to_table(samples, 0), {}, **changes)


def causes(rule: MetadataRule, *values: Any) -> list[str | None]:
    found = rule.apply(table_of(*values))
    by_row = dict(zip(found.rows.tolist(), found.causes, strict=True))
    assert len(by_row) == len(found), "one finding a row"
    return [by_row.get(row) for row in range(len(values))]


def message(rule: MetadataRule, value: Any) -> str:
    (found,) = rule.apply(table_of(value)).messages
    return found


def test_a_column_in_the_place_of_a_metric_makes_the_rule_one_of_this_kind() -> None:
    assert RuleConfig(metric="column.x", required=True).rule == "metadata"
    assert RuleConfig(metric="column.x", min=1, rule="threshold").rule == "threshold"


@pytest.mark.parametrize("value", [..., None, "", "  \t", "null", "NaN", "N/A", NAN, [], {}, [None, ""]])
def test_no_value(value: Any) -> None:
    assert causes(make(required=True), value) == ["missing"]
    assert causes(make(allowed=["a"]), value) == [None], "only `required` asks for a value"
    assert causes(make(min=1), value) == [None]


@pytest.mark.parametrize("value", [0, False, "none", "NA", "0", [0], {"a": None}, "nullable"])
def test_a_value_is_a_value(value: Any) -> None:
    assert causes(make(required=True), value) == [None]


def test_allowed_values_count_without_capitals_and_blanks() -> None:
    rule = make(allowed=["CC0", "cc-by 4.0"])
    assert causes(rule, "cc0", " CC-BY   4.0\n", "\uff23\uff23\uff10", "cc-by", 0) == [
        None,
        None,
        None,
        "not_allowed",
        "not_allowed",
    ]
    exact = make(allowed=["CC0"], match_case=True)
    assert causes(exact, "CC0", " CC0 ", "cc0") == [None, None, "not_allowed"]


@pytest.mark.parametrize(
    ("allowed", "fits", "fits_not"),
    [
        ([1, 2.5], [1, 1.0, "1", "1.0", " 2.50 ", "25e-1"], [3, "one", True]),
        (["1"], [1, 1.0, "1"], ["1.0", 2]),
        ([False], [False, "false", "FALSE"], [True, 0, "no"]),
        (["no"], ["no", "NO"], [False]),
        (["日本語"], ["日本語"], ["日本"]),
    ],
)
def test_texts_of_csv_and_types_of_json_are_alike(allowed: list[Any], fits: list[Any], fits_not: list[Any]) -> None:
    rule = make(allowed=allowed)
    assert causes(rule, *fits) == [None] * len(fits)
    assert causes(rule, *fits_not) == ["not_allowed"] * len(fits_not)


def test_each_value_of_a_list_has_to_fit() -> None:
    assert causes(make(allowed=["a", "b"]), ["a", "B"], ["a", None], ["a", "c"]) == [None, None, "not_allowed"]
    assert causes(make(max=1), [0, "1"], [0, 2], ["x"]) == [None, "above_max", "not_a_number"]


def test_numbers_may_be_texts_and_limits_are_kept() -> None:
    rule = make(min=0.5, max=1)
    values = [0.5, "0.5", " 1 ", "1e0", 1, 0.4, "1.01", "-3", math.inf, "inf", "high", True, "0x1", "1_0", "9" * 500]
    assert causes(rule, *values) == [
        *[None] * 5,
        *("below_min", "above_max", "below_min"),
        *["not_a_number"] * 7,
    ]
    found = rule.apply(table_of(0.4, "high", "2"))
    assert found.observed is not None
    assert found.limit is not None
    assert np.nan_to_num(found.observed, nan=-1).tolist() == [0.4, -1, 2]
    assert np.nan_to_num(found.limit, nan=-1).tolist() == [0.5, -1, 1]


def test_an_integer_beyond_all_floats_is_no_number() -> None:
    assert find_number(10**400) is None
    assert find_number("9" * 10_000) is None


@pytest.mark.parametrize("options", [{"allowed": ["a"]}, {"min": 1}, {"pattern": "a"}, {"forbidden": ["b"]}])
def test_an_object_is_of_the_wrong_type(options: dict[str, Any]) -> None:
    rule = make(**options)
    if "pattern" not in options:
        assert causes(rule, {"a": 1}, [[1]]) == ["wrong_type", "wrong_type"]
    assert 'holds an object ({"a":1}), not one value.' in message(rule, {"a": 1})


def test_a_pattern_is_found_anywhere_unless_anchored_and_takes_linear_time() -> None:
    assert causes(make(pattern=r"^https?://"), "https://x.org", " http://y", "ftp://z", None) == [
        *(None, None, "not_matching", None)
    ]
    assert causes(make(pattern=r"\d"), 7, "a7", ["a", "b1"]) == [None, None, "not_matching"]
    assert causes(make(pattern=r"^(a+)+$"), "a" * 5000 + "b") == ["not_matching"]


def test_messages_name_column_value_and_what_is_allowed() -> None:
    rule = make(allowed=["cc0", "cc-by"], required=True)
    assert message(rule, "cc-bx") == 'The column x is "cc-bx"; allowed are "cc0", "cc-by" (nearly "cc-by").'
    assert message(rule, ...) == "The row has no column x."
    assert message(rule, None) == "The column x has no value."
    assert message(make(allowed=[0]), 1) == "The column x is 1; allowed is 0."
    assert message(make(forbidden=["nsfw"]), "NSFW") == 'The column x is "NSFW", which is not allowed.'
    assert message(make(max=0.5), 0.97) == "The column x is 0.97, above the maximum 0.5."
    assert message(make(allowed=list("abcdefghij")), "z").endswith('"h" and 2 more.')
    long = message(make(allowed=["a"]), "word\n" * 1000)
    assert len(long) < 140
    assert "\n" not in long


def test_a_message_of_the_config_shows_numbers_and_gives_way_where_there_is_none() -> None:
    rule = make(max=0.5, required=True, message="NSFW score {observed:.1f}, at most {limit}.")
    assert message(rule, 0.97) == "NSFW score 1.0, at most 0.5."
    assert message(rule, None) == "The column x has no value."
    assert message(make(required=True, message="Say who made it."), None) == "Say who made it."


def test_unique_names_where_the_value_stood_before() -> None:
    rule = make(unique=True, required=True)
    found = rule.apply(table_of("a", "a", None, earlier={"x": {1: "row 1 of m"}}))
    assert list(zip(found.rows.tolist(), found.causes, strict=True)) == [(1, "not_unique"), (2, "missing")]
    assert found.messages[0] == 'The column x is "a" again: row 1 of m has it first.'


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "needs one of"),
        ({"metric": "media.width", "rule": "metadata", "min": 1}, "needs `metric: column."),
        ({"pattern": "(a"}, "not a regular expression"),
        ({"pattern": "(?<=a)b"}, "not a regular expression"),
        ({"alowed": ["a"]}, "did you mean 'allowed'"),
        ({"min": 2, "max": 1}, "nothing could be kept"),
        ({"allowed": [None]}, "allowed"),
    ],
)
def test_faults_of_the_config_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_config({"rules": {"mine": {"metric": "column.x", **options}}})


def test_allowed_and_forbidden_may_not_overlap() -> None:
    policy = Policy({"mine": RuleConfig(metric="column.x", allowed=["a"], forbidden=["A"])})
    with pytest.raises(ConfigError, match='"a" is both allowed and forbidden'):
        policy.check_metrics({}, [])


def test_a_metric_that_is_nearly_a_column_is_told_how_it_is_written() -> None:
    policy = Policy({"mine": RuleConfig(metric="columns.x", min=1)})
    with pytest.raises(ConfigError, match=r"a column of the manifest is written column\.x"):
        policy.check_metrics({}, [])


def test_a_condition_may_look_at_a_column_too() -> None:
    rule = make(required=True, when=[{"metric": "column.y", "min": 1}])
    samples = [
        Sample(id=f"s{i}", manifest="m", row_number=i, row=row) for i, row in enumerate([{"y": 0}, {"y": "2"}, {}])
    ]
    assert rule.apply(JudgeTable(samples_to_table(samples, 0), {})).rows.tolist() == [1]


def test_without_any_probe_a_row_that_a_column_judged_is_kept_and_any_other_is_unchecked() -> None:
    policy = Policy({"alike": RuleConfig(metric="column.x", min=0.3)})
    policy.check_metrics({}, [])
    verdicts = policy.judge(table_of(0.4, 0.2, None, ...))
    assert verdicts["action"].to_pylist() == ["keep", "quarantine", "unchecked", "unchecked"]


def test_a_probe_that_had_nothing_to_measure_is_not_outweighed_by_a_column() -> None:
    policy = Policy({"alike": RuleConfig(metric="column.x", min=0.3)})
    policy.check_metrics({}, ["media"])
    samples = [Sample(id="s0", manifest="m", row_number=1, row={"x": 1})]
    measured = measurements_to_table([Measurement.not_applicable("s0", "media", "there is no medium")], [])
    assert Status.NOT_APPLICABLE.value in measured["status"].to_pylist()
    verdicts = policy.judge(JudgeTable(samples_to_table(samples, 0), {"media": measured}))
    assert verdicts["action"].to_pylist() == ["unchecked"]


def test_missing_is_told_apart_from_false_values() -> None:
    assert [is_missing(value) for value in (0, 0.0, False, "0", [0], [[]], [[], None])] == [False] * 5 + [True] * 2
