"""``mmcheck judge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def judge(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="Preset or YAML file; default: the run's own config.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Change one key: section.key=value. Repeatable.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option("--fail-on", metavar="NAME=LIMIT", help="Exit code 1 beyond these limits; see `mmcheck scan -h`."),
    ] = None,
    apply_review: Annotated[
        bool | None,
        typer.Option(
            "--apply-review/--no-review",
            help="Let what people decided (RUN/review/decisions.jsonl) replace the verdicts of the rules, or not.",
        ),
    ] = None,
    decisions: Annotated[
        list[Path] | None,
        typer.Option(help="Take decisions over from a file, such as a report's export, and apply. Repeatable."),
    ] = None,
    report: Annotated[bool, typer.Option(help="Write report.html again.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print estimates, all findings and rules that were not judged.")
    ] = False,
) -> None:
    """Apply other rules or limits to the stored measurements of a finished run: no model, no GPU, no media files.

    Examples:

    mmcheck judge runs/first --config stricter.yaml

    mmcheck judge runs/first --set rules.mismatched_caption.max=0.9

    mmcheck judge runs/first --fail-on quarantine=20%

    mmcheck judge runs/first --apply-review

    mmcheck judge runs/first --decisions from-the-report.jsonl
    """
    from mmcheck.api import open_run
    from mmcheck.cli.finish import finish
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.config.overrides import check_judging
    from mmcheck.config.resolve import resolve_config
    from mmcheck.core.errors import UserError
    from mmcheck.decide.fail_on import parse_fail_on

    opened = open_run(run)
    check_judging(overrides or [])
    if decisions and apply_review is False:
        raise UserError("--decisions takes decisions over to apply them; --no-review says not to.")
    resolved = resolve_config(opened.config if config is None else config, overrides=overrides or [])
    limits = parse_fail_on(fail_on or (), resolved.rules)
    with TerminalProgress(quiet) as progress:
        opened.judge(resolved, apply_review=apply_review, decisions=decisions or (), progress=progress)
    finish(run, report=report, as_json=json, quiet=quiet, verbose=verbose, fail_on=limits)
