"""``mmcheck list``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

_WHAT = {
    "probes": ("probes",),
    "analyses": ("analyses",),
    "rules": ("rules",),
    "formats": ("formats", "export formats"),
    "exports": ("export formats",),
    "engines": ("engines",),
    "metrics": ("metrics",),
    "presets": ("presets",),
}
"""What may be asked for -> what is shown."""


def list_parts(
    what: Annotated[
        str | None, typer.Argument(metavar="[WHAT]", help=f"Only these: {', '.join(_WHAT)}. Default: all.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List what this installation can do: probes and metrics, analyses, rules, formats, exports, engines, presets.

    Parts of installed packages are listed with the package that they come from.

    Examples:

    mmcheck list

    mmcheck list formats
    """
    from mmcheck.cli.tables import print_table
    from mmcheck.core.parts import ANALYSES, ENGINES, FORMATS, PROBES, RULES, TARGETS
    from mmcheck.core.presets import PRESETS
    from mmcheck.core.registry import Registry

    shown = _shown(what)
    tables: dict[str, Registry[Any]] = {
        "probes": PROBES,
        "analyses": ANALYSES,
        "rules": RULES,
        "formats": FORMATS,
        "export formats": TARGETS,
        "engines": ENGINES,
    }
    # Metrics are those of probes and analyses, which then have to be looked at too.
    needed = shown | ({"probes", "analyses"} if "metrics" in shown else set())
    tables = {kind: table for kind, table in tables.items() if kind in needed}
    faults = [(table, entry) for table in tables.values() for entry in table.find_faults()]
    unusable = {(table.kind, entry.name, entry.package) for table, entry in faults}
    parts = {
        kind: [
            (entry.name, table.summarise(entry), entry.package or "mmcheck")
            for entry in table
            if (table.kind, entry.name, entry.package) not in unusable
        ]
        for kind, table in tables.items()
    }
    taken = {(table.kind, entry.name) for table, entry in faults}
    metrics = [
        metric
        for kind in ("probes", "analyses")
        if "metrics" in shown
        for name, _, _ in parts[kind]
        if (tables[kind].kind, name) not in taken
        for metric in tables[kind].metrics(name)
    ]
    if json:
        import json as json_module
        from dataclasses import asdict

        value: dict[str, Any] = {
            **{
                kind: [dict(zip(("name", "summary", "package"), row, strict=True)) for row in rows]
                for kind, rows in parts.items()
                if kind in shown
            },
            "broken": [
                {"kind": table.kind, "name": entry.name, "package": entry.package, "fault": entry.fault}
                for table, entry in faults
            ],
        }
        if "metrics" in shown:
            value["metrics"] = [asdict(metric) for metric in metrics]
        if "presets" in shown:
            value["presets"] = list(PRESETS)
        typer.echo(json_module.dumps(value, indent=2))
        return
    for kind, rows in parts.items():
        if kind not in shown:
            continue
        if any(package != "mmcheck" for _, _, package in rows):
            print_table(kind, ("name", "what it is", "from"), rows)
        else:
            print_table(kind, ("name", "what it is"), [row[:2] for row in rows])
    if "metrics" in shown:
        print_table(
            "metrics",
            ("name", "unit", "range", "what it says"),
            [(m.name, m.unit, _range(m.low, m.high), m.description) for m in metrics],
        )
    if "presets" in shown:
        typer.echo(f"presets: {', '.join(PRESETS)}")
    for table, entry in faults:
        about = f"the {table.kind} {entry.name!r} of the package {entry.package}"
        typer.echo(f"warning: {about} cannot be used: {entry.fault}.", err=True)


def _shown(what: str | None) -> set[str]:
    import difflib

    from mmcheck.core.errors import UserError

    if what is None:
        return {name for names in _WHAT.values() for name in names}
    if what not in _WHAT:
        near = difflib.get_close_matches(what, _WHAT, n=1)
        raise UserError(
            f"there are no {what!r} to list; there are: {', '.join(_WHAT)}.",
            hint=f"did you mean {near[0]!r}?" if near else "leave it out to list all.",
        )
    return set(_WHAT[what])


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
