"""Markdown tables of the measured figures, and their place in docs/quality.md between generated markers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcheck.core.atomic import write_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One promise and what was measured."""

    promise: str
    """What is wanted, in words."""
    mean: float
    """Mean over the cells of the tables below."""
    worst: float
    """The worst cell."""
    where: str
    """Which cell that is."""
    limit: float
    """What is wanted, as a number."""
    at_least: bool = True
    """Whether the limit is a lower one."""
    as_percent: bool = False
    """Whether figures are shares to be shown in percent."""

    @property
    def verdict(self) -> str:
        """Say whether the mean and the worst cell keep the promise."""
        if not math.isfinite(self.mean):
            return "not measured"
        if self._keeps(self.worst):
            return "met"
        return "met on the mean, missed there" if self._keeps(self.mean) else "missed"

    def _keeps(self, value: float) -> bool:
        # Counts are small and figures are shown to three digits: equality must not hang on the last bit.
        return value >= self.limit - 1e-9 if self.at_least else value <= self.limit + 1e-9


def target_table(targets: Sequence[Target]) -> str:
    """Return the table of promises."""
    rows = []
    for target in targets:
        show = percent if target.as_percent else number
        sign = ">=" if target.at_least else "<="
        limit = f"{sign} {show(target.limit)}"
        where = f"{show(target.worst)} ({target.where})" if math.isfinite(target.worst) else "-"
        rows.append([target.promise, limit, show(target.mean), where, target.verdict])
    return table(["target", "wanted", "mean of the cells", "worst cell", ""], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table; all columns but the first are right-aligned.

    Raises:
        ValueError: A row has more or fewer cells than the head.
    """
    rows = list(rows)
    if odd := [row for row in rows if len(row) != len(head)]:
        raise ValueError(f"a row of the table has {len(odd[0])} cells, wanted {len(head)}: {odd[0]}")
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join([" --- ", *[" ---: "] * (len(head) - 1)]) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def number(value: float) -> str:
    """Return a figure between 0 and 1 as `.xxx` (`1`, `-` for none)."""
    if not math.isfinite(value):
        return "-"
    text = f"{value:.3f}"
    if text == "1.000":
        return "1.000" if value >= 1 else "0.999+"
    return text


def percent(value: float) -> str:
    """Return a share as a percentage with two digits; `-` for none."""
    return "-" if not math.isfinite(value) else f"{100 * value:.2f} %"


def points(value: float) -> str:
    """Return a difference of shares in percentage points; `-` for none."""
    return "-" if not math.isfinite(value) else f"{100 * value:+.1f}"


def pair(one: float, two: float) -> str:
    """Return two figures as `one / two`."""
    return f"{number(one)} / {number(two)}"


def put_block(document: str, name: str, block: str) -> str:
    """Return the document with the text between the markers of `name` replaced; appended where there are none."""
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    whole = f"{begin}\n\n{block.strip()}\n\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(document):
        return pattern.sub(lambda _: whole, document)
    return f"{document.rstrip()}\n\n{whole}\n"


def update_document(path: Path, blocks: dict[str, str]) -> None:
    """Replace the named blocks of a markdown file."""
    document = path.read_text("utf-8") if path.exists() else "# Detection quality\n"
    for name, block in blocks.items():
        document = put_block(document, name, block)
    write_text(path, document)
