"""What every section of the config is: closed (unknown keys are errors) and frozen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Section(BaseModel):
    """A section of the config."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def check_bounds(low: float | None, high: float | None) -> None:
    """Refuse limits that are no numbers or leave nothing between them.

    Raises:
        ValueError: If they are.
    """
    for value in (low, high):
        if value is not None and not math.isfinite(value):
            raise ValueError(f"a limit must be a finite number, but is {value}")
    if low is not None and high is not None and low > high:
        raise ValueError(f"`min` ({low}) is above `max` ({high}): nothing could be kept")


def unknown_keys(keys: Mapping[str, object], known: Sequence[str]) -> ValidationError:
    """Return the fault of keys that a section does not have.

    Args:
        keys: The keys, with what they say.
        known: The keys that it has.
    """
    kind = PydanticCustomError("unknown_key", "unknown key", {"known": list(known)})
    return ValidationError.from_exception_data(
        "Section", [InitErrorDetails(type=kind, loc=(key,), input=value) for key, value in keys.items()]
    )
