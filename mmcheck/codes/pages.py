"""The pages as they are written: one entry a rule of the presets, in the YAML files beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from mmcheck.config import RuleConfig, load_config

_FOLDER = Path(__file__).parent / "pages"
THRESHOLD = "threshold"


class CodePage(BaseModel):
    """What a rule finds, in plain words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    """Heading that it stands under."""
    title: str
    """What a finding says, without the numbers of a single row; no full stop."""
    means: str
    """Why that matters."""
    measured: str
    """How it is found out."""
    example: str
    do: str
    """What to do about it."""
    keys: tuple[str, ...] = ()
    """Keys of the config that it depends on, besides the rule's own section."""
    subject: str = "it"
    """What the causes are said of: ``the file``."""
    causes: Mapping[str, str] = {}
    """Cause -> what is said of the subject, where the code names more than the side of a limit."""


@cache
def read_pages() -> dict[str, CodePage]:
    """Return the pages by rule, in the order in which they are told."""
    found: dict[str, CodePage] = {}
    for file in sorted(_FOLDER.glob("*.yaml")):
        tree = yaml.safe_load(file.read_text("utf-8"))
        found |= {name: CodePage.model_validate(entry) for name, entry in tree.items()}
    return found


@cache
def preset_rules() -> Mapping[str, RuleConfig]:
    """Return the rules of the preset ``default``, which has all that other presets name."""
    return load_config("default").rules


def find_page(name: str, rule: RuleConfig | None) -> CodePage | None:
    """Return the page of a rule; None if nobody wrote one.

    A rule of somebody's config that has the name of a preset's rule but looks at something else has none.

    Args:
        name: Name of the rule.
        rule: Its section; None: that of the preset.
    """
    pages, preset = read_pages(), preset_rules().get(name)
    if rule is None or (preset is not None and (rule.rule, rule.metric) == (preset.rule, preset.metric)):
        return pages.get(name)
    return pages.get(rule.rule) if rule.rule != THRESHOLD else None
