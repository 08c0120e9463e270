"""``mmcheck apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.errata.summary import ApplySummary

_SHOWN = 5  # conflicts on the screen; our own choice: --report has them all
_TEXT = 60  # characters of a text on the screen; our own choice: one line


def apply(
    errata: Annotated[str, typer.Argument(help="File of errata (`mmcheck patch`), or its URL.")],
    manifests: Annotated[list[str], typer.Argument(help="Manifests to mend: files, folders, globs, tar shards, URLs.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="New or empty folder for the mended manifests.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write no manifest.")] = False,
    match: Annotated[
        str,
        typer.Option(
            help="What makes a medium the same. bytes: its file's; content: its decoded sound too (FLAC and WAV); "
            "looks: pictures that look alike too (saved again, resized)."
        ),
    ] = "content",
    all_media: Annotated[
        bool,
        typer.Option("--all-media", help="Hash every medium, not only those whose text or name the errata know."),
    ] = False,
    max_conflicts: Annotated[
        int, typer.Option(min=0, metavar="N", help="Errata that may want a look before the exit code is 1.")
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what became of each erratum, one JSON line each.")
    ] = None,
    paths: Annotated[
        str | None, typer.Option(metavar="HOW", help="Media paths: absolute (default), relative or keep.")
    ] = None,
    write_media: Annotated[
        bool, typer.Option("--write-media", help="Write the media too: new tar shards, or folders ready to load.")
    ] = False,
    root: Annotated[
        str | None,
        typer.Option("--root", metavar="DIR", help="Folder (or URL) that relative media paths start from."),
    ] = None,
    format: Annotated[str, typer.Option(help="Manifest format; see `mmcheck list`.")] = "auto",
    config: Annotated[
        str, typer.Option("--config", "-c", help="Preset or YAML file; its input section says how to read.")
    ] = "default",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Change one key: section.key=value. Repeatable.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Mend your copy of a set by errata: wrong pairs are removed, wrong texts replaced. Sources are never changed.

    Works on any manifest that mmcheck reads, in any order and folder, and writes it in its own layout. A pair is known
    again by the bytes of its medium and its text; where one of them differs, nothing is done, and it is listed. Rows
    without errata stay as they are. Applying errata twice changes nothing more.

    Exit code: 0 done, 1 if errata want a look (the text or the medium differs), 2 if the input is wrong.

    Examples:

    mmcheck apply errata.jsonl data/metadata.jsonl --dry-run

    mmcheck apply errata.jsonl data/metadata.jsonl --out mended

    mmcheck apply errata.jsonl 'shards/{00000..00099}.tar' --out mended --write-media

    mmcheck apply errata.jsonl train.tsv --root /data/clips --out mended --report outcome.jsonl
    """
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.config.resolve import resolve_config
    from mmcheck.core.errors import EXIT_VERDICT, UserError
    from mmcheck.errata.apply import ApplyOptions, apply_errata, parse_match, parse_paths

    if (out is None) is not dry_run:
        told = "--out and --dry-run exclude each other" if dry_run else "neither --out nor --dry-run is given"
        raise UserError(f"{told}.", hint="--out DIR writes the mended manifests; --dry-run says what would be done.")
    extra = [*(overrides or []), *([f"input.root={root}"] if root is not None else [])]
    resolved = resolve_config(config, overrides=extra, format=None if format == "auto" else format)
    wanted = ApplyOptions(
        match=parse_match(match), every_medium=all_media, paths=parse_paths(paths), write_media=write_media
    )
    with TerminalProgress(quiet) as progress:
        summary = apply_errata(errata, manifests, out, resolved, wanted, report=report, progress=progress)
    if json:
        import json as writer

        typer.echo(writer.dumps(summary.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(summary, report)
    if summary.num_conflicts > max_conflicts:
        raise typer.Exit(EXIT_VERDICT)


def _print(summary: ApplySummary, report: Path | None) -> None:
    from mmcheck.cli.summary import short
    from mmcheck.cli.tables import clean, print_table
    from mmcheck.core.sentences import count_noun
    from mmcheck.errata.status import MEANINGS

    if summary.about:
        typer.echo(f"errata of {clean(summary.about)}")
    rows = [
        (status.value.replace("_", " "), count, meaning)
        for status, meaning in MEANINGS.items()
        if (count := summary.outcomes[status.value])
    ]
    if rows:
        title = count_noun(summary.records, "erratum", "errata")
        print_table(title, ("outcome", "how many", "what that means"), rows, numeric=(1,))
    done = "would be" if not summary.folder else "were" if summary.rows_removed != 1 else "was"
    typer.echo(
        f"of {count_noun(summary.rows_read, 'row')}, {summary.rows_removed:,} {done} removed and "
        f"{summary.rows_changed:,} given another text"
    )
    for one in summary.conflicts[:_SHOWN]:
        where = f"{clean(Path(one.manifest).name)}:{one.row_number}" if one.manifest else ""
        typer.echo(
            f"line {one.line}: {clean(one.why)}" + (f"  ({where}: {short(one.text or '', _TEXT)})" if where else "")
        )
    if summary.num_conflicts > _SHOWN:
        typer.echo(f"... and {summary.num_conflicts - _SHOWN:,} more that want a look (--report FILE lists all)")
    for manifest in summary.manifests:
        for file in manifest.files[:1]:
            more = f"  (and {len(manifest.files) - 1:,} more files)" if len(manifest.files) > 1 else ""
            typer.echo(f"written: {clean(file)}{more}")
    for note in summary.notes:
        typer.echo(clean(note))
    if report is not None:
        typer.echo(f"report:  {clean(str(report))}")
