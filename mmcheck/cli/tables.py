"""Tables for people on stdout. Text from manifests is printed as text: no markup, no terminal escapes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


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
