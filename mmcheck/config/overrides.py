"""``--set section.key=value``: one more layer over the file."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from mmcheck.config.fields import allows_null, find_below, is_section, is_text
from mmcheck.config.tree import Config
from mmcheck.config.yaml_text import read_yaml
from mmcheck.core.errors import ConfigError

MEASURED_SECTIONS = ("input", "run", "probes", "analyses")
"""Sections of the config that a finished run was made with, whatever it is judged by."""
_NULLS = ("", "null", "Null", "NULL", "~")


def read_overrides(overrides: Sequence[str]) -> dict[str, object]:
    """Return the layer that ``section.key=value`` strings are; the last of two for one key holds.

    The value of a text field is text as it stands (``no``, ``|``, a tab); of any other field it is read as YAML.

    Raises:
        ConfigError: If one of them is not of that form.
    """
    tree: dict[str, object] = {}
    for override in overrides:
        _add(tree, override)
    return tree


def check_judging(overrides: Sequence[str]) -> None:
    """Refuse keys that only a new scan can follow: what was read, measured and analysed stays as it was.

    Args:
        overrides: ``section.key=value`` strings that a finished run is to be judged with.

    Raises:
        ConfigError: Naming the first of them.
    """
    for override in overrides:
        section = override.partition("=")[0].strip().partition(".")[0]
        if section in MEASURED_SECTIONS:
            raise ConfigError(
                f"--set {override}: section `{section}` says what is read and measured, and judging does neither.",
                hint="scan again into a new folder; `--reuse` keeps what is measured in the same way.",
            )


def _add(tree: dict[str, object], override: str) -> None:
    key, equals, text = override.partition("=")
    key = key.strip()
    parts = key.split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set needs section.key=value, but got {override!r}.")
    if key == "extends":
        raise ConfigError("--set extends: what a config extends is set in its file.", hint="choose with --config.")
    node = tree
    annotation: object = Config
    for part in parts[:-1]:
        annotation = find_below(annotation, part)
        child = node.setdefault(part, {})
        if not isinstance(child, dict) or (annotation is not None and not is_section(annotation)):
            raise ConfigError(f"--set {key}: {part!r} is a value, not a section.")
        node = child
    annotation = find_below(annotation, parts[-1])
    value = _read_text(text, annotation) if is_text(annotation) else _read_value(key, text, annotation)
    if value in (None, {}) and is_section(annotation):
        raise ConfigError(
            f"--set {key}={text} sets nothing: {parts[-1]!r} is a section; set its keys one by one.",
            hint=f"--set {key}.<key>=<value>; a config file with `extends: none` has no rules but its own.",
        )
    node[parts[-1]] = value


def _read_text(text: str, annotation: object) -> str | None:
    """Return text as it stands; quotes around it are YAML's, and blanks around it nobody's, unless it is all blank."""
    bare = text.strip()
    if bare in _NULLS and (text == bare or bare) and allows_null(annotation):
        return None
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        try:
            return str(yaml.safe_load(bare))
        except yaml.YAMLError:
            return bare
    return bare or text


def _read_value(key: str, text: str, annotation: object) -> object:
    try:
        return read_yaml(text, annotation)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: the value {text!r} is not valid YAML.") from error
