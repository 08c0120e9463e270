"""``mmcheck list``."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def list_parts(
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List what this installation can do: probes with their metrics, analyses, rules, formats, engines, presets.

    Example:

    mmcheck list
    """
    from mmcheck.cli.tables import print_table
    from mmcheck.core.catalogue import known_metrics
    from mmcheck.core.parts import ANALYSES, ENGINES, FORMATS, PROBES, RULES
    from mmcheck.core.presets import PRESETS
    from mmcheck.core.registry import Registry

    tables: dict[str, Registry[Any]] = {
        "probes": PROBES,
        "analyses": ANALYSES,
        "rules": RULES,
        "formats": FORMATS,
        "engines": ENGINES,
    }
    metrics = list(known_metrics().values())
    if json:
        import json as json_module
        from dataclasses import asdict

        value = {
            **{kind: [{"name": e.name, "summary": e.summary} for e in table] for kind, table in tables.items()},
            "metrics": [asdict(metric) for metric in metrics],
            "presets": list(PRESETS),
        }
        typer.echo(json_module.dumps(value, indent=2))
        return
    for kind, table in tables.items():
        print_table(kind, ("name", "what it is"), [(entry.name, entry.summary) for entry in table])
    print_table(
        "metrics",
        ("name", "unit", "range", "what it says"),
        [(m.name, m.unit, _range(m.low, m.high), m.description) for m in metrics],
    )
    typer.echo(f"presets: {', '.join(PRESETS)}")


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
