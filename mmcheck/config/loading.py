"""Presets, YAML files and overrides become a config; all faults are told at once, with the nearest known names."""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mmcheck.config.rules import ConditionConfig, RuleConfig
from mmcheck.config.tree import Config
from mmcheck.core.errors import ConfigError

# libyaml's loader is the same safe loader, ten times faster; wheels of PyYAML have it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """Refuses a key that is given twice: the later one would silently win."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool):
                if key in seen:
                    line = key_node.start_mark.line + 1
                    raise yaml.YAMLError(f"the key {key!r} is given twice (line {line})")
                seen.add(key)
        return super().construct_mapping(node, deep)


PRESETS = ("demo", "default", "fast", "quality")


def bundled_dir(name: str) -> Path:
    """Return the folder of bundled files: ``configs``, ``models`` or ``demo_data``.

    In a wheel they lie in ``mmcheck/_bundled``; in a checkout at the top level.

    Raises:
        FileNotFoundError: If the installation is incomplete.
    """
    package = Path(str(importlib.resources.files("mmcheck")))
    for candidate in (package / "_bundled" / name, package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"bundled folder {name!r} is missing from the installation at {package}")


def load_config(source: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Return the config of a preset name or YAML file, with ``key.path=value`` overrides applied.

    Args:
        source: Name of a preset, path of a YAML file, or None for the preset ``default``.
        overrides: ``section.key=value`` strings; the value is read as YAML.

    Raises:
        ConfigError: Naming every fault at once.
    """
    where, text = read_config_source("default" if source is None else source)
    try:
        tree = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{where} must hold a mapping of sections, but holds a {type(tree).__name__}.")
    apply_overrides(tree, overrides)
    return parse_config(tree, where)


def apply_overrides(tree: dict[str, Any], overrides: Sequence[str]) -> None:
    """Set ``section.key=value`` strings in a plain tree, in place; the values are read as YAML.

    Raises:
        ConfigError: If one of them is not of that form.
    """
    for override in overrides:
        _apply_override(tree, override)


def parse_config(tree: dict[str, Any], where: str = "config") -> Config:
    """Return the validated config of a plain tree.

    Raises:
        ConfigError: Naming every fault at once, with the path of the key and the nearest known name.
    """
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise ConfigError(f"{where} has {count}:\n{lines}", hint="`mmcheck config schema` prints all keys.") from error


def read_config_source(source: str | Path) -> tuple[str, str]:
    """Return the name and the text of a preset or config file.

    Raises:
        ConfigError: If it cannot be read.
    """
    name = str(source)
    path = Path(name)
    if name in PRESETS and not path.suffix:
        path = bundled_dir("configs") / f"{name}.yaml"
    try:
        return str(source), path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        near = difflib.get_close_matches(name, PRESETS, n=1)
        raise ConfigError(
            f"config {name!r} cannot be read: {reason}.",
            hint=f"did you mean the preset {near[0]!r}?" if near else f"presets are: {', '.join(PRESETS)}.",
        ) from error


def _apply_override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set wants section.key=value, but got {override!r}.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: the value {text!r} is not valid YAML.") from error
    node = tree
    for part in parts[:-1]:
        child = node.get(part)
        if child is None:
            child = node[part] = {}
        if not isinstance(child, dict):
            raise ConfigError(f"--set {key}: {part!r} is a value, not a section.")
        node = child
    node[parts[-1]] = value


def _describe(fault: Any) -> str:
    path = ".".join(str(part) for part in fault["loc"]) or "(top level)"
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        return f"{path}: unknown key" + (f"; did you mean {near[0]!r}?" if near else f"; known are: {', '.join(known)}")
    message = fault["msg"].removeprefix("Value error, ")
    shown = fault.get("input")
    suffix = f" (got {shown!r})" if isinstance(shown, str | int | float | bool) else ""
    return f"{path}: {message}{suffix}"


def _known_keys(path: tuple[Any, ...]) -> list[str]:
    section: Any = Config
    for part in path:
        if section is Config and part == "rules":
            section = dict
        elif section is dict:
            section = RuleConfig
        elif isinstance(part, str) and isinstance(section, type) and issubclass(section, BaseModel):
            section = section.model_fields[part].annotation if part in section.model_fields else None
        elif isinstance(part, int):
            section = ConditionConfig
    if isinstance(section, type) and issubclass(section, BaseModel):
        return list(section.model_fields)
    return []
