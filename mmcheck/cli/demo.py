"""``mmcheck demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder.")] = Path("mmcheck-demo"),
    data: Annotated[
        Path | None,
        typer.Option(help="Another folder made by scripts/make_demo_data.py; default: the bundled one."),
    ] = None,
    config: Annotated[str, typer.Option("--config", "-c", help="Preset or YAML file.")] = "demo",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="Change one key: section.key=value.")] = None,
    where: Annotated[bool, typer.Option("--where", help="Print the folder of the dataset and stop.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run folder of another scan.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print summary and scores as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print estimates, all findings and rules that were not judged.")
    ] = False,
) -> None:
    """Scan the bundled dataset with planted faults and print how many of each were caught. Needs no network, no GPU.

    Examples:

    mmcheck demo

    mmcheck demo --data fresh --out runs/fresh

    mmcheck scan "$(mmcheck demo --where)/image-caption" --config demo --limit 40 --out first40
    """
    import json as json_module

    from mmcheck.api import scan
    from mmcheck.cli.demo_scores import CLEAN, demo_manifests, read_truth, score_run, scores_to_json
    from mmcheck.cli.finish import finish
    from mmcheck.cli.progress import TerminalProgress
    from mmcheck.cli.tables import print_table
    from mmcheck.config import bundled_dir

    folder = bundled_dir("demo_data") if data is None else data
    if where:
        typer.echo(str(folder))
        return
    truth = read_truth(folder)
    with TerminalProgress(quiet) as progress:
        run = scan(
            demo_manifests(folder), out, config, overrides=overrides or [], overwrite=overwrite, progress=progress
        )
    scores = score_run(run, truth)
    if json:
        value = {"summary": run.summary, "scores": scores_to_json(scores)}
        typer.echo(json_module.dumps(value, indent=2, ensure_ascii=False))
        return
    finish(out, report=True, as_json=False, quiet=quiet, verbose=verbose)
    print_table(
        "planted faults and how they were judged",
        ("", "fault", "pairs", "quarantined", "flagged", "unchecked", "not kept"),
        [
            (
                s.modality,
                s.fault,
                s.planted,
                s.quarantined,
                s.flagged,
                s.unchecked,
                f"{100 * s.taken / s.planted:.1f}%",
            )
            for s in scores
        ],
        numeric=(2, 3, 4, 5, 6),
    )
    clean = [score for score in scores if score.fault == CLEAN]
    planted = [score for score in scores if score.fault != CLEAN]
    typer.echo(
        f"planted faults caught: {sum(s.taken for s in planted)} of {sum(s.planted for s in planted)}; "
        f"clean pairs not kept: {sum(s.taken for s in clean)} of {sum(s.planted for s in clean)}"
    )
