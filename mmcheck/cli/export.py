"""``mmcheck export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.export.summary import ExportSummary


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    format: Annotated[
        str, typer.Option("--format", "-f", metavar="NAME", help="What to write: a name of `mmcheck list exports`.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="New or empty folder.")],
    only: Annotated[
        str, typer.Option(metavar="VERDICTS", help="Rows to write: keep, flag, quarantine, unchecked, by commas.")
    ] = "keep",
    media: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="reference (their paths), link or copy; default: what the format needs. Media inside tars and tables, "
            "segments and channels need copy, unless the format can name them.",
        ),
    ] = None,
    paths: Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help="absolute, relative (to DIR) or keep (as in your manifest); default: by format."
        ),
    ] = None,
    columns: Annotated[bool, typer.Option(help="Write the mmcheck_* columns.")] = True,
    shard_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Rows a shard, for formats of shards; default: 10000.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export in DIR.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Write the rows of a run in the form that a trainer reads, by default those to keep.

    Any run can be written in any format that takes its kind of pairs. Sources are never changed. DIR appears as a whole
    at the end; the same command gives the same bytes, and does nothing where they are there already. Exit code 1: the
    run keeps no row; 2: no row fits the format.

    Examples:

    mmcheck export runs/first --format webdataset --out shards

    mmcheck export runs/first --format open-clip-csv --out csv --only keep,flag --no-columns

    mmcheck export runs/first --format imagefolder --out images --media copy
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.core.errors import EXIT_VERDICT
    from mmcheck.export.run import export_run

    verdicts = [name.strip() for name in only.split(",") if name.strip()]
    with TerminalProgress(quiet) as progress:
        summary = export_run(
            run,
            format=format,
            out=out,
            only=verdicts,
            media=media,
            paths=paths,
            columns=columns,
            shard_size=shard_size,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        import json as writer

        typer.echo(writer.dumps(summary.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(summary)
    if not summary.rows and "keep" in summary.only:
        raise typer.Exit(EXIT_VERDICT)


def _print(summary: ExportSummary) -> None:
    from mmcheck.cli.tables import clean, print_table
    from mmcheck.core.sentences import count_noun
    from mmcheck.export.words import tell_bytes

    if summary.was_there:
        typer.echo(f"{clean(summary.folder)} holds this export already; nothing was written.")
    rows = [(ending, found.files, tell_bytes(found.bytes)) for ending, found in summary.written.items()]
    typer.echo(f"{count_noun(summary.rows, 'row')} written as {summary.format}")
    print_table("", ("files", "how many", "size"), rows, numeric=(1, 2))
    left = [(f"verdict {name}, not in --only", count, "") for name, count in summary.other_verdicts.items()]
    left += [(reason, found.rows, ", ".join(found.ids)) for reason, found in summary.left_out.items()]
    if left:
        print_table("", ("rows left out", "how many", "such as"), left, numeric=(1,))
    for note in summary.notes:
        typer.echo(clean(note))
    if not summary.rows:
        wanted = " or ".join(summary.only)
        typer.echo(f"the run has no row with the verdict {wanted}: the export is valid and empty.")
    typer.echo(f"written: {clean(summary.folder)}")
    if summary.load:
        typer.echo(f"load it:\n  {clean(summary.load)}")
