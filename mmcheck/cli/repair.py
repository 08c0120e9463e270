"""``mmcheck repair``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.repair.summary import RepairSummary

_KINDS = {
    "shift": "part of a block of texts shifted by some rows",
    "reversed": "part of a block of texts in reverse order",
    "resorted": "part of a file whose texts are sorted differently from its media",
    "swap": "two rows have each other's texts",
    "cycle": "several rows have each other's texts, in a cycle",
    "match": "the right text was found at another suspect row",
}


def repair(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write repaired manifests into a new or empty folder; the sources are not changed."
        ),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Minimum probability that a proposed text is the right one.")
    ] = 0.8,
    model: Annotated[
        bool,
        typer.Option(help="Load the run's model for captions whose image is gone and images without a caption."),
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Propose which text belongs to which image or recording: shifted, reversed, re-sorted and swapped rows.

    Works on what the scan stored. RUN/repair gets proposals.jsonl, proposals.parquet, summary.json and repair.html,
    which shows them side by side. Look at them, then write repaired manifests and scan those.

    Examples:

    mmcheck repair runs/first

    mmcheck repair runs/first --min-confidence 0.95 --write repaired

    mmcheck scan repaired/*.jsonl --out runs/second
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.repair.page import PAGE_NAME
    from mmcheck.repair.run import repair_run
    from mmcheck.repair.summary import FOLDER

    with TerminalProgress(quiet) as progress:
        summary = repair_run(run, write=write, min_confidence=min_confidence, use_model=model, progress=progress)
    page = run / FOLDER / PAGE_NAME
    if json:
        import json as writer

        typer.echo(writer.dumps(summary.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(summary, page)


def _print(summary: RepairSummary, page: Path) -> None:
    from mmcheck.cli.tables import clean, print_table
    from mmcheck.core.sentences import count_noun

    for sentence in (*summary.sentences, *summary.notes):
        typer.echo(clean(sentence))
    if summary.proposals:
        rows = [(kind, count, _KINDS.get(kind, "")) for kind, count in summary.proposals_by_kind.items()]
        print_table(count_noun(summary.proposals, "proposal"), ("kind", "rows", "what happened"), rows, numeric=(1,))
        typer.echo(
            f"{count_noun(summary.suspects, 'suspect pair')}; confidence at least {summary.min_confidence}, so "
            f"about {summary.expected_wrong} of {count_noun(summary.proposals, 'proposal')} may be wrong."
        )
    if summary.less_sure:
        more = count_noun(summary.less_sure, "more proposal is", "more proposals are")
        typer.echo(f"{more} below that confidence (see --min-confidence).")
    typer.echo(f"page:        {clean(str(page))}  (open in a browser)")
    written = summary.written
    if written.folder:
        changed = count_noun(written.repaired_rows, "row")
        typer.echo(f"repaired:    {clean(written.folder)}  ({changed} changed; scan these)")
        for file in written.files:
            typer.echo(f"             {clean(file)}")
        for note in written.notes:
            typer.echo(clean(note))
