"""Where a run comes from, as name-value lists: inputs, models, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mmcheck.config.differences import DifferencesTree
from mmcheck.report.shown_text import format_count, show_plain
from mmcheck.store.run_record import RunRecord
from mmcheck.store.run_summary import RunSummary

_MAX_FACTS = 60  # inputs that the page lists; our own choice: the page stays readable
_OWN = ("metrics",)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactGroup:
    """A heading with name-value lines."""

    title: str
    """Heading, safe to show."""
    facts: tuple[tuple[str, str], ...]
    """Lines, safe to show."""


def describe_run(record: RunRecord, summary: RunSummary) -> list[FactGroup]:
    """Return the facts of run.json and summary.json: the run, its config, inputs, probes, analyses, versions."""
    groups = [
        FactGroup(
            title="Run",
            facts=tuple(
                (label, show_plain(value))
                for label, value in (
                    ("mmcheck", record.mmcheck_version),
                    ("engine", record.engine),
                    ("seed", record.seed),
                    ("limit", record.limit),
                    ("config digest", record.config_digest),
                    ("input identity", record.identity),
                )
                if value is not None
            ),
        )
    ]
    if "config" in summary:
        groups.append(_config(summary["config"]))
    for entry in record.inputs[:_MAX_FACTS]:
        title = f"Input {show_plain(entry.manifest)}"
        groups.append(FactGroup(title=title, facts=_facts(entry.to_json(), ("manifest",))))
    if len(record.inputs) > _MAX_FACTS:
        more = format_count(len(record.inputs) - _MAX_FACTS)
        groups.append(FactGroup(title="More inputs", facts=((f"{more} more", "see run.json"),)))
    for kind, parts in (("Probe", record.probes), ("Analysis", record.analyses)):
        for name, part in parts.items():
            groups.append(FactGroup(title=f"{kind} {show_plain(name)}", facts=_facts(part.to_json(), _OWN)))
    if record.reused is not None:
        groups.append(FactGroup(title="Reused from earlier runs", facts=_facts(record.reused.to_json(), ())))
    groups.append(FactGroup(title="Probes that did not run", facts=_facts(record.skipped_probes, ())))
    groups.append(FactGroup(title="Versions", facts=_facts(record.versions, ())))
    return [group for group in groups if group.facts]


def _config(found: DifferencesTree) -> FactGroup:
    """Return what the config says otherwise than its preset."""
    preset = show_plain(found["preset"])
    facts = [(show_plain(key), f"{_word(old)} -> {_word(new)}") for key, (old, new) in found["changed"].items()]
    if len(facts) > _MAX_FACTS:
        facts[_MAX_FACTS:] = [("...", f"{format_count(len(facts) - _MAX_FACTS)} more in summary.json")]
    for names, label in ((found["rules_off"], "rules off"), (found["rules_added"], "rules added")):
        if names:
            facts.append((label, show_plain(", ".join(names), 400)))
    title = f"Config: differs from preset {preset}" if facts else "Config"
    return FactGroup(title=title, facts=tuple(facts) or (("preset", preset),))


def _word(value: object) -> str:
    return "null" if value is None else show_plain(value)


def _facts(tree: Mapping[str, object], leave_out: Iterable[str]) -> tuple[tuple[str, str], ...]:
    facts = list(_walk({key: value for key, value in tree.items() if key not in leave_out}, ""))
    shown = facts[:_MAX_FACTS]
    if len(facts) > _MAX_FACTS:
        shown.append(("...", f"{format_count(len(facts) - _MAX_FACTS)} more in run.json"))
    return tuple(shown)


def _walk(value: object, name: str) -> Iterable[tuple[str, str]]:
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
