"""``mmcheck coverage``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.coverage.summary import CoverageSummary

_SHOWN = 25  # clusters that the terminal lists; our own choice: one screen; the page has all


def coverage(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    reference: Annotated[
        Path | None, typer.Option("--reference", "-r", help="Run folder to compare with: what is missing here?")
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option("--clusters", "-k", min=2, max=1000, help="Number of clusters; default: by the size of the set."),
    ] = None,
    slice_by: Annotated[
        list[str] | None, typer.Option("--slice-by", help="Manifest column to count by as well. Repeatable.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Embeddings to cluster: image, text, audio. Repeatable; default: image and audio."),
    ] = None,
    thumbnails: Annotated[
        int,
        typer.Option("--thumbnails", min=0, help="Number of points on the map with a thumbnail, read from the media."),
    ] = 2500,
    open_page: Annotated[bool, typer.Option("--open", help="Open coverage.html in the browser.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Show what a set contains: named clusters, their mismatched share, sparse regions, a map, and what is missing.

    Reads the stored embeddings: no model. Writes coverage/ (coverage.html and tables) into the run folder.

    Examples:

    mmcheck coverage runs/first

    mmcheck coverage runs/first --reference runs/benchmark --slice-by source

    mmcheck coverage runs/first --by text --clusters 40 --json
    """
    import json as json_module

    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.coverage.page import PAGE_NAME
    from mmcheck.coverage.run import CoverageOptions, cover_run
    from mmcheck.coverage.summary import FOLDER
    from mmcheck.store.run_folder import RunFolder

    folder = RunFolder(run)
    options = CoverageOptions(views=tuple(by or ()), num_clusters=clusters, slice_by=tuple(slice_by or ()))
    other = None if reference is None else RunFolder(reference)
    with TerminalProgress(quiet) as progress:
        summary = cover_run(folder, options, reference=other, max_thumbnails=thumbnails, progress=progress)
    page = folder.path / FOLDER / PAGE_NAME
    if json:
        typer.echo(json_module.dumps(summary.to_json(), indent=2))
    else:
        _print(summary, str(page))
    if open_page:
        typer.launch(str(page))


def _print(summary: CoverageSummary, page: str) -> None:
    from mmcheck.cli.tables import clean, print_table

    word = summary.wrong_word
    for name, view in summary.views.items():
        found = view.clusters
        if found:
            # A set without texts, or without vague ones, has nothing to say there.
            vague = ("vague",) if view.vague else ()
            print_table(
                f"{name}: {view.rows} rows in {len(found)} cluster{'' if len(found) == 1 else 's'}",
                ("", "cluster", "rows", "share", word, *vague, "typical"),
                [
                    (
                        c.cluster,
                        c.name,
                        c.size,
                        _percent(c.share),
                        _percent(c.misaligned),
                        *(_percent(getattr(c, key)) for key in vague),
                        c.typical[0].text[:70] if c.typical else "",
                    )
                    for c in found[:_SHOWN]
                ],
                numeric=(0, 2, 3, 4, 5) if vague else (0, 2, 3, 4),
            )
            if len(found) > _SHOWN:
                typer.echo(f"({len(found) - _SHOWN} smaller clusters are on the page)\n")
        for part in view.slices:
            if len(part.values) > 1:
                print_table(
                    f"{name} by {part.slice}",
                    (part.slice, "rows", "share", word, "clusters"),
                    [
                        (v.value, v.rows, _percent(v.share), _percent(v.misaligned), v.clusters or "")
                        for v in part.values[:_SHOWN]
                    ],
                    numeric=(1, 2, 3, 4),
                )
        for sentence in view.sentences:
            typer.echo(f"- {clean(sentence)}")
    typer.echo(f"\n{page}  (open in a browser)")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"
