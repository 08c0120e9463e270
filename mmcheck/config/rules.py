"""The sections of the rules: what is done about what was measured."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, model_validator

from mmcheck.config.section import Section, check_bounds, unknown_keys
from mmcheck.core.errors import ConfigError
from mmcheck.core.parts import RULES

COLUMN_PREFIX = "column."
"""What a metric begins with that is a column of the manifest."""
S = TypeVar("S", bound=Section)


class ConditionConfig(Section):
    """A rule applies only where this metric is at least ``min`` and at most ``max`` (both inclusive)."""

    metric: str
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounds(self) -> ConditionConfig:
        check_bounds(self.min, self.max)
        return self


class RuleConfig(Section):
    """One rule of the policy. ``min`` and ``max`` name the side that is kept.

    A kind of rule may take further keys: those of its class's ``options_model``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    rule: str = Field("threshold", description="kind, see `mmcheck list`")
    enabled: bool = True
    metric: str | None = Field(None, description="<probe>.<metric>, or column.<name> of the manifest")
    min: float | None = Field(None, description="smallest value that is kept")
    max: float | None = Field(None, description="largest value that is kept")
    when: Annotated[tuple[ConditionConfig, ...], Field(description="all must hold for the rule to apply")] = ()
    unless: Annotated[
        tuple[str, ...], Field(description="silent on rows where one of these rules, not milder, has a finding")
    ] = ()
    languages: Annotated[tuple[str, ...], Field(description="apply only to these languages; empty: all")] = ()
    action: Literal["flag", "quarantine", "unchecked"] = "quarantine"
    message: str | None = Field(None, description="plain sentence for the finding")
    source: str | None = Field(None, description="where the limit comes from; shown where a raw limit decides alone")
    even_if_model_cannot_tell: bool = Field(
        False, description="apply a rule on a model's values also where the model cannot judge the data at all"
    )

    @model_validator(mode="before")
    @classmethod
    def _default_of_kind(cls, tree: object) -> object:
        if isinstance(tree, dict) and "rule" not in tree and str(tree.get("metric", "")).startswith(COLUMN_PREFIX):
            tree = {"rule": "metadata", **tree}
        if isinstance(tree, dict) and isinstance(tree.get("rule"), str) and "action" not in tree:
            with suppress(ConfigError):
                return {"action": RULES.get(tree["rule"]).traits.default_action, **tree}
        return tree

    @model_validator(mode="after")
    def _fits_its_kind(self) -> RuleConfig:
        check_bounds(self.min, self.max)
        others = self.model_extra or {}
        try:
            kind = RULES.get(self.rule)
        except ConfigError as error:
            if others:
                raise ValueError(f"{error.message} {error.hint or ''}".strip()) from error
            return self  # told with all other faults of the rules when they are made
        known = kind.options_model.model_fields
        if unknown := {key: value for key, value in others.items() if key not in known}:
            raise unknown_keys(unknown, [*RuleConfig.model_fields, *known])
        own = kind.options_model.model_validate(others)
        others.update(own.model_dump(mode="json"))
        if fault := kind.find_fault(self):
            raise ValueError(fault)
        return self

    def own(self, model: type[S]) -> S:
        """Return the keys that only this kind of rule takes.

        Args:
            model: The ``options_model`` of its class.
        """
        return model.model_validate(self.model_extra or {})
