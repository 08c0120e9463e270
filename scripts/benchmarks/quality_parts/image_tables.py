"""Tables of the image-caption part: promises, the product in every setting, other ways, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.benchmarks.quality_parts.figures import Counts, mean, total, worst
from scripts.benchmarks.quality_parts.images import MODELS, PRODUCT, RATES, Outcome, Setting
from scripts.benchmarks.quality_parts.sets import STYLES
from scripts.benchmarks.quality_parts.tables import Target, number, pair, percent, points, table, target_table

PROMISES = {0.02: (0.75, 0.9), 0.1: (0.9, 0.93), 0.4: (0.92, 0.97)}
"""Shuffled share -> precision and recall wanted."""
CLEAN_LIMIT = 0.005
SHARE_LIMIT = 0.02
_COMPARED_SIZE = 3000


def write(outcomes: Sequence[Outcome]) -> str:
    """Return the markdown of the part."""
    blocks = []
    product = [outcome for outcome in outcomes if outcome.method == PRODUCT]
    if product:
        blocks += ["### Targets (bundled model)", target_table(_targets(product)), "### mmcheck in every setting"]
        for model in MODELS:
            for style in STYLES:
                rows = [o for o in product if (o.setting.model, o.setting.style) == (model, style)]
                if rows:
                    blocks += [f"{model.capitalize()} model, {style} captions:", _product_table(rows)]
    else:
        blocks.append("The analysis `alignment` is not part of this version; only the other ways were measured.")
    blocks.append("### Against other ways")
    size = _compared_size(outcomes)
    for model in MODELS:
        for style in STYLES:
            rows = [o for o in outcomes if (o.setting.model, o.setting.style, o.setting.size) == (model, style, size)]
            if rows:
                blocks += [f"{model.capitalize()} model, {style} captions, {size:,} rows:", _method_table(rows)]
    if product:
        blocks += ["### Calibration", _calibration_table(product)]
    return "\n\n".join(blocks)


def _cells(outcomes: Sequence[Outcome]) -> dict[Setting, list[Outcome]]:
    cells: dict[Setting, list[Outcome]] = {}
    for outcome in outcomes:
        cells.setdefault(outcome.setting, []).append(outcome)
    return cells


def _where(setting: Setting) -> str:
    return f"{setting.size:,} rows, {setting.style}"


def _targets(product: Sequence[Outcome]) -> list[Target]:
    cells = {
        setting: rows
        for setting, rows in _cells(product).items()
        if setting.model == "bundled" and not setting.attribute
    }
    targets = [
        _target("clean set: share quarantined", cells, 0.0, "false_rate", CLEAN_LIMIT, at_least=False, as_percent=True)
    ]
    for rate, (precision, recall) in PROMISES.items():
        name = f"{rate:.0%} shuffled".replace("%", " %")
        targets.append(_target(f"{name}: precision", cells, rate, "precision", precision))
        targets.append(_target(f"{name}: recall", cells, rate, "recall", recall))
    errors = {
        setting: mean([abs(error) for error in _share_errors(rows)])
        for setting, rows in cells.items()
        if setting.size >= 300 and _share_errors(rows)
    }
    if errors:
        place = max(errors, key=lambda setting: errors[setting])
        targets.append(
            Target(
                promise="estimated share, mean error, from 300 rows",
                mean=mean(list(errors.values())),
                worst=errors[place],
                where=f"{_where(place)}, {percent(place.shuffled)} shuffled",
                limit=SHARE_LIMIT,
                at_least=False,
                as_percent=True,
            )
        )
    return targets


def _target(
    promise: str,
    cells: dict[Setting, list[Outcome]],
    rate: float,
    figure: str,
    limit: float,
    *,
    at_least: bool = True,
    as_percent: bool = False,
) -> Target:
    found = {
        setting: getattr(total(row.counts for row in rows), figure)
        for setting, rows in cells.items()
        if setting.shuffled == rate
    }
    found = {setting: value for setting, value in found.items() if np.isfinite(value)}
    if not found:
        nan = float("nan")
        return Target(promise=promise, mean=nan, worst=nan, where="-", limit=limit, at_least=at_least)
    place = (min if at_least else max)(found, key=lambda setting: found[setting])
    return Target(
        promise=promise,
        mean=mean(list(found.values())),
        worst=found[place],
        where=_where(place),
        limit=limit,
        at_least=at_least,
        as_percent=as_percent,
    )


def _share_errors(rows: Sequence[Outcome]) -> list[float]:
    return [row.details["share"] - row.setting.shuffled for row in rows if row.details.get("share") is not None]


def _product_table(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for setting, rows in _cells(outcomes).items():
        counts = total(row.counts for row in rows)
        flagged = total(Counts(**row.details["flagged"]) for row in rows)
        errors = [] if setting.attribute else _share_errors(rows)
        covered = [row.details["share_low"] <= _planted(row) <= row.details["share_high"] for row in rows if _has(row)]
        faults = f"{setting.shuffled:.0%} shuffled" + (
            f", {setting.attribute:.0%} attribute" if setting.attribute else ""
        )
        lines.append(
            [
                f"{setting.size:,}",
                faults.replace("%", " %"),
                str(len(rows)),
                number(mean([row.auc for row in rows])),
                number(counts.precision) + _low([row.counts.precision for row in rows], setting),
                number(counts.recall) + _low([row.counts.recall for row in rows], setting),
                percent(counts.false_rate),
                pair(flagged.precision, flagged.recall),
                number(mean([row.details.get("ece", float("nan")) for row in rows])),
                points(mean(errors)) if errors else "-",
                points(max(errors, key=abs)) if errors else "-",
                "-" if setting.attribute or not covered else f"{sum(covered)} of {len(covered)}",
            ]
        )
    head = [
        "rows",
        "faults",
        "sets",
        "ROC-AUC",
        "precision (worst set)",
        "recall (worst set)",
        "clean rows quarantined",
    ]
    head.append("with flags: P / R")
    return table([*head, "calibration error", "share off, mean", "worst", "in the interval"], lines)


def _has(row: Outcome) -> bool:
    return row.details.get("share_low") is not None and not row.setting.attribute


def _planted(row: Outcome) -> float:
    return (row.counts.hits + row.counts.misses) / max(row.setting.size, 1)


def _low(values: Sequence[float], setting: Setting) -> str:
    """Return the worst set's figure where a single set has enough faults for it to mean something."""
    return f" ({number(worst(values))})" if setting.size >= 3000 and np.isfinite(worst(values)) else ""


