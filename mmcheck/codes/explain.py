"""A rule or a finding's code, explained: its page, and what the config in force asks for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mmcheck.codes.pages import find_page, preset_rules, read_pages
from mmcheck.config import COLUMN_PREFIX, REVIEW_RULE, RuleConfig
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.errors import UserError
from mmcheck.core.parts import RULES
from mmcheck.core.types import Metric

_SIDES = {"below_min": "is below the limit `min`", "above_max": "is above the limit `max`"}
_NUMBERS = re.compile(r"\s*\([^()]*\{[^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStory:
    """Everything there is to say of a rule, or of one of its codes."""

    rule: str
    code: str | None
    """The code that was asked for; None: the whole rule."""
    title: str
    action: str
    """What becomes of a row, unless another finding is graver."""
    is_on: bool
    """Whether the config in force has the rule on."""
    means: str
    cause: str
    """What the code's cause says; "" for the whole rule."""
    subject: str
    """What the causes are said of: ``the file``."""
    causes: Mapping[str, str]
    """Code -> what it says of the subject, of all codes of the rule."""
    measured: str
    metric: Metric | None
    """The metric that the rule looks at."""
    kept: str
    """Which values are kept; "" if the rule has no limit."""
    source: str
    """Where a raw limit comes from; "" if nothing says so."""
    unless: tuple[str, ...]
    """Rules that silence this one."""
    example: str
    do: str
    keys: tuple[str, ...]
    """Keys of the config to change."""


def explain_rule(name: str, rules: Mapping[str, RuleConfig] | None = None) -> CodeStory:
    """Return what a rule or a finding's code means.

    Args:
        name: ``mismatched_caption``, ``unreadable_media.missing``.
        rules: The rules in force; None: those of the preset ``default``.

    Raises:
        UserError: If there is no such rule or code (names the nearest).
    """
    in_force = preset_rules() if rules is None else rules
    rule_name, dot, _ = name.partition(".")
    section = _find_section(rule_name, in_force)
    if section is None:
        raise _unknown(name, in_force)
    is_kind = rule_name not in in_force and rule_name not in preset_rules()
    page = find_page(rule_name, None if is_kind else section)
    metric = known_metrics().get(section.metric or "")
    causes = _causes(rule_name, section)
    if dot and name not in causes:
        raise _unknown(name, in_force, list(causes))
    return CodeStory(
        rule=rule_name,
        code=name if dot else None,
        title=tell_title(rule_name, section),
        action="as people decided" if rule_name == REVIEW_RULE else section.action,
        is_on=rule_name == REVIEW_RULE or (section.enabled and rule_name in in_force),
        means=page.means if page else "",
        cause=_capital(f"{page.subject if page else 'it'} {causes[name]}") if dot else "",
        subject=page.subject if page else "it",
        causes=causes,
        measured=page.measured if page else "",
        metric=metric,
        kept=tell_kept(section),
        source=section.source or "",
        unless=section.unless,
        example=page.example if page else "",
        do=page.do if page else "",
        keys=(*(() if is_kind else _keys(rule_name, section)), *(page.keys if page else ())),
    )


def is_code(name: str, rules: Mapping[str, RuleConfig] | None = None) -> bool:
    """Return whether a name is that of a rule, or of a code of one."""
    rule = name.partition(".")[0]
    section = _find_section(rule, rules or {})
    return section is not None and ("." not in name or name in _causes(rule, section))


def tell_title(name: str, section: RuleConfig | None) -> str:
    """Return in a few words what a finding of a rule says, without the numbers of a single row and its full stop.

    Args:
        name: Name of the rule.
        section: Its section; None: it is not in the config.
    """
    if section is None or section.rule not in RULES:
        return name
    page = find_page(name, section)
    title = _own_title(name, section) or (page.title if page else _meaning(section)) or name
    column = (section.metric or "").removeprefix(COLUMN_PREFIX)
    return title if column == section.metric else title.replace("A column of the manifest", f"The column {column}", 1)


def tell_cause(name: str, code: str, section: RuleConfig) -> str:
    """Return what the cause in a code says, as half a sentence; "" where it is only the side of a limit.

    Args:
        name: Name of the rule.
        code: The code.
        section: Its section.
    """
    page = find_page(name, section)
    said = page.causes.get(code.partition(".")[2]) if page else None
    return f"{page.subject} {said}" if page and said else ""


def tell_kept(section: RuleConfig) -> str:
    """Return which values a rule keeps: ``media.width at least 5``; "" if it has no limit."""
    limits = [
        f"{side} {value:,.6g}"
        for side, value in (("at least", section.min), ("at most", section.max))
        if value is not None
    ]
    return f"{section.metric} {' and '.join(limits)}" if limits else ""


def general_message(message: str) -> str:
    """Return the message of a rule without the brackets that hold the numbers of one pair; "" if some remain."""
    general = _NUMBERS.sub("", message).strip().rstrip(".")
    return "" if "{" in general else general


def _find_section(name: str, rules: Mapping[str, RuleConfig]) -> RuleConfig | None:
    """Return the section of a rule, or one that says nothing for a kind of rule that has a page."""
    section = rules.get(name) or preset_rules().get(name)
    if name == REVIEW_RULE:
        return RuleConfig.model_construct(rule=name, action="flag", enabled=True)
    if section is None and name in RULES and name in read_pages():
        return RuleConfig.model_construct(rule=name, action=RULES.get(name).traits.default_action)
    return section


def _own_title(name: str, section: RuleConfig) -> str:
    """Return what the config's own message says, where somebody wrote one; "" where it is the preset's."""
    preset = preset_rules().get(name)
    return "" if preset is not None and preset.message == section.message else general_message(section.message or "")


def _meaning(section: RuleConfig) -> str:
    return RULES.get(section.rule).traits.meaning or general_message(section.message or "")


def _causes(name: str, section: RuleConfig) -> dict[str, str]:
    page = find_page(name, section) or read_pages().get(section.rule)
    told = dict(page.causes) if page else {}
    if section.rule == "threshold":
        told = {
            cause: f"has {section.metric} that {said}"
            for cause, said in _SIDES.items()
            if (section.min if cause == "below_min" else section.max) is not None
        }
    else:
        own = getattr(RULES.get(section.rule), "causes", ()) if section.rule in RULES else ()
        told |= {cause: cause.replace("_", " ") for cause in own if cause not in told}
    return {f"{name}.{cause}": said for cause, said in told.items()}


def _keys(name: str, section: RuleConfig) -> list[str]:
    limits = [side for side in ("min", "max") if getattr(section, side) is not None]
    return [f"rules.{name}.{key}" for key in ("enabled", *limits, "action")]


def _unknown(name: str, rules: Mapping[str, RuleConfig], causes: list[str] | None = None) -> UserError:
    known = causes or [*rules, *read_pages()]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    listed = near or (causes or [])[:8]
    return UserError(
        f"{name!r} is no rule and no finding's code.",
        hint=f"did you mean {' or '.join(dict.fromkeys(listed))}?" if listed else "docs/codes.md lists them all.",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
