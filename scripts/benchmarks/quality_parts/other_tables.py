"""Tables of the caption, repair and audio parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from scripts.benchmarks.quality_parts.audio import (
    COMBINED,
    FAULT_SHARES,
    ONE_WORD,
    RATES,
    SURPRISE,
    VERIFIED,
    Areas,
    SpeechSet,
)
from scripts.benchmarks.quality_parts.clips import ALIGNED
from scripts.benchmarks.quality_parts.figures import mean, total, worst
from scripts.benchmarks.quality_parts.images import PRODUCT
from scripts.benchmarks.quality_parts.moves import MoveOutcome
from scripts.benchmarks.quality_parts.tables import Target, number, percent, table, target_table
from scripts.benchmarks.quality_parts.vague import VagueOutcome

_AUC_LIMIT = 0.98
_FLAG_LIMIT = 0.9
_POOLED_LIMIT = 0.96
_ONE_WORD_LIMIT = 0.8
_REPAIR_LIMIT = 0.97
_ROWS_LIMIT = 3.0


def write_vague(outcomes: Sequence[VagueOutcome]) -> str:
    """Return the markdown of the caption part."""
    blocks = []
    product = [outcome for outcome in outcomes if outcome.method == PRODUCT]
    bundled = [outcome for outcome in product if outcome.model == "bundled"]
    if bundled:
        blocks += ["### Targets (bundled model)", target_table(_vague_targets(bundled))]
    if not product:
        blocks.append("The analysis `caption` is not part of this version; only the other ways were measured.")
    lines = []
    for (model, style, size, method), rows in _grouped(outcomes):
        counts = total(row.counts for row in rows)
        lines.append(
            [
                f"{method}",
                f"{model}, {style}, {size:,}",
                number(mean([row.against_specific for row in rows])),
                number(mean([row.against_misaligned for row in rows])),
                number(counts.precision),
                number(counts.recall),
                percent(mean([row.flagged_wrong for row in rows])) if counts.sound else "-",
            ]
        )
    head = ["", "model, captions, rows", "AUC against specific", "AUC against misaligned", "flag: precision", "recall"]
    blocks += ["### All", table([*head, "misaligned flagged as vague"], lines)]
    return "\n\n".join(blocks)


def _grouped(outcomes: Sequence[VagueOutcome]) -> list[tuple[tuple[str, str, int, str], list[VagueOutcome]]]:
    def key(outcome: VagueOutcome) -> tuple[str, str, int, str]:
        return outcome.model, outcome.style, outcome.size, outcome.method

    methods = list(dict.fromkeys(outcome.method for outcome in outcomes))
    ordered = sorted(outcomes, key=lambda outcome: (*key(outcome)[:3], methods.index(outcome.method)))
    return [(name, list(rows)) for name, rows in groupby(ordered, key)]


def _vague_targets(product: Sequence[VagueOutcome]) -> list[Target]:
    cells = {(style, size): rows for (_, style, size, _), rows in _grouped(product)}
    figures = {
        "vague against specific captions: ROC-AUC": (
            {cell: mean([row.against_specific for row in rows]) for cell, rows in cells.items()},
            _AUC_LIMIT,
        ),
        "vague against misaligned captions: ROC-AUC": (
            {cell: mean([row.against_misaligned for row in rows]) for cell, rows in cells.items()},
            _AUC_LIMIT,
        ),
        "flag on vague captions: precision": (
            {cell: total(row.counts for row in rows).precision for cell, rows in cells.items()},
            _FLAG_LIMIT,
        ),
        "flag on vague captions: recall": (
            {cell: total(row.counts for row in rows).recall for cell, rows in cells.items()},
            _FLAG_LIMIT,
        ),
    }
    return [
        _target(name, {f"{size:,} rows, {style}": value for (style, size), value in found.items()}, limit)
        for name, (found, limit) in figures.items()
    ]


def _target(
    promise: str, found: dict[str, float], limit: float, *, at_least: bool = True, as_percent: bool = False
) -> Target:
    known = {where: value for where, value in found.items() if value == value}
    if not known:
        nan = float("nan")
        return Target(promise=promise, mean=nan, worst=nan, where="-", limit=limit, at_least=at_least)
    place = (min if at_least else max)(known, key=lambda where: known[where])
    return Target(
        promise=promise,
        mean=mean(list(known.values())),
        worst=known[place],
        where=place,
        limit=limit,
        at_least=at_least,
        as_percent=as_percent,
    )


def write_moves(outcomes: Sequence[MoveOutcome]) -> str:
    """Return the markdown of the repair part."""
    bundled = [outcome for outcome in outcomes if outcome.model == "bundled"]
    cells: dict[str, list[MoveOutcome]] = {}
    for outcome in bundled:
        cells.setdefault(f"{outcome.move}, {outcome.size:,} rows, {outcome.style}", []).append(outcome)
    precision = {where: total(row.counts for row in rows).precision for where, rows in cells.items()}
    distances = {
        where: worst([row.block_error for row in rows if row.block_error is not None], low_is_bad=False)
        for where, rows in cells.items()
        if "shift" in where
    }
    targets = [_target("proposed partners that are right", precision, _REPAIR_LIMIT)]
    targets += [_target("block shift: rows that its ends are off (worst set)", distances, _ROWS_LIMIT, at_least=False)]
    blocks = ["### Targets (bundled model)", target_table(targets), "### All"]
    lines = []
    for model, move, style, size in dict.fromkeys((o.model, o.move, o.style, o.size) for o in outcomes):
        rows = [o for o in outcomes if (o.model, o.move, o.style, o.size) == (model, move, style, size)]
        counts = total(row.counts for row in rows)
        errors = [row.block_error for row in rows if row.block_error is not None]
        proposed = counts.hits + counts.false_alarms
        is_block = any(row.is_block for row in rows)
        lines.append(
            [
                move,
                f"{model}, {style}, {size:,}",
                str(len(rows)),
                number(counts.precision),
                number(counts.recall),
                number(sum(row.num_true for row in rows) / proposed) if proposed else "-",
                f"{len(errors)} of {len(rows)}" if is_block else "-",
                f"{mean(errors):.1f} ({worst(errors, low_is_bad=False):.0f})" if is_block and errors else "-",
                f"{sum(row.false_blocks for row in rows)}",
            ]
        )
    head = [
        "what was moved",
        "model, captions, rows",
        "sets",
        "precision",
        "recall",
        "true proposals",
        "blocks found",
        "rows off (worst)",
    ]
    blocks.append(table([*head, "blocks that are none"], lines))
    return "\n\n".join(blocks)


def write_audio(areas: Sequence[Areas], sets: Sequence[SpeechSet]) -> str:
    """Return the markdown of the audio part."""
    faults = list(dict.fromkeys(row.fault for row in areas))
    by_fault = {fault: [row for row in areas if row.fault == fault] for fault in faults}
    blocks = ["### Targets", target_table(_audio_targets(by_fault))]
    columns = [name for name in (COMBINED, *VERIFIED, SURPRISE, *RATES) if name in areas[0].areas]
    lines = []
    for fault, rows in by_fault.items():
        cells = []
        for column in columns:
            values = [row.areas[column] for row in rows]
            low = f" ({number(worst(values))})" if column == COMBINED else ""
            cells.append(number(mean(values)) + low)
        lines.append([fault, *cells, percent(mean([row.wer_limit for row in rows]))])
    wrong = percent(mean([row.wer_false for row in areas]))
    head = ["ROC-AUC against aligned", f"{COMBINED} (worst seed)", *columns[1:]]
    blocks += ["### ROC-AUC by fault", table([*head, f"found by WER > 10 % ({wrong} false alarms)"], lines)]
    lines = [
        [fault, *(number(mean([row.recall[column] for row in rows])) for column in columns)]
        for fault, rows in by_fault.items()
    ]
    blocks += ["### Share found at 5 % false alarms", table(["", *columns], lines)]
    blocks += ["### What the speech analysis finds, without labels"]
    blocks.append(_speech_tables(sets) if sets else "The analysis `speech` is not part of this version.")
    return "\n\n".join(blocks)


def _audio_targets(by_fault: dict[str, list[Areas]]) -> list[Target]:
    margins = {
        fault: mean([row.areas[COMBINED] - max(row.areas[rate] for rate in RATES) for row in rows])
        for fault, rows in by_fault.items()
        if fault != "pooled"
    }
    pooled = {f"seed {row.seed}": row.areas[COMBINED] for row in by_fault.get("pooled", [])}
    found = {f"seed {row.seed}": row.recall[COMBINED] for row in by_fault.get(ONE_WORD, [])}
    return [
        _target("ROC-AUC above the better of WER and CER, every fault", margins, 0.0),
        _target("all faults pooled: ROC-AUC", pooled, _POOLED_LIMIT),
        _target("one wrong word: found at 5 % false alarms", found, _ONE_WORD_LIMIT),
    ]


def _speech_tables(sets: Sequence[SpeechSet]) -> str:
    lines = []
    for share in FAULT_SHARES:
        rows = [row for row in sets if row.share == share]
        counts = total(row.counts["any finding"] for row in rows)
        baseline = total(row.wer_counts for row in rows)
        for name, found in (("any code of `speech`", counts), ("WER > 10 %", baseline)):
            cells = [number(found.precision), number(found.recall), percent(found.false_rate)]
            lines.append([f"{share:.0%} faulty".replace("%", " %"), name, str(len(rows)), *cells])
    one = table(["set", "found by", "sets", "precision", "recall", "aligned rows flagged"], lines)
    codes = sorted({code for row in sets for tally in row.by_fault.values() for code in tally} - {"rows"})
    tallies: dict[str, dict[str, int]] = {}
    for row in sets:
        for fault, tally in row.by_fault.items():
            into = tallies.setdefault(fault, {})
            for name, value in tally.items():
                into[name] = into.get(name, 0) + value
    lines = []
    for fault, tally in sorted(tallies.items(), key=lambda item: item[0] == ALIGNED):
        cells = [percent(tally.get(code, 0) / tally["rows"]) for code in codes]
        lines.append([fault, str(tally["rows"]), *cells])
    two = table(["planted", "rows", *codes], lines)
    return f"{one}\n\nShare of the rows with each planted fault that got each code (all sets together):\n\n{two}"
