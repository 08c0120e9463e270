"""``mmcheck doctor``."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Check this installation: packages, device, bundled models (loaded and tried), cache, free space.

    Exit code 3 if something that a scan needs is broken.

    Example:

    mmcheck doctor
    """
    from mmcheck.cli.health import check_health
    from mmcheck.cli.tables import print_table
    from mmcheck.core.errors import EXIT_RUN

    findings = check_health()
    if json:
        import json as json_module
        from dataclasses import asdict

        typer.echo(json_module.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print_table(
            "mmcheck doctor",
            ("check", "state", "details"),
            [(f.name, f.state, f.seen) for f in findings],
        )
        for finding in findings:
            if finding.hint:
                typer.echo(f"{finding.name}: {finding.hint}")
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(EXIT_RUN)
