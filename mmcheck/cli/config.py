"""``mmcheck config``: show, check, schema."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Show, check and describe configs.", no_args_is_help=True)

_Source = Annotated[str, typer.Argument(help="Preset (demo, default, fast, quality) or YAML file.")]
_Overrides = Annotated[list[str] | None, typer.Option("--set", help="Change one key: section.key=value.")]


@app.command("show")
def show(
    config: _Source = "default",
    overrides: _Overrides = None,
    source: Annotated[bool, typer.Option("--source", help="Print the commented file, not the resolved tree.")] = False,
) -> None:
    """Print a config with everything that it extends filled in, or a file as it was written.

    Examples:

    mmcheck config show quality --source

    mmcheck config show mine.yaml --set run.shard_size=1000
    """
    from mmcheck.config import load_config, read_config_source

    if source:
        typer.echo(read_config_source(config)[1], nl=False)
    else:
        typer.echo(load_config(config, overrides or []).to_yaml(), nl=False)


@app.command("check")
def check(config: _Source, overrides: _Overrides = None) -> None:
    """Check a config and show what it changes in the preset that it extends.

    Keys, types, thresholds and metrics are checked. All faults are reported at once, with exit code 2. Otherwise it
    lists the values that differ from the preset, the rules that are off, and the rules that were added.

    Example:

    mmcheck config check mine.yaml
    """
    from mmcheck.config import PRESETS, compare_with_preset, list_differences, load_config
    from mmcheck.scanning.scan import check_rules

    resolved = load_config(config, overrides or [])
    inactive = check_rules(resolved)
    found = compare_with_preset(resolved, "default" if config in PRESETS else None)
    on = sum(rule.enabled for rule in resolved.rules.values())
    probes = ", ".join(resolved.probes.enabled())
    typer.echo(f"{config} is valid: {on} of {len(resolved.rules)} rules on, probes {probes}.")
    if inactive:
        typer.echo(f"inactive (their probe is not enabled): {', '.join(inactive)}")
    if found:
        typer.echo(f"differs from preset {found.preset}:")
        for line in list_differences(found):
            typer.echo(line)
    else:
        typer.echo(f"No difference from preset {found.preset}.")
    if found.rules_off:
        count = len(found.rules_off)
        rules = "1 rule" if count == 1 else f"{count} rules"
        typer.echo(
            f"warning: {rules} of preset {found.preset} {'is' if count == 1 else 'are'} off; "
            "faults that only they find will end up in clean/.",
            err=True,
        )


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of the config, for editors.

    Example:

    mmcheck config schema > mmcheck.schema.json
    """
    import json

    from mmcheck.config import config_schema

    typer.echo(json.dumps(config_schema(), indent=2))
