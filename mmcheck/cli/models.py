"""``mmcheck models``: list, pull, check."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="List, download and check model weights.", no_args_is_help=True)


@app.command("list")
def list_(json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the bundled models and those that the presets name, and whether they are on this machine.

    Example:

    mmcheck models list
    """
    from mmcheck.backends import model_catalogue
    from mmcheck.cli.tables import print_table

    models = model_catalogue.list_models()
    if json:
        import json as json_module
        from dataclasses import asdict

        typer.echo(json_module.dumps([asdict(model) for model in models], indent=2, default=str))
        return
    print_table(
        "models",
        ("name", "kind", "on this machine", "MB", "licence", "used by"),
        [
            (
                m.name,
                m.kind,
                "yes" if m.path else "no",
                f"{m.num_bytes / 1e6:.1f}" if m.num_bytes else "",
                m.license or "",
                m.used_by,
            )
            for m in models
        ],
        numeric=(3,),
    )


@app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="Model name as in a config, e.g. ViT-B-32/datacomp_xl_s13b_b90k.")],
) -> None:
    """Download a model's weights into the Hugging Face cache, so that scans need no network.

    Examples:

    mmcheck models pull ViT-B-32/datacomp_xl_s13b_b90k

    mmcheck models pull base
    """
    from mmcheck.backends import model_catalogue
    from mmcheck.cli.progress import TerminalProgress

    with TerminalProgress() as progress:
        progress.phase(f"downloading {name}", None)
        path = model_catalogue.pull_model(name)
    typer.echo(path)


@app.command("check")
def check(name: Annotated[str, typer.Argument(help="Bundled name, local folder, or a name as in a config.")]) -> None:
    """Load a model, try it on a tiny input, and compare its digest with the model card if there is one.

    Example:

    mmcheck models check tiny-clip
    """
    from mmcheck.backends import model_catalogue

    typer.echo(model_catalogue.check_model(name))
