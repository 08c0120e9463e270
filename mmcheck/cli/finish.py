"""What a command does after a run: the report, the summary table or the JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path


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
    if as_json:
        sys.stdout.write(json.dumps(run.summary, indent=2, ensure_ascii=False) + "\n")
    else:
        print_summary(run.summary, str(out))
