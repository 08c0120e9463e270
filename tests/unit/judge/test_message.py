from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.errors import ConfigError
from mmcheck.judge.message import MessageTemplate, show_number

finite = st.floats(-1e300, 1e300)


def test_fields_are_filled_in():
    template = MessageTemplate("{metric}: {observed} under {limit:.1f} {{sic}}", "here")
    assert template.fill("a.b", 0.123456, 0.28) == "a.b: 0.1235 under 0.3 {sic}"


@pytest.mark.parametrize(
    "text",
    [
        "{observed",
        "observed}",
        "{}",
        "{0}",
        "{value}",
        "{observed.real}",
        "{observed!r}",
        "{observed:Q}",
        "{metric:.2f}",
        "{observed:{limit}}",
    ],
)
def test_bad_templates_are_config_errors(text):
    with pytest.raises(ConfigError) as caught:
        MessageTemplate(text, "rules.x.message")
    assert "rules.x.message" in caught.value.message
    assert "{observed}" in (caught.value.hint or "")


def test_rules_without_numbers_refuse_fields():
    with pytest.raises(ConfigError, match="unknown field"):
        MessageTemplate("too {observed}", "here", fields=())


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (0.28, None, "0.28"),
        (3.0, None, "3"),
        (-1.23456, None, "-1.235"),
        (12345.678, None, "12345.7"),
        (0.27999999, 0.28, "0.27999999"),
        (0.2, 0.28, "0.2"),
        (9999.99999, 10000, "9999.99999"),
    ],
)
def test_numbers_as_people_write_them(value, beside, text):
    assert show_number(value, beside=beside) == text


@settings(deadline=None)
@given(finite, finite)
def test_different_numbers_never_look_equal(value, limit):
    shown = show_number(value, beside=limit)
    assert (shown == show_number(limit)) == (value == limit)


@settings(deadline=None)
@given(finite)
def test_four_digits_are_kept(value):
    assert float(show_number(value)) == pytest.approx(value, rel=1e-3)
