"""The chosen pairs with everything the page shows of them.

Only the shards of the chosen pairs are read, one at a time, and only the columns that are shown.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mmcheck.config import Config
from mmcheck.core.json_types import LoadedJson
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT, IMAGE_CAPTION, PAIR_KINDS
from mmcheck.core.types import MediaRef, Metric
from mmcheck.media.source import MediaSource
from mmcheck.people.content import find_content_keys
from mmcheck.report.marked_caption import WORDS_ANALYSIS, MarkedCaption, mark_caption
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
from mmcheck.report.related import TITLES, RelatedGroup, load_related, name_related
from mmcheck.report.second_opinion import ANALYSIS, PROBE, SecondOpinion, tell_second
from mmcheck.report.shown_text import ShownText, format_value, show_plain, show_text
from mmcheck.report.word_diff import CaptionPart, TranscriptView, view_transcript, view_windows
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.schema import load_json
from mmcheck.store.stored_rows import StoredRow, read_rows

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_MAX_THREADS = 4  # threads that read and decode media; our own choice: bounds memory
_CHUNK = 16  # rows whose media are read in one go; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    """One finding of a shown pair."""

    code: str
    """Its code, as written in the verdicts."""
    shown_code: str
    """Its code, safe to show."""
    action: str
    """What the rule asks for."""
    message: str
    """Plain sentence."""
    metric: str | None
    """The metric looked at."""
    observed: str
    """The value seen, "" if none."""
    limit: str
    """The value wanted, "" if none."""
    is_below: bool
    """Whether the value is too small (else too large)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownValue:
    """One measured number of a shown pair."""

    metric: str
    """Full name."""
    value: float
    """The number."""
    text: str
    """The number for people."""
    unit: str
    """Its unit, "" for a pure number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """One pair as the page shows it."""

    index: int
    """0-based number in the run."""
    id: str
    """Its id, safe to show."""
    facts: str
    """Id and codes as they are, as JSON in ASCII: what a mark on the page is about."""
    content: str
    """Key of its media and texts, by which a decision knows what it was about."""
    where: str
    """``manifest:row``, manifest by its last part."""
    manifest: str
    """The manifest's whole path."""
    action: str
    """What became of it."""
    decided_by: str | None
    """The reviewer, if a person decided."""
    modalities: tuple[str, ...]
    """``image``, ``audio``."""
    language: str | None
    """Language code for people."""
    html_language: str | None
    """Language code if it may stand in a ``lang`` attribute."""
    image: Thumbnail | Placeholder | None
    """The picture."""
    image_name: str
    """Its file name."""
    audio: Clip | Placeholder | None
    """The sound."""
    audio_name: str
    """Its file name."""
    caption: ShownText | None
    """The caption; None if the row has none."""
    transcript: ShownText | None
    """The transcript; None if the row has none."""
    windows: tuple[CaptionPart, ...]
    """Parts of a long caption."""
    evidence: TranscriptView | None
    """Word diff and support."""
    second: tuple[SecondOpinion, ...]
    """What a second verifier adds."""
    findings: tuple[ShownFinding, ...]
    """Why it is not kept."""
    values: tuple[ShownValue, ...]
    """All that was measured."""
    notes: tuple[str, ...]
    """Why a probe measured nothing."""
    related: tuple[RelatedGroup, ...] = ()
    """Other samples that the findings speak of."""
    marked: MarkedCaption | None = None
    """The caption with its doubtful words shaded; None if none is known."""

    def value_of(self, metric: str) -> str:
        """Return one measured number for people, "" if absent."""
        return next((value.text for value in self.values if value.metric == metric), "")


def load_rows(run: RunFolder, config: Config, indices: Sequence[int], budget: MediaBudget) -> list[ShownRow]:
    """Return the pairs at ``indices`` (0-based, in that order) with their media embedded as far as ``budget`` goes.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    records = read_shown(run, sorted(set(indices)))
    options = EmbedOptions(
        thumbnail_pixels=config.report.thumbnail_pixels,
        max_audio_seconds=config.report.max_audio_seconds,
        max_pixels=config.probes.media.max_pixels,
    )
    metrics = run.metrics()
    contents = find_content_keys(run, records)
    rows: list[ShownRow] = []
    source = MediaSource(allow_remote=config.input.allow_remote)
    offline = False
    with closing(source), ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(indices), _CHUNK):
            chunk = [records[index] for index in indices[start : start + _CHUNK]]
            # Whole chunks, so that which media still fit does not depend on which thread was first.
            embed = partial(_embed, source=source, options=options, budget=budget, offline=offline)
            media = list(pool.map(embed, chunk))
            # One medium that cannot be reached is enough: waiting for each of the others would take minutes.
            offline = offline or any(getattr(m, "cause", "") == "unreachable" for pair in media for m in pair)
            for record, (image, audio) in zip(chunk, media, strict=True):
                media_shown = image and budget.take(image), audio and budget.take(audio)
                rows.append(show_row(record, *media_shown, metrics, contents[record.index]))
        wanted = [related_ids(records[index]) for index in indices]
        related = load_related(run, config, wanted, source, budget)
    return [replace(row, related=groups) for row, groups in zip(rows, related, strict=True)]


def related_ids(record: StoredRow) -> list[tuple[str, list[str]]]:
    """Return the ids of other samples that the findings on a row speak of, under their titles."""
    evidence = {name: _evidence(record.measured, name) for name in TITLES if name in record.measured}
    return name_related(evidence, [finding["metric"] for finding in record.verdict["findings"] or ()])


def read_shown(run: RunFolder, indices: Sequence[int]) -> dict[int, StoredRow]:
    """Return rows by their numbers, with all that a page shows of them.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    names = run.probes()
    return read_rows(run, indices, {name: ["status", "reason", *_short_names(run, name), "evidence"] for name in names})


