"""``mmcheck overlap``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.overlap.summary import OverlapSummary


def overlap(
    train: Annotated[str, typer.Argument(help="Run folder, or a manifest, of the training set.")],
    test: Annotated[str, typer.Argument(help="Run folder, or a manifest, of the test set or benchmark.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder; default: overlap/ in TRAIN's run folder.")
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="Kinds of overlap that count and remove rows of TRAIN: image, audio, text, pair. All are reported."
        ),
    ] = "image,audio,pair",
    max_overlap: Annotated[
        int, typer.Option(min=0, metavar="N", help="Rows of TEST that may be shared before the exit code is 1.")
    ] = 0,
    config: Annotated[
        str | None,
        typer.Option("--config", "-c", help="Preset or YAML file to scan manifests with; default: the other run's."),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Folder (or URL) that media of a manifest given here start from; default: as in the other run.",
        ),
    ] = None,
    write_media: Annotated[
        bool, typer.Option("--write-media", help="Write TRAIN's media too: new tar shards, or folders ready to load.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Find what a training set shares with a test set or benchmark, exactly or nearly, and write TRAIN without it.

    Compares images, recordings, texts and whole pairs. Writes overlaps.parquet, overlaps.jsonl, summary.json,
    overlap.html, clean/ (TRAIN without the shared rows) and removed/ (with the reasons). Sources are never changed.

    Exit code: 0 if nothing (or at most --max-overlap rows of TEST) is shared, 1 if more is, 2 if the input is wrong.

    Examples:

    mmcheck overlap runs/train runs/test

    mmcheck overlap runs/train benchmark/metadata.jsonl --json

    mmcheck overlap train.jsonl test.jsonl --out overlap --by image,audio,text,pair --max-overlap 5
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.core.errors import EXIT_VERDICT, OutputError, RunError, UserError
    from mmcheck.overlap.page import PAGE_NAME
    from mmcheck.overlap.run import overlap_runs

    kinds = [name.strip() for name in by.split(",") if name.strip()]
    try:
        with TerminalProgress(quiet) as progress:
            summary = overlap_runs(
                train,
                test,
                out=out,
                by=kinds,
                max_overlap=max_overlap,
                config=config,
                root=root,
                write_media=write_media,
                progress=progress,
            )
    except RunError as error:
        # A run that is not complete, or is damaged, is wrong input here.
        raise UserError(error.message, hint=error.hint) from error
    except OSError as error:
        where = error.filename or "the file system"
        raise OutputError(f"{where}: {error.strerror or error}.", hint="choose another --out.") from error
    folder = Path(summary.written.folder)
    if json:
        import json as writer

        typer.echo(writer.dumps(summary.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(summary, folder, folder / PAGE_NAME)
    if not summary.passed:
        typer.echo(
            f"more of TEST is shared ({summary.shared_test_rows}) than --max-overlap allows ({max_overlap}).",
            err=True,
        )
        raise typer.Exit(EXIT_VERDICT)


def _print(summary: OverlapSummary, folder: Path, page: Path) -> None:
    from mmcheck.cli.tables import clean, print_table
    from mmcheck.overlap.words import count_rows

    for sentence in summary.sentences:
        typer.echo(clean(sentence))
    rows = [
        (
            kind,
            found.test_rows,
            found.exact_test_rows,
            found.train_rows,
            found.pairs,
            "yes" if found.counts else "no, reported only",
        )
        for kind, found in summary.kinds.items()
        if found.compared
    ]
    if rows:
        title = f"TRAIN {count_rows(summary.train.rows)}, TEST {count_rows(summary.test.rows)}"
        columns = ("shared", "TEST rows", "exactly", "TRAIN rows", "pairs", "counts")
        print_table(title, columns, rows, numeric=(1, 2, 3, 4))
    for note in summary.notes:
        typer.echo(f"note: {clean(note)}", err=True)
    written = summary.written
    typer.echo(f"page:     {clean(str(page))}  (open in a browser)")
    typer.echo(f"pairs:    {clean(str(folder / 'overlaps.parquet'))}  (and overlaps.jsonl)")
    kept, removed = written.clean.rows, written.removed.rows
    meaning = f"{count_rows(kept)}; train on this" if kept else "empty: nothing is left to train on"
    for file in written.clean.files:
        typer.echo(f"clean:    {clean(file)}  ({meaning})")
    for file in written.removed.files:
        typer.echo(f"removed:  {clean(file)}  ({count_rows(removed)}, with the reasons in mmcheck_overlap_* columns)")
