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
    """Print a config with every default filled in, or a preset as it was written.

    Examples:

    mmcheck config show demo --source > mine.yaml

    mmcheck config show mine.yaml --set run.shard_size=1000
    """
    from mmcheck.config import load_config, read_config_source

    if source:
        typer.echo(read_config_source(config)[1], nl=False)
    else:
        typer.echo(load_config(config, overrides or []).to_yaml(), nl=False)


@app.command("check")
def check(config: _Source, overrides: _Overrides = None) -> None:
    """Check a config: keys, types, thresholds and metrics. Names every fault at once; exit code 2 if there is one.

    Example:

    mmcheck config check mine.yaml
    """
    from mmcheck.config import load_config
    from mmcheck.run.scan import check_rules

    resolved = load_config(config, overrides or [])
    inactive = check_rules(resolved)
    typer.echo(f"{config} is in order: {len(resolved.rules)} rules, probes {', '.join(resolved.probes.enabled())}.")
    if inactive:
        typer.echo(f"inactive (their probe is not enabled): {', '.join(inactive)}")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of the config, for editors.

    Example:

    mmcheck config schema > mmcheck.schema.json
    """
    import json

    from mmcheck.config import Config

    typer.echo(json.dumps(Config.model_json_schema(), indent=2))
