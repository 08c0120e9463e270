from __future__ import annotations

import re
from pathlib import Path

import mmcheck
from mmcheck.config import RuleConfig
from mmcheck.judge.broken_row import BrokenRowRule


def test_cause_and_message_are_those_of_the_format(make_table, image_sample, broken_sample):
    rule = BrokenRowRule("broken_row", RuleConfig(rule="broken_row"))
    found = rule.apply(make_table([image_sample(), broken_sample])).to_findings()
    assert [(row, f.code, f.message) for row, f in found] == [(1, "broken_row.broken_json", "m:1 is not JSON.")]


def test_every_cause_that_a_format_can_give_is_documented():
    package = Path(mmcheck.__file__).parent
    source = "\n".join(file.read_text("utf-8") for file in (package / "formats").glob("*.py"))
    pattern = r'(?:cause ?= ?|_Fault\(\s*|broken_line\(\w+, |problem_sample\([\w.]+, [\w.]+, )"([a-z_]+)"'
    given = set(re.findall(pattern, source))
    assert "broken_json" in given
    assert given <= set(BrokenRowRule.causes)
