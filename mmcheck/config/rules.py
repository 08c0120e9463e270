"""The sections of the rules: what is done about what was measured."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mmcheck.config.section import Section, check_bounds


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
    """One rule of the policy. ``min`` and ``max`` name the side that is kept."""

    rule: str = Field("threshold", description="kind, see `mmcheck list`")
    enabled: bool = True
    metric: str | None = Field(None, description="<probe>.<metric> for rule: threshold")
    min: float | None = Field(None, description="smallest value that is kept")
    max: float | None = Field(None, description="largest value that is kept")
    when: Annotated[tuple[ConditionConfig, ...], Field(description="all must hold for the rule to apply")] = ()
    unless: Annotated[
        tuple[str, ...], Field(description="silent where one of these rules, no milder ones, says it already")
    ] = ()
    languages: Annotated[tuple[str, ...], Field(description="apply only to these languages; empty: all")] = ()
    action: Literal["flag", "quarantine", "unchecked"] = "quarantine"
    message: str | None = Field(None, description="plain sentence for the finding")
    source: str | None = Field(None, description="where the limit comes from; told where a raw limit decides alone")
    even_if_model_cannot_tell: bool = Field(
        False, description="apply a rule on a model's values also where the model cannot judge the data at all"
    )

    @model_validator(mode="before")
    @classmethod
    def _unmeasured_is_unchecked(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("rule") in ("unmeasured", "unjudged"):
            return {"action": "unchecked", **tree}
        return tree

    @model_validator(mode="after")
    def _bounds(self) -> RuleConfig:
        check_bounds(self.min, self.max)
        if self.rule == "threshold":
            if self.metric is None:
                raise ValueError("a threshold rule needs `metric: <probe>.<metric>`")
            if self.min is None and self.max is None:
                raise ValueError("a threshold rule needs `min`, `max` or both")
        elif self.metric is not None or self.min is not None or self.max is not None:
            raise ValueError(f"`metric`, `min` and `max` belong to rule: threshold, not to {self.rule!r}")
        return self
