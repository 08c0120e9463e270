"""``mmcheck card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def card(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for README.md and croissant.json.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the set that is published, such as an export; default: RUN/clean.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the set; default: the run folder's.")] = None,
    description: Annotated[str | None, typer.Option(help="What the set is; default: how it was filtered.")] = None,
    license: Annotated[str | None, typer.Option(help="SPDX id (CC-BY-4.0) or URL. Never guessed.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the set is published.")] = None,
    creator: Annotated[str | None, typer.Option(help="Who made it.")] = None,
    published: Annotated[str | None, typer.Option(metavar="DATE", help="Date of publication: 2026-11-27.")] = None,
    version: Annotated[str | None, typer.Option(help="Version of the set: 1.0.0.")] = None,
    only: Annotated[
        str, typer.Option(help="Verdicts whose rows the set holds: keep, or keep,flag for an export of both.")
    ] = "keep",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of these names.")] = False,
) -> None:
    """Write a dataset card and Croissant metadata for a cleaned set: what was left out, why, by what models and limits.

    README.md has the YAML header of Hugging Face, croissant.json follows Croissant 1.1 with provenance (PROV-O). Files
    below --out are named relative to it, so that the folder can be moved. Needs no model and no media file.

    Examples:

    mmcheck card runs/first --out runs/first/clean --license CC-BY-4.0 --creator "Our Lab"

    mmcheck card runs/first --out published --data published --only keep,flag --name street-scenes
    """
    from mmcheck.card.croissant import Publication
    from mmcheck.card.run import write_cards
    from mmcheck.cli.verdicts import parse_verdicts
    from mmcheck.store.run_folder import RunFolder

    folder = RunFolder(run)
    publication = Publication(
        name=name or run.resolve().name,
        description=description,
        license=license,
        url=url,
        creator=creator,
        published=published,
        version=version,
    )
    written = write_cards(
        folder, data or run / "clean", out, publication, verdicts=parse_verdicts(only), overwrite=overwrite
    )
    files = f"{written.num_files} file{'s' if written.num_files != 1 else ''}"
    typer.echo(f"card:        {written.card}")
    typer.echo(f"croissant:   {written.croissant}  ({files} described)")
    if written.lacking:
        typer.echo(f"not given, though Croissant asks for it: {', '.join(f'--{name}' for name in written.lacking)}")
