"""``mmcheck explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.store.run_folder import RunFolder

_EXAMPLES = 3  # rows that a code's explanation names; our own choice: enough to see what it is about


def explain(
    what: Annotated[str, typer.Argument(metavar="RUN|CODE", help="Run folder, or a rule or finding's code.")],
    row: Annotated[
        str | None,
        typer.Argument(metavar="[ID|PATH|CODE]", help="Row of the run: id, media path or manifest:17; or a code."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON, with all evidence.")] = False,
) -> None:
    """Tell one row's whole story, or what a finding's code means. Needs no model and no media file.

    A row: as it was read, its media with their digests, every score beside the rest of the run and its limits, what was
    found, who decided, and by which versions and models. A path that several rows share tells all of them. A code: what
    it means, how it is found out, an example, what to do, which keys of the config change it.

    Examples:

    mmcheck explain runs/first img-00007

    mmcheck explain runs/first images/00007.jpg --json

    mmcheck explain runs/first metadata.jsonl:7

    mmcheck explain mismatched_caption

    mmcheck explain runs/first unreadable_media.missing        (with the run's own limits, and how many rows)
    """
    from mmcheck.codes.explain import explain_rule, is_code
    from mmcheck.core.errors import UserError
    from mmcheck.store.run_folder import RunFolder

    if row is None:
        if (Path(what) / "run.json").is_file():
            raise UserError(
                f"{what} is a run: name one of its rows, or a code.",
                hint=f"mmcheck explain {what} ID; `mmcheck worst {what}` lists some ids.",
            )
        if not is_code(what) and (Path(what).exists() or "/" in what):
            RunFolder(what)  # says why it is none
        _print_code(what, None, json)
        return
    run = RunFolder(what)
    from mmcheck.rows.find_sample import find_rows
    from mmcheck.rows.story import tell_rows

    try:
        indices = find_rows(run, row)
    except UserError:
        rules = run.config().rules
        if not is_code(row, rules):
            raise
        explain_rule(row, rules)
        _print_code(row, run, json)
        return
    stories = tell_rows(run, indices)
    if json:
        import json as json_module
        from dataclasses import asdict

        typer.echo(json_module.dumps([asdict(story) for story in stories], indent=2, ensure_ascii=False, default=str))
        return
    from mmcheck.cli.tables import clean
    from mmcheck.rows.story_text import story_lines

    for number, story in enumerate(stories):
        if number:
            typer.echo("\n" + "-" * 80 + "\n")
        for line in story_lines(story):
            typer.echo(clean(line))


def _print_code(name: str, run: RunFolder | None, as_json: bool) -> None:
    import json as json_module
    from dataclasses import asdict

    from mmcheck.cli.tables import clean
    from mmcheck.codes.explain import explain_rule
    from mmcheck.codes.render import render_text

    story = explain_rule(name, None if run is None else run.config().rules)
    count, examples = (0, []) if run is None else _rows_with(run, name)
    if as_json:
        told = {**asdict(story), **({} if run is None else {"rows": count, "examples": examples})}
        typer.echo(json_module.dumps(told, indent=2, ensure_ascii=False))
        return
    for line in render_text(story):
        typer.echo(clean(line))
    if run is not None:
        typer.echo(clean(f"\nin {run.path}: {count:,} of {run.record.rows:,} rows" + (", such as" if examples else "")))
        for one in examples:
            typer.echo(clean(f"  {one['id']}: {one['reason']}"))


def _rows_with(run: RunFolder, name: str) -> tuple[int, list[dict[str, str]]]:
    """Return how many rows have a finding of a rule or code, and the first of them."""
    from mmcheck.store.run_folder import read_part

    count = 0
    examples: list[dict[str, str]] = []
    for shard in run.shards():
        table = read_part(run.verdicts_part(shard), ["sample_id", "codes", "findings"])
        for number, codes in enumerate(table["codes"].to_pylist()):
            mine = [place for place, code in enumerate(codes or ()) if code == name or code.startswith(f"{name}.")]
            count += bool(mine)
            if mine and len(examples) < _EXAMPLES:
                finding = table["findings"][number].as_py()[mine[0]]
                examples.append({"id": table["sample_id"][number].as_py(), "reason": finding["message"] or ""})
    return count, examples
