"""Parts that a run was made with and that are not installed any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from mmcheck.core.errors import RunError
from mmcheck.core.parts import ANALYSES, PROBES, RULES


def refuse_absent_parts(file: Path) -> None:
    """Refuse the config of a run that names parts which nothing installed offers.

    Args:
        file: The run's config.yaml.

    Raises:
        RunError: Naming each of them.
    """
    try:
        tree = yaml.load(file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return  # told by whoever reads the config itself
    absent = list(dict.fromkeys(_find_absent(tree))) if isinstance(tree, dict) else []
    if absent:
        verb, whose = ("is", "its package") if len(absent) == 1 else ("are", "their packages")
        raise RunError(
            f"{file.parent} was made with {', '.join(absent)}, which {verb} not installed.",
            hint=f"install {whose} again; `mmcheck list` shows what is installed.",
        )


def _find_absent(tree: Mapping[str, object]) -> Iterator[str]:
    for key, kind, table in (("probes", "probe", PROBES), ("analyses", "analysis", ANALYSES)):
        for name in _section(tree, key):
            if name not in table:
                yield f"the {kind} {name}"
    for options in _section(tree, "rules").values():
        rule = options.get("rule") if isinstance(options, dict) else None
        if isinstance(rule, str) and rule not in RULES:
            yield f"the kind of rule {rule}"


def _section(tree: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = tree.get(key)
    return found if isinstance(found, dict) else {}
