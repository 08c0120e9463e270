"""``mmcheck compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.compare.summary import CompareSummary

_SHOWN = 12  # outcomes and metrics that the terminal lists; our own choice: one screen


def compare(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="Run folder of the earlier scan.")],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help="Run folder of the later scan.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for compare.html, summary.json and the changed rows; default: none."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Tell what a new version of the data, or of the config, changed: rows, verdicts, rates, values, clusters.

    Rows are matched by the bytes of their media and by their texts, then by id. Needs no model, changes no run; with
    --out a page shows the changed rows side by side.

    Examples:

    mmcheck compare runs/monday runs/tuesday

    mmcheck compare runs/monday runs/tuesday --out monday-to-tuesday

    mmcheck compare runs/default runs/stricter --json
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.compare.run import compare_runs

    with TerminalProgress(quiet) as progress:
        summary = compare_runs(before, after, out=out, progress=progress)
    if json:
        import json as writer

        typer.echo(writer.dumps(summary.to_json(), indent=2, ensure_ascii=True))
    else:
        _print(summary, out)


def _print(summary: CompareSummary, out: Path | None) -> None:
    from mmcheck.cli.tables import clean, print_table
    from mmcheck.compare.page import PAGE_NAME
    from mmcheck.core.types import Action

    for sentence in summary.sentences:
        typer.echo(clean(sentence))
    if not summary.nothing_changed:
        actions = [action.value for action in Action]
        cells = {(one.before, one.after): one.rows for one in summary.transitions}
        if summary.verdicts_changed:
            rows = [(old, *(f"{cells.get((old, new), 0):,}" for new in actions)) for old in actions]
            print_table("verdicts, from A (down) to B (across)", ("", *actions), rows, numeric=(1, 2, 3, 4))
            print_table(
                "rows whose verdict changed, the worst first",
                ("row", "from", "to", "because"),
                [(one.id_after, one.before, one.after, one.reason) for one in summary.examples[:_SHOWN]],
            )
        rates = [one for one in summary.rates if one.rows_before != one.rows_after or one.appeared or one.disappeared]
        if rates:
            print_table(
                "outcomes (intervals of the difference in percentage points)",
                ("outcome", "A", "B", "all rows", "rows of both"),
                [
                    (
                        one.outcome,
                        f"{one.rows_before:,}",
                        f"{one.rows_after:,}",
                        _interval(one.low, one.high),
                        _interval(one.paired_low, one.paired_high),
                    )
                    for one in rates[:_SHOWN]
                ],
                numeric=(1, 2, 3, 4),
            )
            if len(rates) > _SHOWN:
                typer.echo(f"({len(rates) - _SHOWN} more outcomes changed; --json lists them)")
        moved = [one for one in summary.shifts if one.moved]
        if moved:
            print_table(
                "values that moved",
                ("metric", "median A", "median B", "PSI", "distance"),
                [
                    (
                        one.metric,
                        f"{one.median_before:.4g}",
                        f"{one.median_after:.4g}",
                        f"{one.stability_index:.2f}",
                        f"{one.distance:.2f}",
                    )
                    for one in moved[:_SHOWN]
                ],
                numeric=(1, 2, 3, 4),
            )
    for note in summary.notes:
        typer.echo(f"note: {clean(note)}", err=True)
    if out is not None:
        typer.echo(f"page:     {clean(str(out / PAGE_NAME))}  (open in a browser)")
        typer.echo(f"changes:  {clean(str(out / 'changes.jsonl'))}  ({summary.listed:,} rows; and changes.parquet)")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
