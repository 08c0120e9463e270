"""What a command does after a run: the report, the summary table or the JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mmcheck.decide.fail_on import FailOn


def finish(
    out: Path,
    *,
    report: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool = False,
    fail_on: Sequence[FailOn] = (),
) -> None:
    """Write the report of the run in ``out`` (if wanted), print its summary, and hold it against ``--fail-on``.

    Raises:
        OutputError: If the report cannot be written.
        typer.Exit: With exit code 1, if a limit of ``fail_on`` is broken.
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.cli.summary import print_summary
    from mmcheck.store.run_folder import RunFolder

    run = RunFolder(out)
    if report:
        from mmcheck.report.build import write_report

        with TerminalProgress(quiet) as progress:
            progress.phase("writing the report", None)
            write_report(run)
    if as_json:
        sys.stdout.write(json.dumps(run.summary, indent=2, ensure_ascii=False) + "\n")
    else:
        print_summary(run.summary, run.config(), str(out), verbose=verbose)
        if run.summary["keep"]:
            from mmcheck.decide.clean_loads import tell_loading

            for line in tell_loading(run.record, str(out), write_media=run.config().output.write_media):
                typer.echo(line)
    if fail_on:
        from mmcheck.core.errors import EXIT_VERDICT
        from mmcheck.decide.fail_on import tell_broken

        broken = tell_broken(fail_on, run)
        for sentence in broken:
            typer.echo(sentence, err=True)
        if broken:
            raise typer.Exit(EXIT_VERDICT)
