"""The end of a scan on the terminal: the four counts, the problems that matter most, where the files lie, what next.

What a person does not need for that decision stands behind ``--verbose`` and in the report: estimates, the table of all
findings, rules that had nothing to look at.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmcheck.cli.tables import clean, print_table

if TYPE_CHECKING:
    from mmcheck.config import Config
    from mmcheck.store.run_summary import Problem, RunSummary

_TEXT = 88  # characters of an example's text on the screen; our own choice: one line
_PLAIN_CAUSES = ("below_min", "above_max")
_DONE = {"flag": "flagged", "quarantine": "quarantined", "unchecked": "unchecked"}


def print_summary(summary: RunSummary, config: Config, path: str, *, verbose: bool = False) -> None:
    """Print how a run ended.

    Args:
        summary: The content of summary.json.
        config: The config that it was judged with.
        path: The run folder, as the user names it.
        verbose: Whether estimates, all findings and inactive rules are printed too.
    """
    from mmcheck.config import tell_differences

    warnings = list(summary.get("warnings", ()))
    caveats = [part["note"] for part in summary.get("pairs", {}).values() if "note" in part]
    for note in summary["notes"] if verbose else [*warnings, *caveats]:
        _say(clean(note))
    _print_counts(summary)
    if not verbose and "review" in summary:
        for sentence in summary["review"]["sentences"]:
            _say(clean(sentence))
    if verbose:
        _print_findings(summary)
    _print_problems(summary, config, path, verbose=verbose)
    if inactive := summary.get("inactive_rules"):
        names = ", ".join(inactive) if verbose else f"{len(inactive)} rule{'s' if len(inactive) > 1 else ''}"
        _say(f"not judged, because their probe did not run: {names}")
    if differs := tell_differences(summary["config"]) if "config" in summary else "":
        _say(clean(differs))
    _print_places(summary, path)
    _print_next(summary, path)


def _print_counts(summary: RunSummary) -> None:
    rows = summary["rows_read"]
    counts = (
        ("keep", summary["keep"]),
        ("flag", summary["flag"]),
        ("quarantine", summary["quarantine"]),
        ("unchecked", summary["unchecked"]),
    )
    shares = [(name, count, _share(count, rows)) for name, count in counts]
    print_table(f"{rows} rows read", ("action", "rows", "share"), shares, numeric=(1, 2))


def _print_findings(summary: RunSummary) -> None:
    rows = summary["rows_read"]
    found = [(code, count, _share(count, rows)) for code, count in summary["findings"].items()]
    if found:
        print_table("findings", ("code", "rows", "share"), found, numeric=(1, 2))


def _print_problems(summary: RunSummary, config: Config, path: str, *, verbose: bool) -> None:
    from mmcheck.config import REVIEW_RULE

    problems = summary.get("problems", [])
    if not problems:
        return
    _say("the problem that matters most:" if len(problems) == 1 else "the problems that matter most:")
    for number, problem in enumerate(problems, 1):
        _print_problem(number, problem, config)
    told = {REVIEW_RULE, *(problem["rule"] for problem in problems)}
    others = {code.partition(".")[0] for code in summary["findings"]} - told
    if others and not verbose:
        _say(f"\n{len(others)} more kind{'s' if len(others) > 1 else ''} of findings: --verbose lists them.")
    _say("")


def _print_problem(number: int, problem: Problem, config: Config) -> None:
    from mmcheck.codes.explain import tell_title

    example = problem["example"]
    rows = problem["rows"]
    count = f"{rows:,} row{'s' if rows != 1 else ''} {_DONE.get(problem['action'], problem['action'])}"
    title = clean(tell_title(problem["rule"], config.rules.get(problem["rule"])))
    _say(f"\n{number}. {title}: {count} ({_codes(problem)})")
    if example["text"] is not None:
        _say(f"   text:    {short(example['text'])}")
    _say(f"   reason:  {clean(example['reason'])}")
    where = f"{Path(example['manifest']).name}:{example['row_number']}"
    _say(f"   file:    {near(example['path'])}  ({clean(where)})" if example["path"] else f"   row:     {clean(where)}")


def _codes(problem: Problem) -> str:
    """Return the code, or the rule and its causes with their rows where there are several."""
    causes = [(code.partition(".")[2], count) for code, count in problem["codes"].items()]
    if len(causes) > 1:
        return f"{problem['rule']}: " + ", ".join(f"{cause} {count:,}" for cause, count in causes)
    return problem["rule"] if causes[0][0] in _PLAIN_CAUSES else next(iter(problem["codes"]))


def _print_places(summary: RunSummary, path: str) -> None:
    from mmcheck.decide.compared_pairs import tell_limits

    for name, note in (
        ("clean", tell_limits(summary) or "train on this"),
        ("flagged", "look at these"),
        ("quarantine", "with the reasons in mmcheck_* columns"),
        ("unchecked", "could not be measured or judged"),
        ("report.html", "open in a browser"),
    ):
        if name == "clean" and not summary["keep"]:
            note = "empty: no row is kept"
        if (Path(path) / name).exists():
            _say(f"{name + ':':<13}{path}/{name}  ({note})")


def _print_next(summary: RunSummary, path: str) -> None:
    from mmcheck.decide.compared_pairs import advise
    from mmcheck.decide.next_step import next_step

    if advice := advise(summary, path):
        limits = "".join(f"\n  ({clean(limit)})" for limit in advice.limits)
        _say(f"{clean(advice.sentence)}\n  {clean(advice.command)}{limits}")
    elif step := next_step(summary, path):
        _say(f"{'next:':<13}{clean(step.command)}  ({step.why})")


def near(path: str) -> str:
    """Return a path as it is named from here, where it lies below the working folder."""
    here = f"{Path.cwd()}/"
    return clean(path.removeprefix(here))


def short(text: str, limit: int = _TEXT) -> str:
    """Return a text as one line of at most ``limit`` characters, safe to print."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _share(count: int, rows: int) -> str:
    return f"{100 * count / rows:.1f}%" if rows else "-"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
