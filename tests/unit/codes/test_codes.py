"""Every rule and every code is explained, by one source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmcheck.codes.explain import explain_rule, is_code, tell_title
from mmcheck.codes.pages import find_page, read_pages
from mmcheck.codes.render import render_text
from mmcheck.config import PRESETS, REVIEW_RULE, RuleConfig, load_config
from mmcheck.core.errors import UserError
from mmcheck.core.parts import RULES
from mmcheck.people.verdicts import CAUSES
from scripts.list_codes import PAGE, render_page

RULES_OF_PRESETS = {name: rule for preset in PRESETS for name, rule in load_config(preset).rules.items()}
KINDS = {name: name for name in RULES.names() if name != "threshold"} | {
    name: rule.rule for name, rule in RULES_OF_PRESETS.items() if rule.rule != "threshold"
}
CODES = [
    f"{name}.{cause}"
    for name, kind in KINDS.items()
    for cause in RULES.get(kind).causes  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("name", sorted(RULES_OF_PRESETS))
def test_every_rule_of_the_presets_has_a_page(name: str) -> None:
    page = read_pages()[name]
    assert all((page.title, page.means, page.measured, page.example, page.do))
    assert not page.title.endswith(".")
    assert page.means.endswith((".", "!"))


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_every_kind_of_rule_is_told_in_words(code: str) -> None:
    rule, _, cause = code.partition(".")
    assert cause in read_pages()[rule].causes, f"mmcheck/codes/pages/ says nothing of {code}"
    assert explain_rule(code).cause.lower().startswith(read_pages()[rule].subject)


def test_no_page_tells_of_what_does_not_exist() -> None:
    assert set(read_pages()) <= {*RULES_OF_PRESETS, *RULES.names(), REVIEW_RULE}
    assert set(read_pages()[REVIEW_RULE].causes) == set(CAUSES.values())
    for name, page in read_pages().items():
        if name == REVIEW_RULE:
            continue  # no rule finds it, but people
        kind = RULES.get(RULES_OF_PRESETS[name].rule if name in RULES_OF_PRESETS else name)
        assert set(page.causes) <= set(kind.causes), name  # type: ignore[attr-defined]


def test_every_key_that_a_page_names_is_one_of_the_config() -> None:
    tree = load_config("default").model_dump()
    for name in read_pages():
        for key in explain_rule(name).keys:
            found = tree
            for part in key.split("."):
                assert part in found, f"{name}: {key}"
                found = found[part]


def test_the_page_in_the_docs_is_the_one_that_is_made() -> None:
    assert PAGE.read_text("utf-8") == render_page(), "run `python scripts/list_codes.py`"


def test_every_code_in_findings_md_can_be_asked_for() -> None:
    text = (Path(__file__).parents[3] / "docs" / "findings.md").read_text("utf-8")
    told = {code for code in re.findall(r"`([a-z_]+\.[a-z_]+)`", text) if code.partition(".")[0] in RULES_OF_PRESETS}
    assert len(told) > 100
    assert sorted(code for code in told if not is_code(code)) == []


def test_a_threshold_tells_its_metric_its_limit_and_its_key() -> None:
    text = "\n".join(render_text(explain_rule("short_caption.below_min")))
    assert "caption_text.text_length at least 6" in text
    assert "rules.short_caption.min" in text
    assert "COYO" in text


def test_the_limits_are_those_in_force() -> None:
    rules = load_config("default", ["rules.short_caption.min=9", "rules.long_caption.enabled=false"]).rules
    assert "at least 9" in explain_rule("short_caption", rules).kept
    assert not explain_rule("long_caption", rules).is_on
    assert not explain_rule("min_similarity").is_on


def test_a_rule_of_ones_own_is_told_by_what_it_says_itself() -> None:
    rules = {"wide": RuleConfig(metric="media.width", max=9, message="Too wide ({observed} px).", action="flag")}
    story = explain_rule("wide.above_max", rules)
    assert (story.title, story.kept, story.action) == ("Too wide", "media.width at most 9", "flag")
    assert story.cause == "It has media.width that is above the limit `max`"
    with pytest.raises(UserError):
        explain_rule("wide.below_min", rules)  # it has no min


def test_a_name_of_a_preset_for_something_else_has_no_page() -> None:
    assert find_page("short_caption", RuleConfig(metric="media.width", min=9)) is None
    assert find_page("whatever", RuleConfig(rule="unreadable_media")) is read_pages()["unreadable_media"]


def test_a_message_of_ones_own_stands_in_place_of_the_title() -> None:
    own = load_config("default", ['rules.short_caption.message="Say more."']).rules["short_caption"]
    assert tell_title("short_caption", own) == "Say more"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mismatched_captoin", "mismatched_caption"),
        ("unreadable_media.mising", "unreadable_media.missing"),
        ("empty_text.x", "empty_text.caption"),
        ("??", "docs/codes.md"),
    ],
)
def test_a_wrong_name_is_told_with_what_was_meant(name: str, near: str) -> None:
    with pytest.raises(UserError) as caught:
        explain_rule(name)
    assert near in str(caught.value)
