"""``mmcheck review``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.review.desk import Desk


class _Sample(StrEnum):
    """The samples, named here too because the command line loads nothing that would know them."""

    BORDERLINE = "borderline"
    FLAGGED = "flagged"
    QUARANTINE = "quarantine"
    RANDOM = "random"
    AUDIT = "audit"


def review(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    reviewer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who decides. Default: your user name.", show_default=False)
    ] = None,
    sample: Annotated[
        _Sample,
        typer.Option(
            help="Which pairs: near a limit, flagged, quarantined, drawn at random, or the sample of `mmcheck audit`."
        ),
    ] = _Sample.BORDERLINE,
    count: Annotated[
        int | None,
        typer.Option("--count", "-n", min=1, help="How many pairs at most. Default: all; 200 of a random sample."),
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Hide verdicts, scores, findings and neighbours.")] = False,
    exam: Annotated[
        bool,
        typer.Option(
            "--exam",
            help="Plant pairs with swapped texts among the others and tell at the end how many were found; hides what "
            "--blind hides.",
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.", show_default=False)
    ] = 0,
) -> None:
    """Look at pairs in a browser and decide about them: keep, quarantine, vague, another text.

    The page is served to this machine alone. What you decide is appended to RUN/review/decisions.jsonl at once; stop
    with Ctrl-C and go on whenever you like. `mmcheck judge RUN --apply-review` then lets it replace the verdicts of
    the rules.

    Examples:

    mmcheck review runs/first

    mmcheck review runs/first --sample random -n 100 --blind --reviewer ann

    mmcheck review runs/first --sample flagged --exam

    ssh -L 8765:127.0.0.1:8765 gpu-box mmcheck review runs/first --port 8765
    """
    from mmcheck.core.errors import MissingDependency

    try:
        from mmcheck.review.serve import open_desk, serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio"):
            raise
        raise MissingDependency(f"the review needs {error.name}.", hint="pip install 'mmcheck[review]'") from error
    from mmcheck.review.worklist import Sampling

    desk = open_desk(run, Sampling(sample.value), reviewer=reviewer, count=count, blind=blind, exam=exam)
    _tell_start(desk)
    serve(desk, port, _tell_address)
    _tell_end(desk, run)


def _tell_start(desk: Desk) -> None:
    from mmcheck.cli.tables import clean
    from mmcheck.review.page_values import TITLES

    standing = desk.standing()
    title = TITLES[desk.worklist.sampling.value]
    typer.echo(f"{standing.total:,} {title}; {clean(desk.reviewer)} has decided about {standing.done:,} of them.")
    typer.echo("Every decision is saved at once. Ctrl-C stops; the same command goes on.")


def _tell_address(address: str, is_first: bool) -> None:
    # An address lets one browser in; whoever reads it later over a shoulder or in a history gets nowhere.
    typer.echo(f"{'open:' if is_first else 'for another browser:'}   {address}")


def _tell_end(desk: Desk, run: Path) -> None:
    from shlex import quote

    from mmcheck.review.page_values import tell_score

    standing = desk.standing()
    typer.echo(f"\n{standing.done:,} of {standing.total:,} decided.")
    for sentence in tell_score(desk.score()):
        typer.echo(sentence)
    if standing.done:
        typer.echo(f"next:   mmcheck judge {quote(str(run))} --apply-review")
