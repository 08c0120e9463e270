"""``mmcheck report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
) -> None:
    """Write report.html of a finished run: one file that opens offline, with the media beside every finding.

    Example:

    mmcheck report runs/first
    """
    from mmcheck.report.build import write_report
    from mmcheck.store.run_folder import RunFolder

    typer.echo(write_report(RunFolder(run)))
