"""coverage.html: what a set holds, as a page that a person reads and that opens offline.

Made from the tables that ``mmcheck coverage`` wrote; media are opened for the pictures alone, and one that cannot be
read leaves a word in its place. Escaping and content policy are those of the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mmcheck.core.atomic import write_text
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.coverage.cover import VIEWS
from mmcheck.coverage.map import (
    MAX_THUMBNAILS,
    NUM_COLOURS,
    PACKAGE,
    draw_map,
    load_samples,
    map_script,
    map_style,
    render_map,
)
from mmcheck.coverage.summary import FOLDER, ClusterSummary, ContrastSummary, NamedSample, ViewSummary, read_summary
from mmcheck.media.source import MediaSource
from mmcheck.report.media_embed import (
    PAGE_FULL,
    Clip,
    EmbedOptions,
    MediaBudget,
    Placeholder,
    Thumbnail,
    make_clip,
    make_thumbnail,
)
from mmcheck.report.page import asset, render_page
from mmcheck.report.shown_text import ShownText, show_plain, show_text
from mmcheck.store.run_folder import RunFolder

PAGE_NAME = "coverage.html"
MAX_MEDIA_BYTES = 16 << 20
"""Base64 characters of single pictures and recordings that the page holds at most, beside the maps. Our own choice: a
browser opens it at once."""
MAX_CONTRASTS = 50
"""Missing and over-represented clusters that the page shows, each. Our own choice: the page stays readable."""
_SEEN, _HEARD = 4, 1
"""Typical samples of a cluster that the page shows: pictures, recordings. Our own choice: one line of each."""
_PIXELS = 96  # longer side of a picture in pixels; our own choice: bounds the size of the page
_SECONDS = 6.0  # seconds of a recording; our own choice: bounds the size of the page
_CHARACTERS = 140  # characters of a text; our own choice: two lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One sample, small."""

    id: str
    """Its id, safe to show."""
    text: ShownText
    """Its text."""
    image: Thumbnail | Placeholder | None
    """Its picture."""
    audio: Clip | Placeholder | None
    """Its sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRow:
    """One line of the table of clusters."""

    number: int
    """Its number."""
    name: str
    """Its name, safe to show."""
    words: str
    """Its distinguishing words."""
    facts: ClusterSummary
    """Its entry of the summary."""
    marks: tuple[str, ...]
    """``near-empty``, ``wide``."""
    examples: tuple[Example, ...]
    """Typical samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastRow:
    """A cluster that one set has and the other has hardly."""

    name: str
    """Its name, safe to show."""
    there: int
    """Rows of the set that has it."""
    here: int
    """Rows of the other."""
    examples: tuple[Example, ...]
    """Typical samples of the set that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPart:
    """One view as the page shows it."""

    name: str
    """``image``, ``text`` or ``audio``."""
    facts: ViewSummary
    """Its part of the summary."""
    sentences: tuple[str, ...]
    """What it shows in words."""
    drawing: Markup | None
    """The map."""
    clusters: tuple[ClusterRow, ...]
    """All clusters."""
    lonely: tuple[Example, ...]
    """Samples without neighbours."""
    missing: tuple[ContrastRow, ...]
    """What the reference has and this set has not."""
    over: tuple[ContrastRow, ...]
    """What this set has and the reference has not."""


def write_coverage_page(
    run: RunFolder,
    *,
    reference: RunFolder | None = None,
    max_thumbnails: int = MAX_THUMBNAILS,
    progress: Progress | None = None,
) -> Path:
    """Write ``coverage/coverage.html`` and return its path.

    Args:
        run: A run for which ``cover_run`` was called.
        reference: The run that it was compared with, for pictures of what is missing.
        max_thumbnails: Points of the map that get a picture; 0: no medium is opened at all.
        progress: Receives progress reports.

    Raises:
        RunError: If what ``cover_run`` wrote is missing or damaged.
        OutputError: If the page cannot be written.
    """
    progress = progress or SilentProgress()
    path = run.path / FOLDER / PAGE_NAME
    write_text(path, build_coverage_page(run, reference=reference, max_thumbnails=max_thumbnails, progress=progress))
    return path


def build_coverage_page(
    run: RunFolder,
    *,
    reference: RunFolder | None = None,
    max_thumbnails: int = MAX_THUMBNAILS,
    progress: Progress | None = None,
) -> str:
    """Return the page as HTML without a link to anything outside it.

    The same tables, in a run folder of the same name, give the same page.
    """
    progress = progress or SilentProgress()
    summary = read_summary(run)
    budget = MediaBudget(MAX_MEDIA_BYTES if max_thumbnails else 0)
    parts = []
    for name, facts in summary.views.items():
        progress.phase(f"drawing the {name} map", None)
        drawing = draw_map(run, name, summary, max_thumbnails=max_thumbnails, advance=lambda: progress.advance())
        own = _Examples(run, name, budget, max_thumbnails > 0)
        other = own if reference is None else _Examples(reference, name, budget, max_thumbnails > 0)
        parts.append(
            ViewPart(
                name=name,
                facts=facts,
                sentences=tuple(show_plain(sentence, 1000) for sentence in facts.sentences),
                drawing=None if drawing is None else render_map(drawing),
                missing=tuple(_contrast(entry, other) for entry in facts.missing[:MAX_CONTRASTS]),
                over=tuple(_contrast(entry, own) for entry in facts.over_represented[:MAX_CONTRASTS]),
                lonely=tuple(own.show(facts.lonely.examples)),
                clusters=tuple(_cluster(entry, facts, own) for entry in facts.clusters),
            )
        )
    style, script = asset("report.css") + map_style(), map_script()
    return render_page(
        PACKAGE,
        "page.html.j2",
        style=style,
        script=script,
        name=show_plain(run.path.resolve().name),
        folder=show_plain(run.path, 400),
        reference=None if summary.reference is None else show_plain(summary.reference, 200),
        headline=next((text for part in parts for text in part.sentences), "There is nothing to show."),
        wrong_word=summary.wrong_word,
        parts=parts,
        show_plain=show_plain,
        num_colours=NUM_COLOURS,
    )


def _cluster(entry: ClusterSummary, facts: ViewSummary, own: _Examples) -> ClusterRow:
    number = entry.cluster
    more = [word for word in entry.words if word not in entry.name.split(", ")]
    marks = ((facts.near_empty, "nearly empty"), (facts.spread_out, "wide"))
    return ClusterRow(
        number=number,
        name=show_plain(entry.name, 60),
        words=show_plain(", ".join(more), 160) if more else "",
        facts=entry,
        marks=tuple(word for numbers, word in marks if number in numbers),
        examples=tuple(own.show(entry.typical)),
    )


def _contrast(entry: ContrastSummary, shown: _Examples) -> ContrastRow:
    return ContrastRow(
        name=show_plain(entry.name, 60),
        there=entry.rows_there,
        here=entry.rows_here,
        examples=tuple(shown.show(entry.typical)),
    )


class _Examples:
    """Makes samples of one run small enough for the page.

    Args:
        run: The run that they are of.
        view: Decides whether picture or sound is shown.
        budget: Of the whole page.
        with_media: Whether media may be opened at all.
    """

    def __init__(self, run: RunFolder, view: str, budget: MediaBudget, with_media: bool) -> None:
        config = run.config()
        self._run, self._kind, self._budget, self._with_media = run, VIEWS[view].kind, budget, with_media
        self._allow_remote = config.input.allow_remote
        self._options = EmbedOptions(
            thumbnail_pixels=_PIXELS, max_audio_seconds=_SECONDS, max_pixels=config.probes.media.max_pixels
        )

    def show(self, entries: Sequence[NamedSample]) -> list[Example]:
        """Return the first of the entries (id, index, text) with their media."""
        shown = entries[: _SEEN if self._kind.is_seen else _HEARD]
        samples = load_samples(self._run, [entry.index for entry in shown]) if self._with_media else {}
        found = []
        with closing(MediaSource(allow_remote=self._allow_remote)) as source:
            for entry in shown:
                sample = samples.get(entry.index)
                image: Any = None
                audio: Any = None
                medium = None if sample is None else self._kind.medium_of(sample)
                if medium is not None and self._kind.is_seen:
                    image = PAGE_FULL if self._budget.is_spent else make_thumbnail(medium, source, self._options)
                elif medium is not None:
                    audio = PAGE_FULL if self._budget.is_spent else make_clip(medium, source, self._options)
                found.append(
                    Example(
                        id=show_plain(entry.id, 120),
                        text=show_text(entry.text or "", _CHARACTERS),
                        image=_take(self._budget, image),
                        audio=_take(self._budget, audio),
                    )
                )
        return found


def _take(budget: MediaBudget, medium: Any) -> Any:
    return None if medium is None else budget.take(medium)
