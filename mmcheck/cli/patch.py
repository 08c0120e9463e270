"""``mmcheck patch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.errata.summary import PatchSummary


def patch(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished scan.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The errata: errata.jsonl, or .jsonl.gz.")],
    only: Annotated[
        str,
        typer.Option(
            metavar="VERDICTS", help="Rows to remove: quarantine, flag, unchecked, by commas; none with --repairs."
        ),
    ] = "quarantine",
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Only rows that one of these rules found, by commas: mismatched_caption,..."
        ),
    ] = None,
    repairs: Annotated[
        bool, typer.Option("--repairs", help="Give pairs the texts that `mmcheck repair` proposed for them.")
    ] = False,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="With --repairs: least probability that a text is the right one.")
    ] = 0.95,
    text: Annotated[
        bool, typer.Option("--text/--no-text", help="Write the texts themselves, or only their digests.")
    ] = True,
    media: Annotated[
        bool,
        typer.Option(help="Read the media for what the run did not store: digests of recordings with segments."),
    ] = True,
    about: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Which set this is about, for people: 'COCO captions 2017'.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace errata in FILE.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Write what a run found wrong as errata, which mend anybody's copy of the set: `mmcheck apply`.

    One line a pair, known by the bytes of its medium and its text, never by a path: another folder, order or format
    does not matter. It says what to do (remove, or another text) and why, by which scores and limits.

    Examples:

    mmcheck patch runs/first --out errata.jsonl

    mmcheck patch runs/first --out errata.jsonl --rules mismatched_caption --about "COCO captions 2017, train"

    mmcheck patch runs/first --out errata.jsonl --only quarantine,flag --no-text

    mmcheck repair runs/first && mmcheck patch runs/first --out errata.jsonl --only none --repairs
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.errata.patch import PatchOptions, patch_run

    wanted = PatchOptions(
        only=() if only.strip() == "none" else _names(only),
        rules=_names(rules or ""),
        repairs=repairs,
        min_confidence=min_confidence,
        text=text,
        media=media,
        about=about,
    )
    with TerminalProgress(quiet) as progress:
        summary = patch_run(run, out, wanted, overwrite=overwrite, progress=progress)
    if json:
        import json as writer

        typer.echo(writer.dumps(summary.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(summary)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _print(summary: PatchSummary) -> None:
    from mmcheck.cli.tables import clean
    from mmcheck.core.sentences import count_noun
    from mmcheck.errata.drafts import CHANGED, GONE

    rows = count_noun(summary.rows, "row")
    typer.echo(
        f"{count_noun(summary.removals, 'removal')} and {count_noun(summary.corrections, 'correction')}, for {rows} of "
        f"{summary.rows_read:,}"
    )
    for reason, count in summary.left_out.items():
        typer.echo(f"{count_noun(count, 'row')} left out: they {reason}")
    lost = [f"{count:,} {what}" for what, count in summary.media.items() if what in (CHANGED, GONE)]
    if lost:
        typer.echo(f"media files of these rows: {', '.join(lost)}; such pairs are known by what the run stored.")
    typer.echo(f"written: {clean(summary.file)}{'' if summary.with_text else '  (digests of the texts alone)'}")
    if summary.records:
        from shlex import quote

        typer.echo(f"next:    mmcheck apply {quote(clean(summary.file))} MANIFEST --out DIR  (on any copy of the set)")
    else:
        typer.echo("nothing to mend: the file is valid, and empty.")