def _compared_size(outcomes: Sequence[Outcome]) -> int:
    sizes = sorted({outcome.setting.size for outcome in outcomes})
    return max([size for size in sizes if size <= _COMPARED_SIZE] or sizes)


def _method_table(outcomes: Sequence[Outcome]) -> str:
    methods = list(dict.fromkeys(outcome.method for outcome in outcomes))
    faulty = [outcome for outcome in outcomes if outcome.setting.shuffled and not outcome.setting.attribute]
    methods.sort(key=lambda method: (method != PRODUCT, "oracle" in method))
    lines = []
    for method in methods:
        own = [outcome for outcome in outcomes if outcome.method == method]
        pure = [outcome for outcome in faulty if outcome.method == method]
        clean = [outcome.counts for outcome in own if not outcome.setting.shuffled]
        mixed = [outcome for outcome in own if outcome.setting.attribute]
        cells = [total(row.counts for row in pure if row.setting.shuffled == rate) for rate in RATES if rate]
        lines.append(
            [
                method,
                number(mean([row.auc for row in pure])),
                number(mean([row.details["auc_attribute"] for row in mixed])),
                percent(total(clean).false_rate) if clean else "-",
                *(pair(cell.precision, cell.recall) for cell in cells),
            ]
        )
    head = ["", "ROC-AUC shuffled", "ROC-AUC one attribute", "clean set quarantined"]
    return table([*head, *(f"{rate:.0%} shuffled: P / R".replace("%", " %") for rate in RATES if rate)], lines)


def _calibration_table(product: Sequence[Outcome]) -> str:
    """Return stated posteriors against the share of faulty rows, over all sets without attribute faults."""
    lines = []
    for model in MODELS:
        bins = [o.details["bins"] for o in product if o.setting.model == model and not o.setting.attribute]
        if not bins:
            continue
        sizes = np.array([[size for size, _, _ in one] for one in bins], dtype=np.float64)
        said = np.nan_to_num(np.array([[value for _, value, _ in one] for one in bins], dtype=np.float64))
        true = np.nan_to_num(np.array([[value for _, _, value in one] for one in bins], dtype=np.float64))
        rows = sizes.sum(axis=0)
        told = (said * sizes).sum(axis=0) / np.maximum(rows, 1)
        seen = (true * sizes).sum(axis=0) / np.maximum(rows, 1)
        shown = [f"{a:.2f} / {b:.2f} ({int(c):,})" if c else "-" for a, b, c in zip(told, seen, rows, strict=True)]
        lines.append([f"{model} model", *shown])
    head = [f"{low / 10:.1f} to {(low + 1) / 10:.1f}" for low in range(10)]
    return table(["stated posterior", *head], lines)
