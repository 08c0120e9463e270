"""What to do after a scan: one command, chosen by what was found."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from mmcheck.decide.compared_pairs import advise
from mmcheck.store.run_summary import RunSummary

_MISALIGNED = "unjudged.misaligned_throughout"
_FAILED = "unmeasured.probe_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The command that makes most sense now."""

    command: str
    """The command in full, or what to train on."""
    why: str
    """What it does, in a few words."""


def next_step(summary: RunSummary, folder: str) -> NextStep | None:
    """Return the command that makes most sense after a run, or None if it read no rows.

    Args:
        summary: The content of summary.json.
        folder: The run folder.
    """
    if not summary["rows_read"]:
        return None
    run = shlex.quote(folder)
    if _MISALIGNED in summary["findings"]:
        return NextStep(command=f"mmcheck repair {run}", why="proposes which text belongs to which medium")
    if advice := advise(summary, folder):
        return NextStep(command=advice.command, why="judges by raw limits, without measuring again")
    first = next(iter(summary.get("problems", ())), None)
    if first is not None and _FAILED in first["codes"]:
        return NextStep(
            command="the same `mmcheck scan` command with --retry-failed",
            why="measures what failed again, once its cause is mended",
        )
    if summary["keep"] < summary["rows_read"]:
        return NextStep(command=f"mmcheck worst {run}", why="the worst pairs, with their reasons")
    # Who left out every probe judges by columns, and knows it.
    if summary.get("status") == "not_compared" and summary.get("probes") != {}:
        return NextStep(
            command="the same `mmcheck scan` command with the probes of a model (without --probes)",
            why="compares each pair; until then only files, texts and columns are checked",
        )
    return NextStep(command=f"train on {run}/clean", why="all rows are in it")
