"""Tables of the real recordings, with what was done in words."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.quality_parts.audio import COMBINED, RATES, SURPRISE, VERIFIED
from scripts.benchmarks.quality_parts.figures import mean, total
from scripts.benchmarks.quality_parts.tables import number, percent, points, table
from scripts.benchmarks.real_parts.intervals import wilson
from scripts.benchmarks.real_parts.planting import CLEAN, FAULTS, RIGHT_NAMES
from scripts.benchmarks.real_parts.speech import SHARES, Area, RingOutcome, SpeechOutcome
from scripts.benchmarks.real_parts.speech_judging import FaultTally

_MANY_CODES = 4
_HOW = """Each recording with its own text, and with planted faults made of the texts of the sets. The probes, all
of its analyses and all rules of the `default` preset judge: the clean set by itself; sets of which a tenth of the rows
has a fault of any kind, until each planted fault was judged once; and sets in which rings of four recordings of one
language pass their texts on. A row with a fault is one that the probe `transcript_null` did not sample. *Named rightly*
means that one of the rules that the row got is right about what is wrong. Transcribe-and-compare is faster-whisper with
the same weights, full windows, beam 5 and the right language, and jiwer after the product's normalisation. Intervals
are of 95 %: Wilson's for shares, 1,000 resamples of the recordings for ROC-AUC."""


def write_speech(outcomes: Sequence[SpeechOutcome]) -> str:
    """Return the markdown of all settings."""
    blocks = [_HOW, "### Clean recordings that are taken", _clean_table(outcomes)]
    blocks += ["### Planted faults: found, and named rightly", _fault_table(outcomes), _code_table(outcomes)]
    blocks += ["### ROC-AUC by fault, beside transcribe-and-compare with the same weights"]
    for outcome in outcomes:
        blocks += [f"{_title(outcome)}:", _area_table(outcome.areas)]
    blocks += ["### Texts moved on in rings", _ring_table(outcomes)]
    return "\n\n".join(blocks)


def _title(outcome: SpeechOutcome) -> str:
    return f"{outcome.setting.title} ({outcome.num_clips} recordings)"


def _share(hits: int, count: int) -> str:
    if not count:
        return "-"
    low, high = wilson(hits, count)
    return f"{hits} of {count} ({100 * low:.0f} to {100 * high:.0f} %)"


def _codes(tally: FaultTally) -> str:
    listed = sorted(tally.codes.items(), key=lambda item: (-item[1], item[0]))[:_MANY_CODES]
    return ", ".join(f"`{name}` {count}" for name, count in listed) or "-"


def _clean_table(outcomes: Sequence[SpeechOutcome]) -> str:
    lines = []
    for outcome in outcomes:
        for language, tally in sorted(outcome.clean.items(), key=lambda item: -item[1].rows):
            cells = [language, _share(tally.quarantined, tally.rows), _share(tally.found, tally.rows), _codes(tally)]
            lines.append([outcome.setting.title, *cells])
    return table(["", "language", "quarantined", "quarantined or flagged", "by the rules"], lines)


def _fault_table(outcomes: Sequence[SpeechOutcome]) -> str:
    lines = []
    for fault in (*FAULTS, CLEAN):
        cells = []
        for outcome in outcomes:
            tally = outcome.faults.get(fault)
            if tally is None:
                cells.append("-")
            elif fault == CLEAN:
                cells.append(f"taken: {percent(tally.found / tally.rows)}")
            else:
                low, high = wilson(tally.named, tally.rows)
                cells.append(
                    f"{tally.found} / {tally.named} of {tally.rows} ({100 * low:.0f} to {100 * high:.0f} % named)"
                )
        if any(cell != "-" for cell in cells):
            lines.append([fault, *cells])
    head = ["found / named rightly", *(outcome.setting.title for outcome in outcomes)]
    rights = "; ".join(f"{fault}: {', '.join(f'`{name}`' for name in names)}" for fault, names in RIGHT_NAMES.items())
    return f"{table(head, lines)}\n\nRight names are: {rights}."


def _code_table(outcomes: Sequence[SpeechOutcome]) -> str:
    first = outcomes[0]
    lines = [
        [fault, str(first.faults[fault].rows), _codes(first.faults[fault])]
        for fault in (*FAULTS, CLEAN)
        if fault in first.faults
    ]
    return f"Findings by rule, {_title(first)}:\n\n{table(['planted', 'rows', 'rows by rule'], lines)}"


def _area_table(areas: Sequence[Area]) -> str:
    columns = [name for name in (COMBINED, *VERIFIED, SURPRISE, *RATES) if any(one.score == name for one in areas)]
    found = {(one.fault, one.score): one for one in areas}
    lines = []
    for fault in dict.fromkeys(one.fault for one in areas):
        cells = []
        for column in columns:
            one = found[fault, column]
            interval = f" ({number(one.low)} to {number(one.high)})" if one.low == one.low else ""
            cells.append(number(one.area) + interval)
        lines.append([fault, str(found[fault, columns[0]].num_faulty), *cells])
    return table(["", "rows", *columns], lines)


def _ring_table(outcomes: Sequence[SpeechOutcome]) -> str:
    lines = []
    for outcome in outcomes:
        for share in SHARES:
            rows = [row for row in outcome.rings if row.share == share]
            if rows:
                lines.append([outcome.setting.title, *_ring_cells(share, rows)])
    head = ["", "moved", "sets", "rows", "precision", "recall", "clean rows quarantined", "with flags: P / R"]
    return table([*head, "share estimated, mean", "off, worst", "interval holds it"], lines)


def _ring_cells(share: float, rows: Sequence[RingOutcome]) -> list[str]:
    counts, flagged = total(row.counts for row in rows), total(row.flagged for row in rows)
    off = [row.told - row.planted for row in rows if row.told is not None]
    told = [row.told for row in rows if row.told is not None]
    held = [row.low <= row.planted <= row.high for row in rows if row.low is not None and row.high is not None]
    return [
        f"{100 * share:.0f} % ({100 * mean([row.planted for row in rows]):.1f})",
        str(len(rows)),
        str(rows[0].rows),
        number(counts.precision),
        number(counts.recall),
        percent(counts.false_rate),
        f"{number(flagged.precision)} / {number(flagged.recall)}",
        percent(mean(told)) if told else "-",
        points(max(off, key=abs)) if off else "-",
        f"{sum(held)} of {len(held)}" if held else "-",
    ]
