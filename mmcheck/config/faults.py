"""Pydantic's faults in plain words, with the nearest known name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mmcheck.config.fields import find_below
from mmcheck.config.part_sections import PartSections
from mmcheck.config.tree import Config
from mmcheck.core.errors import ConfigError


def tell_faults(where: str, error: ValidationError, rules: Collection[str] = ()) -> ConfigError:
    """Return all faults of a tree as one error.

    Args:
        where: The file or preset.
        error: What pydantic found.
        rules: Names of the rules of the config that this one lies over.
    """
    faults = [_describe(fault, rules) for fault in error.errors()]
    count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    lines = "\n".join(f"  {fault}" for fault in faults)
    return ConfigError(f"{where} has {count}:\n{lines}", hint="`mmcheck config schema` prints all keys.")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or nothing if no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _describe(fault: ErrorDetails, rules: Collection[str]) -> str:
    location = fault["loc"]
    path = ".".join(str(part) for part in location) or "(top level)"
    shown = fault.get("input")
    if fault["type"] in ("extra_forbidden", "unknown_key"):
        known = fault.get("ctx", {}).get("known") or _known_keys(location[:-1])
        return f"{path}: unknown key" + (nearest(str(location[-1]), known) or f"; known are: {', '.join(known)}")
    if fault["type"] in ("model_type", "dict_type") and shown is None:
        return f"{path}: is empty; leave the name out, or write `enabled: false` to turn it off"
    if fault["type"] == "model_type" and _is_switch(shown):
        return f"{path}: is a section (got {shown!r}); `enabled: false` within it turns it off"
    message = fault["msg"].removeprefix("Value error, ")
    suffix = f" (got {shown!r})" if isinstance(shown, str | int | float | bool) else ""
    if len(location) == 2 and location[0] == "rules" and location[1] not in rules and "needs `metric" in message:
        suffix = nearest(str(location[1]), rules)
    return f"{path}: {message}{suffix}"


def _is_switch(value: object) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("on", "off", "yes", "no"))


def _known_keys(path: tuple[object, ...]) -> list[str]:
    section: object = Config
    for part in path:
        section = find_below(section, part)
    if get_origin(section) is not None:
        section = next((kind for kind in get_args(section) if isinstance(kind, type)), None)
    if isinstance(section, type) and issubclass(section, PartSections):
        return list(dict.fromkeys([*section.model_fields, *section.table.names()]))
    known = list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []
    return ["extends", *known] if section is Config else known
