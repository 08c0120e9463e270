"""``mmcheck agreement``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.agreement.summary import AgreementSummary, Group

_GROUPS = 15  # codes and slices that the terminal lists; our own choice: one screen; --json has all
_TEXT = 50  # characters of a text in the table; our own choice: four columns fit on a screen


def agreement(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="How many of the disputed rows to list.")] = 20,
    exams: Annotated[
        bool, typer.Option("--exams", help="Also print how each reviewer did with planted pairs.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON, exams and all groups included.")] = False,
) -> None:
    """Tell how far the people agree who looked at the same rows, and list the rows that they dispute most.

    Percent agreement, Cohen's kappa of each two people, Fleiss' kappa and Krippendorff's alpha, with 95 % intervals
    (bootstrap over the rows), by code, language and manifest.

    Examples:

    mmcheck agreement runs/first

    mmcheck agreement runs/first --exams

    mmcheck agreement runs/first --count 100 --json
    """
    from mmcheck.agreement.run import agree_run

    found = agree_run(run, most_disputed=count)
    if json:
        import json as writer

        typer.echo(writer.dumps(found.to_json(), indent=2, ensure_ascii=False))
        return
    _print(found)
    if exams:
        _print_exams(found)


def _print(found: AgreementSummary) -> None:
    from mmcheck.agreement.words import show
    from mmcheck.cli.tables import clean, print_table

    for sentence in found.sentences:
        typer.echo(clean(sentence))
    people = [(name, count, found.unsure.get(name, 0)) for name, count in found.reviewers.items()]
    print_table("reviewers", ("name", "rows", "unsure"), people, numeric=(1, 2))
    if not found.rows_of_several:
        return
    print_table(
        f"{found.rows_of_several} rows with several decisions",
        ("question", "disputed", "agreement", "Krippendorff's alpha", "Fleiss' kappa"),
        [
            (one.name, one.disputed, show(one.percent), show(one.alpha), f"{show(one.fleiss)}, {one.fleiss.rows} rows")
            for one in (found.mismatched, found.choice)
        ],
        numeric=(1,),
    )
    print_table(
        "mismatched or not: each two people",
        ("reviewers", "rows", "agreed", "Cohen's kappa"),
        [(" and ".join(one.reviewers), one.kappa.rows, one.agreed, show(one.kappa)) for one in found.pairs],
        numeric=(1, 2),
    )
    _print_groups("code", found.codes)
    for name, groups in found.slices.items():
        if len(groups) > 1:
            _print_groups(name, groups)
    if found.disputed:
        print_table(
            "most disputed",
            ("id", "decisions", "verdict", "text"),
            [
                (
                    one.sample_id,
                    ", ".join(f"{name}: {choice}" for name, choice in one.votes.items()),
                    one.action,
                    one.text if len(one.text) <= _TEXT else f"{one.text[:_TEXT]} ...",
                )
                for one in found.disputed
            ],
        )


def _print_groups(name: str, groups: tuple[Group, ...]) -> None:
    from mmcheck.agreement.words import show
    from mmcheck.cli.tables import print_table

    print_table(
        f"by {name}",
        (name, "rows", "disputed", "agreement", "Krippendorff's alpha"),
        [(one.name, one.rows, one.disputed, show(one.percent), show(one.alpha)) for one in groups[:_GROUPS]],
        numeric=(1, 2),
    )


def _print_exams(found: AgreementSummary) -> None:
    from mmcheck.cli.tables import print_table

    if not found.exams:
        typer.echo("no reviewer was tested; `mmcheck review RUN --exam` plants known pairs.")
        return
    print_table(
        "planted pairs",
        ("reviewer", "wrong pairs caught", "right pairs turned down", "unsure or skipped"),
        [
            (one.reviewer, f"{one.caught} of {one.planted}", f"{one.turned_down} of {one.sound}", one.undecided)
            for one in found.exams
        ],
        numeric=(1, 2, 3),
    )
