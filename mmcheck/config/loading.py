"""Presets, YAML files and overrides become a config: each file lies over the one that it extends."""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from mmcheck.config.faults import tell_faults
from mmcheck.config.layers import lay_over
from mmcheck.config.overrides import read_overrides
from mmcheck.config.part_schema import add_parts
from mmcheck.config.renamed_rules import rename_rules
from mmcheck.config.tree import Config
from mmcheck.config.yaml_text import read_yaml
from mmcheck.core.errors import ConfigError
from mmcheck.core.presets import PRESETS

BASE_PRESET = "default"
"""What a config lies over that does not say otherwise."""
NOTHING = "none"
"""``extends: none``: the file is the whole config."""


class _Layers(NamedTuple):
    """A tree with all that it lies over laid beneath it."""

    tree: dict[str, object]
    preset: str
    """The preset that it lies over (itself, if it is one)."""
    rules_below: frozenset[str]
    """Names of the rules beneath it."""


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


def load_config(
    source: str | Path | Mapping[str, object] | None = None,
    overrides: Sequence[str] = (),
    *,
    extends: str = BASE_PRESET,
) -> Config:
    """Return the config of a preset, a YAML file or a tree, with ``key.path=value`` overrides on top.

    Args:
        source: Name of a preset, path of a YAML file, a tree of keys, or None for the preset ``default``.
        overrides: ``section.key=value`` strings; the value of a text field is text, any other is read as YAML.
        extends: What it lies over if it does not say so itself: a preset, a file, or ``none``.

    Raises:
        ConfigError: Naming every fault at once.
    """
    if source is None:
        source = BASE_PRESET
    if isinstance(source, Mapping):
        where, layers = "config", _stack(dict(source), "config", Path(), extends, [])
    else:
        where, layers = str(source), _load(source, extends, [])
    tree = lay_over(layers.tree, rename_rules(read_overrides(overrides), _rule_names(layers.tree)))
    rules_below = layers.rules_below | _rule_names(layers.tree) if overrides else layers.rules_below
    return _validate(tree, where, layers.preset, rules_below)


def override_config(config: Config, overrides: Sequence[str]) -> Config:
    """Return ``config`` with ``section.key=value`` strings on top.

    Raises:
        ConfigError: If one of them is wrong.
    """
    tree = lay_over(config.model_dump(mode="json"), rename_rules(read_overrides(overrides), config.rules))
    return _validate(tree, "config", config.preset, frozenset(config.rules))


def parse_config(tree: Mapping[str, object], where: str = "config") -> Config:
    """Return the config that a tree is by itself: it lies over nothing, and what it leaves out has its default.

    Raises:
        ConfigError: Naming every fault at once, with the path of the key and the nearest known name.
    """
    layers = _stack(dict(tree), where, Path(), NOTHING, [])
    return _validate(layers.tree, where, layers.preset, layers.rules_below)


def read_config_source(source: str | Path) -> tuple[str, str]:
    """Return the name and the text of a preset or config file.

    Raises:
        ConfigError: If it cannot be read.
    """
    name = str(source)
    try:
        return name, _path_of(name).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        near = difflib.get_close_matches(name, PRESETS, n=1)
        raise ConfigError(
            f"config {name!r} cannot be read: {reason}.",
            hint=f"did you mean the preset {near[0]!r}?" if near else f"presets are: {', '.join(PRESETS)}.",
        ) from error


def config_schema() -> dict[str, object]:
    """Return the JSON Schema of a config file."""
    schema = Config.model_json_schema()
    add_parts(schema["$defs"])
    extends = {
        "type": "string",
        "default": BASE_PRESET,
        "description": "what this file extends: a preset, another file (relative to this one), or none",
        "examples": [*PRESETS, NOTHING, "base.yaml"],
    }
    compared_with = {
        "enum": list(PRESETS),
        "default": BASE_PRESET,
        "description": "with `extends: none`: the preset to report differences from",
    }
    schema["properties"] = {"extends": extends, "compared_with": compared_with, **schema["properties"]}
    return schema


def _is_preset(name: str) -> bool:
    return name in PRESETS


def _path_of(name: str) -> Path:
    return bundled_dir("configs") / f"{name}.yaml" if _is_preset(name) else Path(name)


def _load(source: str | Path, extends: str, above: list[Path]) -> _Layers:
    """Return a preset's or file's tree over what it extends; ``above`` are the files that led here."""
    name, text = read_config_source(source)
    path = _path_of(name)
    if path.resolve() in above:
        circle = " -> ".join(str(file) for file in [*above[above.index(path.resolve()) :], path.resolve()])
        raise ConfigError(f"configs extend each other in a circle: {circle}.", hint="let one of them extend a preset.")
    try:
        tree = read_yaml(text, Config)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{name} must hold a mapping of sections, but holds a {type(tree).__name__}.")
    if path.name == "config.yaml" and (path.parent / "run.json").is_file():
        # The config of a run is whole; runs of earlier versions do not say so.
        extends = NOTHING
    layers = _stack(tree, name, path.parent, extends, [*above, path.resolve()])
    if above and not _is_preset(name):
        # A fault is told of the file that has it, not of the one that extends it.
        _validate(layers.tree, name, layers.preset, layers.rules_below)
    return layers._replace(preset=name) if _is_preset(name) else layers


def _stack(tree: dict[str, object], where: str, folder: Path, extends: str, above: list[Path]) -> _Layers:
    """Return ``tree`` laid over what its ``extends`` names."""
    named = tree.pop("extends", extends)
    compared_with = tree.pop("compared_with", BASE_PRESET)
    if compared_with not in PRESETS:
        raise ConfigError(
            f"{where}: `compared_with` must be a preset, but is {compared_with!r}.",
            hint=f"presets are: {', '.join(PRESETS)}.",
        )
    if not isinstance(named, str) or not named.strip():
        raise ConfigError(
            f"{where}: `extends` must be one preset, one file, or none, but is {named!r}.",
            hint=f"presets are: {', '.join(PRESETS)}.",
        )
    if named == NOTHING:
        return _Layers(tree, compared_with, frozenset())
    source = named if _is_preset(named) else str(folder / named)
    try:
        below = _load(source, BASE_PRESET, above)
    except ConfigError as error:
        if not _path_of(source).is_file():
            near = difflib.get_close_matches(named, [*PRESETS, NOTHING], n=1)
            raise ConfigError(
                f"{where}: `extends: {named}` names no preset, and there is no file {source}.",
                hint=f"did you mean {near[0]!r}?" if near else f"presets are: {', '.join(PRESETS)}; or none.",
            ) from error
        raise
    names = _rule_names(below.tree)
    return _Layers(lay_over(below.tree, rename_rules(tree, names)), below.preset, names)


def _rule_names(tree: Mapping[str, object]) -> frozenset[str]:
    rules = tree.get("rules")
    return frozenset(rules) if isinstance(rules, Mapping) else frozenset()


def _validate(tree: Mapping[str, object], where: str, preset: str, rules_below: frozenset[str]) -> Config:
    try:
        return Config.model_validate(tree).came_from(preset)
    except ValidationError as error:
        raise tell_faults(where, error, rules_below) from error
