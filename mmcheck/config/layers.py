"""Laying one tree over another: sections and rules by name, lists and values replaced."""

from __future__ import annotations

from collections.abc import Mapping


def lay_over(below: Mapping[str, object], above: Mapping[str, object], path: tuple[str, ...] = ()) -> dict[str, object]:
    """Return ``below`` with what ``above`` says in its place.

    A section that is left empty (null) says nothing; a value of null is a value. A rule whose ``metric`` or kind
    (``rule``) is named anew and differs is another rule: it is replaced whole, because the old limits and conditions
    belong to the old metric.
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if not isinstance(old, Mapping):
            merged[key] = value
        elif isinstance(value, Mapping):
            replaced = path == ("rules",) and _is_another_rule(old, value)
            merged[key] = dict(value) if replaced else lay_over(old, value, (*path, key))
        elif value is not None or path == ("rules",):
            merged[key] = value
    return merged


def _is_another_rule(old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    kind = old.get("rule", "threshold")
    return bool(new.get("rule", kind) != kind or new.get("metric", old.get("metric")) != old.get("metric"))
