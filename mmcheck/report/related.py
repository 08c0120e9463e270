"""The other samples that a finding speaks of: copies, images that a caption fits as well, contradicting texts.

A finding such as "near-duplicate" can be believed or doubted only with the other one beside it, so the page shows up to
three of them, small.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.json_types import LoadedJson
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Sample
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
from mmcheck.report.shown_text import ShownText, show_plain, show_text
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import table_to_samples

MAX_SHOWN = 3
"""Other samples shown of each kind. Our own choice: enough to see what is meant."""
_PIXELS = 96  # longer side of their pictures in pixels; our own choice: bounds the size of the page
_SECONDS = 6.0  # seconds of their recordings; our own choice: bounds the size of the page
_CHARACTERS = 160  # characters of their texts; our own choice: two lines

TITLES: dict[str, dict[str, str]] = {
    "repetition": {
        **{kind.text: f"Other rows with the same {kind.text_noun}" for kind in PAIR_KINDS},
        "media": "The same file",
        "pair": "The same pair",
    },
    "duplicates": {
        **{kind.name: f"Nearly the same {kind.medium_noun}" for kind in PAIR_KINDS},
        "text": "Nearly the same text",
        "pair": "Nearly the same pair",
    },
    "caption": {"fitting": "The caption fits these images about as well"},
    "consistency": {
        "caption_conflict": "The same or a near-duplicate image with another caption",
        "transcript_conflict": "The same recording with another transcript",
        "unlike_images": "Other rows with the same caption",
        "breadth": "The most similar images",
    },
}
"""Analysis -> key of its evidence -> what the ids under that key are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedPair:
    """Another sample, small."""

    id: str
    """Its id, safe to show."""
    where: str
    """``manifest:row``."""
    image: Thumbnail | Placeholder | None
    """Its picture."""
    audio: Clip | Placeholder | None
    """Its sound."""
    text: ShownText | None
    """Its caption, or else its transcript."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedGroup:
    """Some samples that are related in one way."""

    title: str
    """How."""
    pairs: tuple[RelatedPair, ...]
    """The samples."""


Wanted = Sequence[tuple[str, Sequence[str]]]
"""Titles with the ids under them."""


def name_related(evidence: Mapping[str, LoadedJson], metrics: Iterable[str | None]) -> list[tuple[str, list[str]]]:
    """Return the related ids that the findings on one sample speak of.

    Args:
        evidence: Analysis -> its evidence on the sample.
        metrics: The metrics that the findings looked at.
    """
    named = {metric for metric in metrics if metric}
    concerned = {metric.partition(".")[0] for metric in named}
    wanted: list[tuple[str, list[str]]] = []
    for analysis, titles in TITLES.items():
        if analysis not in concerned:
            continue
        for key, title in titles.items():
            if analysis == "consistency" and f"{analysis}.{key}" not in named:
                continue  # all figures have evidence, also those that no rule minds
            ids = evidence.get(analysis, {}).get(key)
            if isinstance(ids, list) and (names := [item for item in ids if isinstance(item, str)][:MAX_SHOWN]):
                wanted.append((title, names))
    return wanted


def load_related(
    run: RunFolder, config: Config, wanted: Sequence[Wanted], source: MediaSource, budget: MediaBudget
) -> list[tuple[RelatedGroup, ...]]:
    """Return for each shown sample its related ones; ids that the run does not hold are left out.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    ids = {name for groups in wanted for _, names in groups for name in names}
    samples = _read_samples(run, ids) if ids else {}
    options = EmbedOptions(
        thumbnail_pixels=_PIXELS,
        max_audio_seconds=min(_SECONDS, config.report.max_audio_seconds),
        max_pixels=config.probes.media.max_pixels,
    )
    made: dict[str, RelatedPair] = {}
    found = []
    for groups in wanted:
        shown = []
        for title, names in groups:
            for name in names:
                if name in samples and name not in made:
                    made[name] = _show(samples[name], source, options, budget)
            pairs = tuple(made[name] for name in names if name in made)
            if pairs:
                shown.append(RelatedGroup(title=title, pairs=pairs))
        found.append(tuple(shown))
    return found


def _read_samples(run: RunFolder, ids: set[str]) -> dict[str, Sample]:
    rows: dict[int, list[int]] = defaultdict(list)
    shards = run.shards()
    values = pa.array(sorted(ids), pa.string())
    for number, shard in enumerate(shards):
        column = read_part(run.samples_part(shard), ["id"])["id"]
        hits = np.flatnonzero(pc.is_in(column, value_set=values).to_numpy())
        if len(hits):
            rows[number] = hits.tolist()
    return {
        sample.id: sample
        for number, places in rows.items()
        for sample in table_to_samples(read_part(run.samples_part(shards[number])).take(places))
    }


def _show(sample: Sample, source: MediaSource, options: EmbedOptions, budget: MediaBudget) -> RelatedPair:
    image: Thumbnail | Clip | Placeholder | None = None
    audio: Thumbnail | Clip | Placeholder | None = None
    # Media elsewhere would be fetched for an aside; the shown pairs themselves are enough.
    if sample.image is not None:
        image = _embed(sample.image.uri, budget) or make_thumbnail(sample.image, source, options)
        image = budget.take(image)
    if sample.audio is not None:
        audio = _embed(sample.audio.uri, budget) or make_clip(sample.audio, source, options)
        audio = budget.take(audio)
    text = next((text for kind in PAIR_KINDS if (text := kind.text_of(sample)) is not None), None)
    name = sample.manifest.rstrip("/").rsplit("/", 1)[-1]
    return RelatedPair(
        id=show_plain(sample.id),
        where=f"{show_plain(name, 60)}:{sample.row_number}",
        image=image if isinstance(image, Thumbnail | Placeholder) else None,
        audio=audio if isinstance(audio, Clip | Placeholder) else None,
        text=None if text is None else show_text(text, _CHARACTERS),
    )


def _embed(uri: str, budget: MediaBudget) -> Placeholder | None:
    if budget.is_spent:
        return PAGE_FULL
    return Placeholder(reason="it is on another machine", cause="remote") if "://" in uri else None
