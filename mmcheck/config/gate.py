"""What a run must hold to before its data are released: limits for ``mmcheck gate``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from mmcheck.config.section import Section

RefusedState = Literal["not_compared", "cannot_judge", "limited", "bundled_model", "changed_inputs"]
"""What a run may be, whatever its rows are, that makes its verdicts worth less.

``not_compared``: no model compared the pairs of a kind. ``cannot_judge``: one did, but could judge none of them.
``limited``: only the first rows were read (``--limit``). ``bundled_model``: a demo model compared them.
``changed_inputs``: a manifest is not what was scanned any more.
"""


class GateConfig(Section):
    """Release limits; without any, ``mmcheck gate`` has nothing to hold a run to."""

    max: dict[str, str | None] = Field(
        default_factory=dict,
        description="the most rows (10) or share (5%) of an outcome: quarantine, flag, unchecked, mismatched, a rule, "
        "or a finding's code; null: no limit",
    )
    min_rows: int = Field(1, ge=0, description="rows that the run must hold")
    refuse: tuple[RefusedState, ...] = Field((), description="states of a run that fail it")
    per_slice: tuple[str, ...] = Field(
        (), description="columns whose values are each held to the shares of max: language, manifest, or any column"
    )
    min_slice_rows: int = Field(100, ge=1, description="rows that a slice must have to be held to them")

    @field_validator("max", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: object) -> object:
        """Read the ``10`` of YAML as what it is in a limit: a number of rows."""
        if not isinstance(value, dict):
            return value
        return {
            name: str(limit) if isinstance(limit, int | float) and not isinstance(limit, bool) else limit
            for name, limit in value.items()
        }

    @property
    def limits(self) -> dict[str, str]:
        """Return the limits that are set, by outcome."""
        return {name: limit for name, limit in self.max.items() if limit is not None}

    @property
    def holds_anything(self) -> bool:
        """Return whether there is anything that could fail a run that has rows."""
        return bool(self.limits or self.refuse or self.min_rows > 1)
