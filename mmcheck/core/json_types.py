"""The types of what is written as JSON, and read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
"""A value that can be written as JSON. Lists and objects are read-only here, so that a list of numbers is one too."""

JsonObject: TypeAlias = dict[str, JsonValue]
"""An object that is made for a JSON file."""

LoadedJson: TypeAlias = Mapping[str, Any]
"""An object as it was read from a JSON file, before anybody has looked at what it holds."""
