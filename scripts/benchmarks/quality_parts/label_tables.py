"""Tables of the near-duplicate and consistency parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scripts.benchmarks.quality_parts.contradictions import BREADTH, Flagged
from scripts.benchmarks.quality_parts.figures import Counts, mean, total
from scripts.benchmarks.quality_parts.near_duplicates import JoinOutcome, VerdictOutcome
from scripts.benchmarks.quality_parts.tables import Target, number, percent, table, target_table

NO_SPEECH = "Recordings were not measured: espeak-ng, which speaks the clips, is not installed."
_MEDIA = {
    "Pictures": ("pictures", "pictures, no model"),
    "Recordings": ("recordings",),
    "Texts": ("captions", "long texts"),
}
_TITLES = {
    "pictures": "with the model",
    "pictures, no model": "without it",
    "recordings": "recordings",
    "captions": "captions",
    "long texts": "six captions long",
}
_PRECISION, _RECALL, _CLEAN = 0.9, 0.93, 0.005


def write_duplicates(joins: Sequence[JoinOutcome], verdicts: Sequence[VerdictOutcome]) -> str:
    """Return the markdown of the near-duplicate part."""
    blocks = ["### All media", table(_SUMMARY, [_summary(name, rows) for name, rows in _by_medium(joins)])]
    for title, media in _MEDIA.items():
        some = [row for row in joins if row.medium in media]
        if not some:
            blocks += [f"### {title}", NO_SPEECH]
            continue
        heads = [_TITLES[name] for name in media]
        found = _kinds(some, media, lambda row: row.found, lambda counts: number(counts.recall))
        joined = _kinds(some, media, lambda row: row.look_alikes, lambda counts: percent(counts.false_rate))
        blocks += [
            f"### {title}",
            "Copies that stand in one group with their original:",
            table(["copy", "copies", *heads], found),
            "Rows that stand in one group with something else:",
            table(["row", "rows", *heads], joined),
        ]
    return "\n\n".join([*blocks, "### Alignment verdicts among near-duplicates", *_verdicts(verdicts)])


_SUMMARY = [
    "",
    "copies",
    "recall",
    "precision of joined pairs",
    "with look-alikes",
    "clean rows flagged",
]


def _by_medium(joins: Sequence[JoinOutcome]) -> list[tuple[str, list[JoinOutcome]]]:
    names = dict.fromkeys(row.medium for row in joins)
    return [(name, [row for row in joins if row.medium == name]) for name in names]


def _summary(name: str, rows: Sequence[JoinOutcome]) -> list[str]:
    found = total(counts for row in rows for counts in row.found.values())
    clean = max((total(row.clean[code] for row in rows).false_rate for code in rows[0].clean), default=float("nan"))
    return [
        name,
        f"{found.hits + found.misses:,}",
        number(found.recall),
        number(total(row.usual_pairs for row in rows).precision),
        number(total(row.pairs for row in rows).precision),
        percent(clean),
    ]


def _kinds(
    rows: Sequence[JoinOutcome],
    media: Sequence[str],
    part: Callable[[JoinOutcome], dict[str, Counts]],
    show: Callable[[Counts], str],
) -> list[list[str]]:
    lines = []
    for kind in dict.fromkeys(kind for row in rows for kind in part(row)):
        sums = [total(part(row)[kind] for row in rows if row.medium == name and kind in part(row)) for name in media]
        size = sums[0].hits + sums[0].misses + sums[0].sound
        lines.append([kind, f"{size:,}", *map(show, sums)])
    return lines


def _verdicts(verdicts: Sequence[VerdictOutcome]) -> list[str]:
    cells: dict[tuple[str, str, float], list[VerdictOutcome]] = {}
    for row in verdicts:
        cells.setdefault((row.model, row.style, row.near), []).append(row)
    lines = []
    for (model, style, near), rows in cells.items():
        counts = total(row.counts for row in rows)
        figures = [number(mean([row.auc for row in rows])), number(counts.precision), number(counts.recall)]
        clean = total(row.clean for row in rows).false_rate
        lines.append([f"{100 * near:.0f} % near-duplicates", f"{model}, {style}", *figures, percent(clean)])
    bundled = {
        f"{100 * near:.0f} % near, {style}": rows for (model, style, near), rows in cells.items() if model == "bundled"
    }
    sums = {where: total(row.counts for row in rows) for where, rows in bundled.items()}
    false = {where: total(row.clean for row in rows).false_rate for where, rows in bundled.items()}
    targets = [
        _target("10 % shuffled: precision", {where: one.precision for where, one in sums.items()}, _PRECISION),
        _target("10 % shuffled: recall", {where: one.recall for where, one in sums.items()}, _RECALL),
        _target("clean set: rows quarantined", false, _CLEAN, at_least=False),
    ]
    head = ["", "model, captions", "ROC-AUC", "precision", "recall", "clean set quarantined"]
    return [target_table(targets), table(head, lines)]


def _target(promise: str, cells: dict[str, float], limit: float, *, at_least: bool = True) -> Target:
    where = (min if at_least else max)(cells, key=lambda name: cells[name])
    return Target(
        promise=f"{promise} (bundled model)",
        mean=mean(list(cells.values())),
        worst=cells[where],
        where=where,
        limit=limit,
        at_least=at_least,
        as_percent=not at_least,
    )


def write_consistency(outcomes: Sequence[Flagged], *, with_speech: bool) -> str:
    """Return the markdown of the consistency part."""
    blocks = []
    codes = dict.fromkeys(row.code for row in outcomes)
    lines = []
    for code in codes:
        rows = [row for row in outcomes if row.code == code]
        counts = total(row.counts for row in rows)
        clean = total(row.clean for row in rows)
        name = f"`{code}`" + (" (off by default)" if code == BREADTH else "")
        size = f"{counts.hits + counts.misses:,}"
        figures = [number(counts.precision), number(counts.recall), percent(clean.false_rate)]
        lines.append([name, size, *figures])
    head = ["code", "planted rows", "precision", "recall", "clean set flagged"]
    blocks += ["### All codes", table(head, lines)]
    for code in codes:
        rows = [row for row in outcomes if row.code == code]
        blocks += [f"### `{code}`", _by_kind(rows, with_areas=code == BREADTH)]
    return "\n\n".join(blocks if with_speech else [*blocks, NO_SPEECH])


def _by_kind(rows: Sequence[Flagged], *, with_areas: bool) -> str:
    lines = []
    for kind in dict.fromkeys(kind for row in rows for kind in row.kinds):
        counts = total(row.kinds[kind] for row in rows if kind in row.kinds)
        is_fault = counts.sound == 0
        share = counts.recall if is_fault else counts.false_rate
        line = [
            kind,
            "found" if is_fault else "sound",
            f"{counts.hits + counts.misses + counts.sound:,}",
            percent(share),
        ]
        if with_areas:
            line += [
                number(mean([areas[kind] for areas in found if kind in areas])) if is_fault else "-"
                for found in ([row.areas for row in rows], [row.vague_areas for row in rows])
            ]
        lines.append(line)
    head = ["row", "should be", "rows", "flagged"]
    return table([*head, *(("AUC by breadth", "AUC by `caption.vagueness`") if with_areas else ())], lines)
