"""``mmcheck audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.audit.certificate import Certificate
    from mmcheck.audit.run import Audit


def audit(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    n: Annotated[
        int | None, typer.Option("--n", "-n", min=1, help="Rows to draw; default: 150. A larger number adds rows.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the draw; default: 0.")] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Draw nothing: measure, or fail if nobody has looked yet.")
    ] = False,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Draw anew. Decisions about the earlier sample stay in the log.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the certificate, or the sample, as JSON.")] = False,
) -> None:
    """Hold the promises of a run against people: draw a random sample, review it, measure what was promised.

    The first call draws rows (RUN/review/audit.json), stratified by verdict and probability of a mismatch. Review them
    with `mmcheck review RUN --sample audit`. The next call measures, with 95 % intervals: the mismatched share, how
    right the quarantine is, sound rows lost, faults missed. It writes RUN/review/audit-certificate.json and .html.

    Examples:

    mmcheck audit runs/first --n 150

    mmcheck review runs/first --sample audit --blind

    mmcheck audit runs/first --measure
    """
    from mmcheck.audit.run import audit_run

    found = audit_run(run, count=n, seed=seed, redraw=redraw, measure_only=measure)
    if json:
        import json as writer

        told = found.certificate.to_json() if found.certificate else found.draw.model_dump(by_alias=True, mode="json")
        typer.echo(writer.dumps(told, indent=2, ensure_ascii=False))
        return
    if found.new_rows or found.certificate is None:
        _print_draw(run, found)
    if found.certificate is not None:
        _print_certificate(found.certificate)
        for file, what in zip(found.files, ("data", "page"), strict=True):
            typer.echo(f"{f'{what}:':<12} {file}{'  (open in a browser)' if what == 'page' else ''}")


def _print_draw(run: Path, found: Audit) -> None:
    from mmcheck.cli.tables import print_table

    rows = [(one.name, one.rows, one.drawn, f"{one.drawn / one.rows:.2g}") for one in found.draw.strata]
    print_table(
        f"{len(found.draw.samples)} rows drawn",
        ("verdict, probability of a mismatch", "rows", "drawn", "with probability"),
        rows,
        numeric=(1, 2, 3),
    )
    typer.echo(f"{'sample:':<12} {found.file}")
    if found.certificate is None:
        typer.echo(f"{'next:':<12} mmcheck review {run} --sample audit --blind  (look at them)")
        typer.echo(f"{'then:':<12} mmcheck audit {run} --measure")


def _print_certificate(certificate: Certificate) -> None:
    from mmcheck.cli.tables import clean, print_table

    typer.echo(clean(f"{certificate.headline}."))
    rows = [(one.title, one.sentence, "WORSE" if one.is_broken else "") for one in certificate.measures]
    print_table("", ("", "95 % intervals", ""), rows)
    for note in certificate.notes:
        typer.echo(clean(note))
