"""What a command does after a run: the report, the summary table or the JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def finish(out: Path, *, report: bool, as_json: bool, quiet: bool) -> None:
    """Write the report of the run in ``out`` (if wanted) and print its summary.

    Raises:
        OutputError: If the report cannot be written.
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.cli.tables import print_summary
    from mmcheck.store.run_folder import RunFolder

    run = RunFolder(out)
    if report:
        from mmcheck.report.build import write_report

        with TerminalProgress(quiet) as progress:
            progress.phase("writing the report", None)
            write_report(run)
    _warn(run.summary)
    if as_json:
        sys.stdout.write(json.dumps(run.summary, indent=2, ensure_ascii=False) + "\n")
    else:
        print_summary(run.summary, str(out))


def _warn(summary: dict[str, Any]) -> None:
    """Say on stderr what a script would overlook: nothing was read, or no column was understood."""
    rows = summary["rows_read"]
    if not rows:
        sys.stderr.write("warning: no rows were read; the manifests are empty.\n")
    elif summary["findings"].get("broken_row.missing_column", 0) == rows:
        sys.stderr.write(
            "warning: no row has a column that names an image or a recording.\n\n"
            "hint: map yours: --set input.columns.image=<column> --set input.columns.caption=<column>\n"
        )