def _short_names(run: RunFolder, name: str) -> list[str]:
    return [full.partition(".")[2] for full in run.metrics() if full.partition(".")[0] == name]


def _embed(
    record: StoredRow, *, source: MediaSource, options: EmbedOptions, budget: MediaBudget, offline: bool
) -> tuple[Thumbnail | Placeholder | None, Clip | Placeholder | None]:
    image, audio = record.sample.image, record.sample.audio
    return (
        None if image is None else _hindrance(image, budget, offline) or make_thumbnail(image, source, options),
        None if audio is None else _hindrance(audio, budget, offline) or make_clip(audio, source, options),
    )


def _hindrance(ref: MediaRef, budget: MediaBudget, offline: bool) -> Placeholder | None:
    if budget.is_spent:
        return PAGE_FULL
    if offline and "://" in ref.uri:
        return Placeholder(reason="not fetched, since another medium could not be reached", cause="unreachable")
    return None


def show_row(record: StoredRow, image: Any, audio: Any, metrics: Mapping[str, Metric], content: str) -> ShownRow:
    """Return a stored row as a page shows it.

    Args:
        record: The row with the evidence of its probes and analyses.
        image: Its picture, as far as the page embeds it.
        audio: Its sound, likewise.
        metrics: The metrics of the run by full name.
        content: Key of what it holds (``mmcheck.people.content``).
    """
    sample, verdict = record.sample, record.verdict
    language = sample.language
    decided_by = verdict.get("decided_by") or "policy"
    return ShownRow(
        index=record.index,
        id=show_plain(sample.id),
        facts=json.dumps([sample.id, [finding["code"] for finding in verdict["findings"] or ()]]),
        content=content,
        where=f"{show_plain(sample.manifest.rstrip('/').rsplit('/', 1)[-1], 60)}:{sample.row_number}",
        manifest=show_plain(sample.manifest, 400),
        action=verdict["action"],
        decided_by=None if decided_by == "policy" else show_plain(decided_by, 60),
        modalities=tuple(kind.medium for kind in PAIR_KINDS if kind.medium_of(sample) is not None),
        language=show_plain(language, 20) if language else None,
        html_language=language if language and _LANGUAGE.fullmatch(language) else None,
        image=image,
        image_name=show_plain(sample.image.name, 80) if sample.image else "",
        audio=audio,
        audio_name=show_plain(sample.audio.name, 80) if sample.audio else "",
        caption=None if sample.caption is None else show_text(sample.caption),
        transcript=None if sample.transcript is None else show_text(sample.transcript),
        windows=view_windows(_evidence(record.measured, IMAGE_CAPTION.probe)),
        evidence=view_transcript(_evidence(record.measured, AUDIO_TRANSCRIPT.probe), sample.transcript),
        second=tell_second(_evidence(record.measured, ANALYSIS), _evidence(record.measured, PROBE)),
        findings=tuple(_show_finding(finding) for finding in verdict["findings"] or ()),
        values=tuple(_values(record.measured, metrics)),
        notes=tuple(_notes(record.measured)),
        marked=mark_caption(_evidence(record.measured, WORDS_ANALYSIS), sample.caption),
    )


def _show_finding(finding: LoadedJson) -> ShownFinding:
    observed, limit = finding["observed"], finding["limit"]
    seen, wanted = format_value(observed), format_value(limit)
    if seen == wanted and observed != limit and observed is not None:
        seen = repr(observed)
    return ShownFinding(
        code=finding["code"] or "",
        shown_code=show_plain(finding["code"] or "", 80),
        action=finding["action"] or "",
        message=show_plain(finding["message"] or "", 600),
        metric=None if finding["metric"] is None else show_plain(finding["metric"], 80),
        observed=seen,
        limit=wanted,
        is_below=observed is not None and limit is not None and observed < limit,
    )


def _evidence(measured: Mapping[str, LoadedJson], probe: str) -> LoadedJson:
    text = measured.get(probe, {}).get("evidence")
    if not text:
        return {}
    try:
        evidence = load_json(text)
    except ValueError:
        return {}
    return evidence if isinstance(evidence, Mapping) else {}


def _values(measured: Mapping[str, LoadedJson], metrics: Mapping[str, Metric]) -> Iterable[ShownValue]:
    for name, metric in metrics.items():
        probe, _, short = name.partition(".")
        value = measured.get(probe, {}).get(short)
        if value is not None and value == value:
            unit = "" if metric.unit == "1" else metric.unit
            yield ShownValue(metric=name, value=value, text=format_value(value), unit=unit)


def _notes(measured: Mapping[str, LoadedJson]) -> Iterable[str]:
    for probe, row in measured.items():
        if row.get("status") == "failed" and row.get("reason"):
            yield f"{probe} failed: {show_plain(row['reason'], 300)}"
