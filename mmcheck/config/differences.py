"""What a config says otherwise than the preset that it lies over: for `config check`, summary.json and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from mmcheck.config.faults import nearest
from mmcheck.config.loading import load_config
from mmcheck.config.tree import Config


class DifferencesTree(TypedDict):
    """What summary.json says of a config under ``config``."""

    preset: str
    changed: dict[str, list[object]]
    """Key -> what the preset says, what the config says."""
    rules_off: list[str]
    rules_added: list[str]


@dataclass(frozen=True, slots=True)
class Differences:
    """How a config differs from a preset."""

    preset: str
    changed: dict[str, tuple[object, object]]
    """Key -> what the preset says, what this config says; without the rules below."""
    rules_off: tuple[str, ...]
    """Rules that are on in the preset, and off or absent here."""
    rules_added: tuple[str, ...]
    """Rules that the preset does not have."""

    def __bool__(self) -> bool:
        """Return whether there is any difference."""
        return bool(self.changed or self.rules_off or self.rules_added)

    def to_json(self) -> DifferencesTree:
        """Return what summary.json holds."""
        return {
            "preset": self.preset,
            "changed": {key: list(values) for key, values in self.changed.items()},
            "rules_off": list(self.rules_off),
            "rules_added": list(self.rules_added),
        }


def compare_with_preset(config: Config, preset: str | None = None) -> Differences:
    """Return what ``config`` says otherwise than ``preset`` (None: the one that it came from)."""
    preset = preset or config.preset
    base = load_config(preset)
    rules_off = tuple(
        name
        for name, rule in base.rules.items()
        if rule.enabled and not (name in config.rules and config.rules[name].enabled)
    )
    rules_added = tuple(name for name in config.rules if name not in base.rules)
    left_out = {f"rules.{name}" for name in (*rules_off, *rules_added)}
    old, new = _flatten(base.model_dump(mode="json"), left_out), _flatten(config.model_dump(mode="json"), left_out)
    changed = {key: (old.get(key), value) for key, value in new.items() if key not in old or old[key] != value}
    return Differences(preset, changed, rules_off, rules_added)


def compare_configs(old: Config, new: Config) -> dict[str, tuple[object, object]]:
    """Return every key that two configs have different values for: key -> the old one, the new one; None if absent."""
    before, after = (_flatten(config.model_dump(mode="json"), set()) for config in (old, new))
    keys = [*before, *(key for key in after if key not in before)]
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def tell_differences(found: DifferencesTree) -> str:
    """Return one line about what summary.json holds under ``config``; empty if nothing differs."""
    parts = []
    if count := len(found["changed"]):
        values = "1 value differs" if count == 1 else f"{count} values differ"
        parts.append(f"{values} from preset {found['preset']}")
    for names, words in ((found["rules_off"], "rules off"), (found["rules_added"], "rules added")):
        if names:
            parts.append(f"{words}: {_name_some(names)}")
    if parts and not found["changed"]:
        parts[0] = f"against preset {found['preset']}, {parts[0]}"
    return f"config: {'; '.join(parts)}" if parts else ""


def list_differences(found: Differences) -> list[str]:
    """Return every difference as a line: values old -> new, rules off, rules added."""
    lines = [f"  {key}: {_show(old)} -> {_show(new)}" for key, (old, new) in found.changed.items()]
    known = load_config(found.preset).rules
    lines += [f"  rule off: {name} (on in preset {found.preset})" for name in found.rules_off]
    lines += [f"  rule added: {name}{nearest(name, known)}" for name in found.rules_added]
    return lines


def _name_some(names: list[str], most: int = 8) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _show(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return repr(value) if isinstance(value, list | dict) else str(value)


def _flatten(tree: dict[str, object], left_out: set[str], path: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in tree.items():
        below = f"{path}{key}"
        if below in left_out:
            continue
        if isinstance(value, dict):
            flat |= _flatten(value, left_out, f"{below}.")
        else:
            flat[below] = value
    return flat
