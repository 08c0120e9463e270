"""Tables of the real CLIP vectors."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.quality_parts.figures import Counts, mean, total
from scripts.benchmarks.quality_parts.tables import number, percent, points, table
from scripts.benchmarks.real_parts.intervals import wilson
from scripts.benchmarks.real_parts.vectors import PRODUCT, VectorOutcome

_HOW = """Vectors of OpenAI's ViT-B/32, made by others. A shuffle passes the texts of some rows on in a ring; the
analysis `alignment` with the `default` preset's options and the rules on its values judge. Counts are added up over the
sets of one kind; intervals are Wilson's of 95 %. *Oracle* marks a cut chosen with the truth in hand."""


def write_vectors(outcomes: Sequence[VectorOutcome]) -> str:
    """Return the markdown of all mixes."""
    blocks = [_HOW, "### mmcheck on every mix", _product_table(outcomes)]
    blocks += ["### Beside other ways", _method_table(outcomes)]
    return "\n\n".join(blocks)


def _cells(outcomes: Sequence[VectorOutcome], method: str) -> dict[str, list[VectorOutcome]]:
    found: dict[str, list[VectorOutcome]] = {}
    for outcome in outcomes:
        if outcome.method == method:
            found.setdefault(outcome.mix, []).append(outcome)
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def _order(title: str) -> tuple[str, float]:
    digits = [part for part in title.replace(" %", "%").split() if part.endswith("%")]
    return title.split(",")[0] + ("~" if "captions" in title else ""), float(digits[0][:-1]) if digits else -1.0


def _with_interval(hits: int, count: int) -> str:
    if not count:
        return "-"
    low, high = wilson(hits, count)
    return f"{number(hits / count)} ({number(low)} to {number(high)})"


def _precision(counts: Counts) -> str:
    return _with_interval(counts.hits, counts.hits + counts.false_alarms)


def _recall(counts: Counts) -> str:
    return _with_interval(counts.hits, counts.hits + counts.misses)


def _product_table(outcomes: Sequence[VectorOutcome]) -> str:
    lines = []
    for mix, rows in _cells(outcomes, PRODUCT).items():
        counts = total(row.counts for row in rows)
        unvouched = total(row.unvouched for row in rows if row.unvouched is not None)
        off = [row.share - row.planted for row in rows if row.share is not None]
        told = [row.share for row in rows if row.share is not None]
        held = [row.holds for row in rows if row.holds is not None]
        lines.append(
            [
                mix,
                str(rows[0].rows),
                str(len(rows)),
                _precision(counts),
                _recall(counts),
                percent(counts.false_rate),
                f"{number(unvouched.recall)} / {percent(unvouched.false_rate)}",
                percent(mean([row.planted for row in rows])),
                percent(mean(told)) if told else "-",
                points(max(off, key=abs)) if off else "-",
                f"{sum(held)} of {len(held)}" if held else "-",
            ]
        )
    head = [
        "",
        "rows",
        "sets",
        "precision",
        "recall",
        "clean rows quarantined",
        "quarantined or unchecked: faulty / clean",
    ]
    return table([*head, "planted", "estimated, mean", "off, worst", "interval holds it"], lines)


def _method_table(outcomes: Sequence[VectorOutcome]) -> str:
    methods = list(dict.fromkeys(outcome.method for outcome in outcomes))
    lines = []
    for mix in _cells(outcomes, PRODUCT):
        for method in methods:
            rows = [row for row in outcomes if row.mix == mix and row.method == method]
            if not rows:
                continue
            counts = total(row.counts for row in rows)
            lines.append(
                [
                    mix,
                    method,
                    number(mean([row.auc for row in rows])),
                    number(counts.precision),
                    number(counts.recall),
                    percent(counts.false_rate),
                ]
            )
    return table(["", "", "ROC-AUC", "precision", "recall", "clean rows quarantined"], lines)
