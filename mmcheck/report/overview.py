"""The counts of a run as sentences, bars and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmcheck.core.types import Action
from mmcheck.decide.compared_pairs import tell_limits
from mmcheck.report.histograms import ACTIONS
from mmcheck.report.shown_text import format_count, format_share, show_plain
from mmcheck.store.run_summary import Counts, RunSummary

MAX_SLICES = 50
"""Manifests or languages that one table shows. Our own choice: the page stays readable."""
BAR_WIDTH = 1000.0
"""Length of a bar in SVG units. Our own choice: a tenth of a percent can be drawn."""
_MIN_SHARE = 2.0  # half the least length of a part of a bar, in SVG units; our own choice: a single row can be seen

_MEANING = {
    Action.KEEP: "no findings; they are in the clean manifest",
    Action.FLAG: "usable, but worth a look",
    Action.QUARANTINE: "removed, with the reasons",
    Action.UNCHECKED: "could not be measured or judged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One action's part of a bar."""

    action: str
    """The action."""
    count: int
    """Pairs."""
    share: str
    """Share of all, for people."""
    x: float
    """Left edge in SVG units."""
    width: float
    """Length in SVG units; 0 if there are none."""
    meaning: str
    """What the action means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The counts of one manifest, one language or the whole run."""

    name: str
    """Name, safe to show."""
    rows: int
    """Rows read."""
    parts: tuple[Part, ...]
    """The four actions, in the order of the bar."""

    @property
    def label(self) -> str:
        """Return the bar in words."""
        return ", ".join(f"{format_count(part.count)} {part.action}" for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTable:
    """A table of slices, perhaps cut."""

    title: str
    """Heading."""
    column: str
    """Heading of the first column."""
    slices: tuple[Slice, ...]
    """What is shown: the worst first."""
    left_out: int
    """How many more there are."""


def count_slice(name: str, counts: Mapping[str, object]) -> Slice:
    """Return the slice of one mapping of action -> count."""
    numbers = [_count(counts, action.value) for action in ACTIONS]
    rows = _count(counts, "rows_read") or sum(numbers)
    total = max(sum(numbers), 1)
    # A rare action must still be visible, so that each gets at least a sliver and the others give way.
    widths = [max(BAR_WIDTH * number / total, _MIN_SHARE * 2) if number else 0.0 for number in numbers]
    scale = BAR_WIDTH / sum(widths) if any(widths) else 0.0
    parts, x = [], 0.0
    for action, number, width in zip(ACTIONS, numbers, widths, strict=True):
        length = round(width * scale, 2)
        parts.append(
            Part(
                action=action.value,
                count=number,
                share=format_share(number, rows),
                x=round(x, 2),
                width=length,
                meaning=_MEANING[action],
            )
        )
        x += length
    return Slice(name=show_plain(name), rows=rows, parts=tuple(parts))


def count_slices(title: str, column: str, slices: Mapping[str, Counts]) -> SliceTable | None:
    """Return the table of a mapping name -> counts, worst first, or None if there is nothing to tell apart."""
    if not slices:
        return None
    counted = [count_slice(name, counts) for name, counts in slices.items()]
    counted.sort(key=lambda one: (-_taken(one), one.name))
    return SliceTable(
        title=title,
        column=column,
        slices=tuple(counted[:MAX_SLICES]),
        left_out=max(0, len(counted) - MAX_SLICES),
    )


def tell_outcome(whole: Slice, summary: RunSummary | None = None) -> str:
    """Return the outcome of a run in one plain sentence.

    Args:
        whole: Its counts.
        summary: Its summary, which says whether the pairs were compared at all.
    """
    if whole.rows and summary is not None and (limits := tell_limits(summary)):
        return f"{limits[:1].upper()}{limits[1:]}. {_told_counts(whole, 'row')}"
    counts = {part.action: part.count for part in whole.parts}
    if whole.rows == 0:
        return "The manifests hold no rows, so there was nothing to check."
    if counts["keep"] == whole.rows:
        one = "The only pair is kept" if whole.rows == 1 else f"All {format_count(whole.rows)} pairs are kept"
        return f"{one}: nothing was found against {'it' if whole.rows == 1 else 'them'}."
    return _told_counts(whole, "pair")


def _told_counts(whole: Slice, noun: str) -> str:
    counts = {part.action: part.count for part in whole.parts}
    said = [f"{format_count(counts['keep'])} {_verb(counts['keep'])} kept"]
    if counts["quarantine"]:
        said.append(f"{format_count(counts['quarantine'])} quarantined")
    if counts["flag"]:
        said.append(f"{format_count(counts['flag'])} flagged for a look")
    if counts["unchecked"]:
        said.append(f"{format_count(counts['unchecked'])} could not be checked")
    noun = noun if whole.rows == 1 else f"{noun}s"
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"Of {format_count(whole.rows)} {noun}, {listed}."


def check_sum(whole: Slice) -> str | None:
    """Return a warning if the four counts do not sum to the rows read."""
    total = sum(part.count for part in whole.parts)
    if total == whole.rows:
        return None
    return (
        f"The four counts sum to {format_count(total)}, but {format_count(whole.rows)} rows were read: "
        "summary.json is damaged or from another run. Judge the run again."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence on the set as a whole."""

    text: str
    """The sentence, safe to show."""
    is_warning: bool
    """Whether it limits what the verdicts mean."""


def list_notes(summary: RunSummary) -> list[Note]:
    """Return what the analyses say of the whole set, warnings first, as summary.json has it."""
    warnings = {part["warning"] for part in summary.get("pairs", {}).values() if "warning" in part}
    warnings |= {text for part in summary.get("analyses", {}).values() for text in part.get("warnings", ())}
    return [Note(text=show_plain(note, 800), is_warning=note in warnings) for note in summary.get("notes", ())]


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def _taken(one: Slice) -> float:
    counts = {part.action: part.count for part in one.parts}
    return (one.rows - counts["keep"]) / max(one.rows, 1)


def _count(counts: Mapping[str, object], key: str) -> int:
    value = counts.get(key, 0)
    return int(value) if isinstance(value, int | float) and value > 0 else 0
