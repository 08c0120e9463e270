"""Tables for people on stdout. Text from manifests is printed as text: no markup, no terminal escapes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmcheck.store.run_summary import RunSummary


def clean(text: str) -> str:
    """Return ``text`` without control characters, so that a manifest cannot drive the terminal."""
    return "".join(c if c.isprintable() else " " for c in text.encode("utf-8", "replace").decode())


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], numeric: Sequence[int] = ()
) -> None:
    """Print a table; ``numeric`` names the columns that are right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for number, name in enumerate(columns):
        right = number in numeric
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else 110
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def print_summary(summary: RunSummary, path: str) -> None:
    """Print the counts of a run, its findings and where the files lie."""
    from mmcheck.config import tell_differences
    from mmcheck.decide.compared_pairs import advise, tell_limits

    rows = summary["rows_read"]
    for note in summary.get("notes", ()):
        sys.stdout.write(f"{clean(note)}\n")
    counts = (
        ("keep", summary["keep"]),
        ("flag", summary["flag"]),
        ("quarantine", summary["quarantine"]),
        ("unchecked", summary["unchecked"]),
    )
    shares = [(name, count, _share(count, rows)) for name, count in counts]
    print_table(f"{rows} rows read", ("action", "rows", "share"), shares, numeric=(1, 2))
    if summary["findings"]:
        found = [(code, count, _share(count, rows)) for code, count in summary["findings"].items()]
        print_table("findings", ("code", "rows", "share"), found, numeric=(1, 2))
    if summary.get("inactive_rules"):
        names = ", ".join(summary["inactive_rules"])
        sys.stdout.write(f"not judged (their probe did not run): {names}\n")
    if differs := tell_differences(summary["config"]) if "config" in summary else "":
        sys.stdout.write(f"{clean(differs)}\n")
    for name, note in (
        ("clean", tell_limits(summary) or "train on this"),
        ("flagged", "look at these"),
        ("quarantine", "with the reasons in mmcheck_* columns"),
        ("unchecked", "could not be measured or judged"),
        ("report.html", "open in a browser"),
    ):
        from pathlib import Path

        if name == "clean" and not summary["keep"]:
            note = "empty: no row is kept"
        if (Path(path) / name).exists():
            sys.stdout.write(f"{name + ':':<13}{path}/{name}  ({note})\n")
    if advice := advise(summary, path):
        limits = "".join(f"  ({clean(limit)})\n" for limit in advice.limits)
        sys.stdout.write(f"{clean(advice.sentence)}\n  {clean(advice.command)}\n{limits}")


def _share(count: int, rows: int) -> str:
    return f"{100 * count / rows:.1f}%" if rows else "-"
