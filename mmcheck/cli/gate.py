"""``mmcheck gate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.gate.summary import GateSummary

_SHOWN = 40  # cases of slices that passed which the terminal lists; our own choice: one screen


def gate(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    config: Annotated[
        str | None,
        typer.Option("--config", "-c", help="YAML file whose section gate has the limits; default: the run's own."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Set one limit: gate.max.quarantine=5%. Repeatable.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="What may be above a limit (by its interval) fails too, not only warns.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the outcome as JUnit XML, a test case a limit and slice.")
    ] = None,
    markdown: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the outcome as Markdown for a job's summary; - prints it."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Hold a finished run to release limits: counted shares, the mismatched share by its interval, states, slices.

    The limits stand in the config's section gate, or are given here. Nothing is written into the run.

    Exit code: 0 all limits hold, 1 one is exceeded, 2 no limit is set or one is wrong, 3 the run is unfinished or
    damaged.

    Examples:

    mmcheck gate runs/first --set gate.max.quarantine=5% --set gate.max.mismatched=2% --set gate.max.empty_text=0

    mmcheck gate runs/first --config release.yaml --strict --junit gate.xml

    mmcheck gate runs/first --config release.yaml --markdown - >> "$GITHUB_STEP_SUMMARY"
    """
    from mmcheck.core.atomic import write_text
    from mmcheck.core.errors import EXIT_VERDICT, UserError
    from mmcheck.gate.junit import write_junit
    from mmcheck.gate.markdown import to_markdown
    from mmcheck.gate.run import gate_run

    if json and markdown == "-":
        raise UserError("--json and --markdown - both print.", hint="give --markdown a file.")
    summary = gate_run(run, config, overrides=overrides or [], strict=strict)
    if junit is not None:
        write_junit(summary, junit)
    if markdown not in (None, "-"):
        write_text(Path(str(markdown)), to_markdown(summary))
    if json:
        import json as writer

        typer.echo(writer.dumps(summary.to_json(), indent=2, ensure_ascii=True))
    elif markdown == "-":
        typer.echo(to_markdown(summary), nl=False)
    else:
        _print(summary)
    if not summary.passed:
        raise typer.Exit(EXIT_VERDICT)


def _print(summary: GateSummary) -> None:
    from mmcheck.cli.tables import clean, print_table

    # What passed in a slice says least, so it goes first where there is too much.
    quiet = [case for case in summary.cases if case.slice and case.verdict == "pass"]
    left_out = set(map(id, quiet[_SHOWN:]))
    shown = [case for case in summary.cases if id(case) not in left_out]
    print_table(
        f"{summary.run}: {summary.rows:,} rows",
        ("limit", "wanted", "measured", "verdict"),
        [(case.title, case.limit, case.measured, case.verdict) for case in shown],
    )
    if left_out:
        typer.echo(f"({len(left_out):,} more limits of slices hold; --json lists them)")
    for case in summary.cases:
        if case.verdict != "pass":
            where = f"{case.slice}: " if case.slice else ""
            typer.echo(f"{case.verdict}: {clean(where + case.message)}")
    for note in summary.notes:
        typer.echo(f"note: {clean(note)}", err=True)
    total = f"{len(summary.cases):,} limit{'' if len(summary.cases) == 1 else 's'}"
    typer.echo(f"{'passed' if summary.passed else 'FAILED'}: {summary.failed:,} of {total} exceeded" + _warned(summary))


def _warned(summary: GateSummary) -> str:
    return f", {summary.warned:,} perhaps (--strict makes that a failure)" if summary.warned else ""
