"""``mmcheck worst``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmcheck.rows.worst import WorstTable

_TEXT, _REASON = 60, 90  # characters of a cell; our own choice: five columns fit on a wide screen


def worst(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="How many rows.")] = 10,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="METRIC", help="Metric; `similarity` will do. Default: the probability of a mismatch."
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(help="Only rows with these verdicts, comma-separated: keep, flag, quarantine, unchecked."),
    ] = None,
    lowest: Annotated[
        bool | None,
        typer.Option("--lowest/--highest", help="Which end comes first. Default: the one that is bad for the metric."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON, whole texts included.")] = False,
) -> None:
    """Print the worst pairs of a finished run: id, text, score, reason, path. Needs no model and no media file.

    Examples:

    mmcheck worst runs/first

    mmcheck worst runs/first -n 30 --only keep        (what the limits let pass: are there wrong pairs among them?)

    mmcheck worst runs/first --by similarity

    mmcheck worst runs/first --by media.letters_per_second --lowest --json
    """
    import json as json_module
    from dataclasses import asdict

    from mmcheck.cli.verdicts import parse_verdicts
    from mmcheck.rows.worst import find_worst
    from mmcheck.store.run_folder import RunFolder

    tables = find_worst(
        RunFolder(run), count, by=by, lowest_first=lowest, only=parse_verdicts(only) if only is not None else ()
    )
    if json:
        rows = [asdict(row) for table in tables for row in table.rows]
        typer.echo(json_module.dumps(rows, indent=2, ensure_ascii=False))
        return
    from mmcheck.cli.summary import short
    from mmcheck.cli.tables import print_table
    from mmcheck.judge.message import show_number

    for table in tables:
        base = _common_folder([row.path for row in table.rows if row.path is not None])
        print_table(
            table.title,
            ("id", "text", table.metric.partition(".")[2] if table.metric else "findings", "reason", "path"),
            [
                (
                    row.id,
                    "" if row.text is None else short(row.text, _TEXT),
                    show_number(round(row.value, 4)) if row.value is not None else len(row.codes),
                    f"{row.action}: {short(row.reason, _REASON)}" if row.reason else row.action,
                    "" if row.path is None else row.path.removeprefix(base),
                )
                for row in table.rows
            ],
            numeric=(2,),
        )
        if base:
            typer.echo(f"the paths are below {base}\n")
        if not table.rows:
            typer.echo("no row.\n")
    _tell_next(run, tables)


def _tell_next(run: Path, tables: Sequence[WorstTable]) -> None:
    from shlex import quote

    first = next((row.id for table in tables for row in table.rows), None)
    if first is not None:
        typer.echo(f"one row's whole story: mmcheck explain {quote(str(run))} {quote(first)}")


def _common_folder(paths: Sequence[str]) -> str:
    """Return the folder that all paths are in, with its slash; "" if there is none worth naming."""
    import os

    try:
        base = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # no paths, or some relative
        return ""
    base = f"{base.rstrip('/')}/"
    return base if len(base) > 1 and all(path.startswith(base) for path in paths) else ""
