"""The configs of people who name one key: they lie over the preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.config import compare_with_preset, load_config
from mmcheck.scanning.scan import check_rules

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "configs"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases/configs is not on this machine")


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("columns-only.yaml", {"input.columns.image", "input.columns.caption"}),
        ("only-one-rule.yaml", {"rules.max_error_rate.enabled", "rules.max_error_rate.max"}),
    ],
)
def test_what_is_named_differs_and_nothing_else(name: str, changed: set[str]) -> None:
    found = compare_with_preset(load_config(CASES / name))
    assert set(found.changed) == changed
    assert found.rules_off == ()
    assert found.rules_added == ()


def test_the_rules_of_the_readme_lie_over_the_preset() -> None:
    found = compare_with_preset(load_config(CASES / "readme.yaml"))
    assert "rules.min_similarity.min" in found.changed
    assert found.rules_off == ()
    assert found.rules_added == ()


@pytest.mark.parametrize("name", ["columns-only.yaml", "only-one-rule.yaml", "readme.yaml"])
def test_every_rule_of_them_can_be_judged(name: str) -> None:
    check_rules(load_config(CASES / name))
