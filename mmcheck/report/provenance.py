"""Where a run comes from, as name-value lists: inputs, models, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmcheck.report.shown_text import format_count, show_plain

_MAX_FACTS = 60  # inputs that the page lists; our own choice: the page stays readable
_OWN = ("metrics",)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactGroup:
    """A heading with name-value lines."""

    title: str
    """Heading, safe to show."""
    facts: tuple[tuple[str, str], ...]
    """Lines, safe to show."""


def describe_run(metadata: Mapping[str, Any], summary: Mapping[str, Any]) -> list[FactGroup]:
    """Return the facts of run.json and summary.json: the run, its config, inputs, probes, analyses, versions."""
    groups = [
        FactGroup(
            title="Run",
            facts=tuple(
                (label, show_plain(metadata[key]))
                for label, key in (
                    ("mmcheck", "mmcheck_version"),
                    ("engine", "engine"),
                    ("seed", "seed"),
                    ("limit", "limit"),
                    ("config digest", "config_digest"),
                    ("input identity", "identity"),
                )
                if metadata.get(key) is not None
            ),
        )
    ]
    groups += _config(summary.get("config"))
    inputs = [entry for entry in metadata.get("inputs") or () if isinstance(entry, Mapping)]
    for entry in inputs[:_MAX_FACTS]:
        title = f"Input {show_plain(entry.get('manifest', ''))}"
        groups.append(FactGroup(title=title, facts=_facts(entry, ("manifest",))))
    if len(inputs) > _MAX_FACTS:
        more = format_count(len(inputs) - _MAX_FACTS)
        groups.append(FactGroup(title="More inputs", facts=((f"{more} more", "see run.json"),)))
    for kind, key in (("Probe", "probes"), ("Analysis", "analyses")):
        for name, about in (metadata.get(key) or {}).items():
            if isinstance(about, Mapping):
                groups.append(FactGroup(title=f"{kind} {show_plain(name)}", facts=_facts(about, _OWN)))
    reused = metadata.get("reused") or {}
    if isinstance(reused, Mapping) and reused:
        groups.append(FactGroup(title="Taken over from earlier runs", facts=_facts(reused, ())))
    skipped = metadata.get("skipped_probes") or {}
    if isinstance(skipped, Mapping) and skipped:
        groups.append(FactGroup(title="Probes that did not run", facts=_facts(skipped, ())))
    versions = metadata.get("versions") or {}
    if isinstance(versions, Mapping) and versions:
        groups.append(FactGroup(title="Versions", facts=_facts(versions, ())))
    return [group for group in groups if group.facts]


def _config(found: Any) -> list[FactGroup]:
    """Return what the config says otherwise than its preset."""
    if not isinstance(found, Mapping):
        return []
    preset = show_plain(found.get("preset", ""))
    facts = [(show_plain(key), f"{_word(old)} -> {_word(new)}") for key, (old, new) in found["changed"].items()]
    if len(facts) > _MAX_FACTS:
        facts[_MAX_FACTS:] = [("...", f"{format_count(len(facts) - _MAX_FACTS)} more in summary.json")]
    for key, label in (("rules_off", "rules off"), ("rules_added", "rules added")):
        if found[key]:
            facts.append((label, show_plain(", ".join(found[key]), 400)))
    title = f"Config: differs from preset {preset}" if facts else "Config"
    return [FactGroup(title=title, facts=tuple(facts) or (("preset", preset),))]


def _word(value: Any) -> str:
    return "null" if value is None else show_plain(value)


def _facts(tree: Mapping[str, Any], leave_out: Iterable[str]) -> tuple[tuple[str, str], ...]:
    facts = list(_walk({key: value for key, value in tree.items() if key not in leave_out}, ""))
    shown = facts[:_MAX_FACTS]
    if len(facts) > _MAX_FACTS:
        shown.append(("...", f"{format_count(len(facts) - _MAX_FACTS)} more in run.json"))
    return tuple(shown)


def _walk(value: Any, name: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("about",) and not name:
                yield from _walk(item, "")
            else:
                yield from _walk(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        if all(not isinstance(item, Mapping | list | tuple) for item in value):
            if value:
                yield show_plain(name), show_plain(", ".join(str(item) for item in value), 400)
        else:
            for number, item in enumerate(value):
                yield from _walk(item, f"{name}[{number}]")
    elif value is not None:
        yield show_plain(name), show_plain(value, 400)
