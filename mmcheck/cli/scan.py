"""``mmcheck scan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcheck.scanning.scan import ScanPlan


def scan(
    manifests: Annotated[
        list[str], typer.Argument(help="Manifests: files, folders, globs, tar shards, URLs; - is standard input.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; an interrupted scan is continued.")],
    config: Annotated[
        str,
        typer.Option("--config", "-c", help="Preset (demo, default, fast, quality) or a YAML file that extends one."),
    ] = "default",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Change one key: section.key=value. Repeatable.")
    ] = None,
    probes: Annotated[
        str | None,
        typer.Option(
            help="Only these probes, comma-separated; media,caption_text,transcript_text need no model. "
            "none: judge by the manifest's own columns alone.",
        ),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Folder (or URL) that relative media paths start from; else that of the manifest.",
        ),
    ] = None,
    format: Annotated[str, typer.Option(help="Manifest format; see `mmcheck list`.")] = "auto",
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    engine: Annotated[str, typer.Option(help="Engine that runs the scan; see `mmcheck list`.")] = "local",
    limit: Annotated[int | None, typer.Option(min=0, help="Read only the first N samples.")] = None,
    write_media: Annotated[
        bool,
        typer.Option("--write-media", help="Write the media too: new tar shards, or folders ready to load."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run folder of another scan.")] = False,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Measure failed samples again, for example after repairing their files."),
    ] = False,
    reuse: Annotated[
        list[Path] | None,
        typer.Option("--reuse", help="Earlier run folder: what it measured is not measured again. Repeatable."),
    ] = None,
    embeddings: Annotated[
        list[str] | None,
        typer.Option(
            "--embeddings",
            metavar="PATH",
            help="Vectors that you have, in place of a model: a clip-retrieval folder, .npz, two .npy, .parquet. "
            "Repeatable.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be measured, without measuring it.")
    ] = False,
    print_config: Annotated[bool, typer.Option("--print-config", help="Print the resolved config and stop.")] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="NAME=LIMIT",
            help="Exit code 1 if more rows than this are unchecked, quarantine, flag, or found by a rule: "
            "unchecked=5%,quarantine=20%,empty_text=0. Everything is written anyway. Repeatable.",
        ),
    ] = None,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print estimates, all findings and rules that were not judged.")
    ] = False,
) -> None:
    """Measure and judge every pair of one or several manifests.

    Writes clean/, flagged/, quarantine/ and unchecked/ manifests in the input's format, verdicts with reasons,
    summary.json and report.html into the run folder. Source files are never changed.

    Examples:

    mmcheck scan data/metadata.jsonl --out runs/first

    zcat captions.jsonl.gz | mmcheck scan - --root images --out runs/piped

    mmcheck scan 'shards/{00000..00099}.tar' --out runs/tars --config fast --device cuda

    mmcheck scan manifest.jsonl --out runs/quick --probes media,caption_text,transcript_text

    mmcheck scan train.csv --out runs/strict --set rules.min_similarity.enabled=true --limit 1000

    mmcheck scan laion.parquet --out runs/scored --probes none --set rules.similar.metric=column.similarity \
        --set rules.similar.min=0.28

    mmcheck scan lists/train.jsonl --root /data/images --out runs/elsewhere

    mmcheck scan validated.tsv --set 'input.path=clips/{path}' --out runs/voices

    mmcheck scan grown.jsonl --out runs/second --reuse runs/first

    mmcheck scan metadata.parquet --embeddings metadata.npz --out runs/vectors --probes image_text,caption_text

    mmcheck scan pairs.csv --embeddings img.npy --embeddings txt.npy --out runs/pair --probes image_text,caption_text

    mmcheck scan nightly.jsonl --out runs/nightly --config mine.yaml --fail-on unchecked=5%,quarantine=20%

    mine.yaml holds only what differs from a preset ("extends: default"); `mmcheck config check mine.yaml` shows what.
    """
    from json import dumps as json_text

    from mmcheck.cli.finish import finish
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.config.resolve import resolve_config
    from mmcheck.decide.fail_on import parse_fail_on
    from mmcheck.scanning.scan import scan_run

    extra = [*(overrides or []), *(["output.write_media=true"] if write_media else [])]
    if root is not None:
        extra.append(f"input.root={root}")
    if embeddings:
        extra.append(f"input.embeddings.paths={json_text(embeddings)}")
    names = [name.strip() for name in probes.split(",") if name.strip()] if probes is not None else None
    forced = None if format == "auto" else format
    resolved = resolve_config(config, overrides=extra, probes=names, device=device, format=forced)
    limits = parse_fail_on(fail_on or (), resolved.rules)
    if print_config:
        typer.echo(resolved.to_yaml(), nl=False)
        return
    with TerminalProgress(quiet) as progress:
        plan = scan_run(
            manifests,
            out,
            resolved,
            limit=limit,
            engine=engine,
            overwrite=overwrite,
            retry_failed=retry_failed,
            reuse=reuse or (),
            dry_run=dry_run,
            progress=progress,
        )
    if dry_run:
        _print_plan(plan, json)
        return
    if reuse and not quiet:
        _tell_reused(plan)
    finish(out, report=report, as_json=json, quiet=quiet, verbose=verbose, fail_on=limits)


def _tell_reused(plan: ScanPlan) -> None:
    if plan.reused:
        counts = ", ".join(f"{name} {plan.reused.get(name, 0):,}" for name in plan.probes)
        typer.echo(f"of {plan.rows:,} rows reused from earlier runs: {counts}", err=True)
    else:
        typer.echo(
            "nothing was reused from earlier runs: no row has the same bytes and texts there, "
            "or they were measured with other options or weights.",
            err=True,
        )


def _print_plan(plan: ScanPlan, as_json: bool) -> None:
    import json as json_module
    from dataclasses import asdict

    from mmcheck.cli.tables import print_table

    if as_json:
        told = {**asdict(plan), "inputs": [entry.to_json() for entry in plan.inputs]}
        typer.echo(json_module.dumps(told, indent=2, ensure_ascii=False))
        return
    rows = [(entry.manifest, entry.format, entry.rows, entry.recognised) for entry in plan.inputs]
    print_table(f"{plan.rows} rows", ("manifest", "format", "rows", "recognised"), rows, numeric=(2,))
    print_table(
        "would be measured",
        ("probe", "samples", "note"),
        [
            *((name, count, _note(plan, name)) for name, count in plan.to_measure.items()),
            *((name, 0, f"left out: {why}") for name, why in plan.skipped.items()),
        ],
        numeric=(1,),
    )


def _note(plan: ScanPlan, name: str) -> str:
    if not plan.probes[name]:
        return "its weights are not on this machine yet"
    if not plan.to_measure[name]:
        return "stored already"
    known = plan.reusable.get(name, 0)
    return f"fewer, because {known:,} samples of earlier runs have the same bytes and texts" if known else ""
