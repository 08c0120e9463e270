"""Whether a caption says anything that other images do not show, and whether the model can tell.

A vague caption ("a nice picture") fits its image as well as any other: no model can find it wrong, and training on it
teaches nothing. An unverifiable one says something, but in words that this model does not understand. Neither is a
wrong caption, so both have values of their own, and neither looks at how well the caption fits its own image.

Vagueness from embeddings exists only where the model sees something in the data at all; otherwise the words decide
alone, and the summary says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mmcheck.config import CaptionConfig
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis
from mmcheck.corpus.caption.background import PROBE, Background, NoBackground, gather_background
from mmcheck.corpus.caption.metrics import METRICS
from mmcheck.corpus.caption.rows import CaptionRows, count_images, find_foreign_languages
from mmcheck.corpus.caption.signs import CaptionSigns, read_signs
from mmcheck.corpus.caption.summary import CaptionSummary
from mmcheck.corpus.caption.tally import NUM_EXAMPLES, CaptionTally
from mmcheck.corpus.constants import SIGN_FIRES
from mmcheck.corpus.embeddings import half_keys, pair_keys, read_embeddings
from mmcheck.corpus.evidence_rows import worst_rows
from mmcheck.corpus.sample_ids import read_ids
from mmcheck.metrics.caption_vagueness import (
    combine_vagueness,
    flatness,
    lexical_vagueness,
    repetition_share,
    unexplained_flatness,
    weigh_repetition,
)
from mmcheck.store.schema import dump_json

VERSION = 6
_UNLIT = "the sample has no caption, or its manifest row is broken"


class Caption:
    """Measures how vague each caption is, and whether the model can verify it at all.

    Args:
        options: Section ``analyses.caption`` of the config.
        seed: For the choice of the images that captions are held against.
    """

    name = "caption"
    options_model = CaptionConfig
    traits = AnalysisTraits(needs=("repetition",))
    metrics = METRICS

    def __init__(self, options: CaptionConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._summary: CaptionSummary | None = None

    def fingerprint(self) -> str:
        """Return a digest of code version, options and seed."""
        return digest_analysis(self.name, VERSION, self._options, seed=self._seed)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence of the vaguest captions: ``cues`` (stable words), ``sentence``, ``generic_words`` and, under
        ``fitting``, the ids of three images that it fits about equally well; of the least verifiable: ``reasons``.
        """
        num_images = count_images(shards, self._seed)
        background = gather_background(shards, self._options, self._seed)
        rows = CaptionRows.join([self._measure(shard, read_signs(shard), background, num_images) for shard in shards])
        foreign = find_foreign_languages(rows, background)
        rows.add_languages(foreign)
        is_vague = worst_rows(rows.vagueness)
        is_unverifiable = worst_rows(rows.unverifiable)
        ids = read_ids(shards, rows.picks)
        tally = CaptionTally(background, num_images, foreign)
        start = 0
        for shard in shards:
            signs = read_signs(shard)
            stop = start + len(signs.captions)
            sample_ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            part = rows.part(start, stop)
            evidence: list[JsonObject] = [{} for _ in signs.captions]
            for row in np.flatnonzero(is_vague[start:stop] | is_unverifiable[start:stop]).tolist():
                if is_vague[start + row]:
                    evidence[row] |= _tell_vague(row, signs, part)
                if is_unverifiable[start + row] and (reasons := list(_reasons(row, signs, part, foreign))):
                    evidence[row]["reasons"] = reasons
                evidence[row] |= _tell_fitting(row, part, ids, num_images)
            tally.add(sample_ids.to_pylist(), signs, part.values())
            yield analysis_table(
                sample_ids,
                part.values(),
                reasons=_UNLIT,
                causes="no_caption",
                evidence=[dump_json(entry) if entry else None for entry in evidence],
            )
            start = stop
        self._summary = tally.summary()

    def summary(self) -> JsonObject:
        """Return whether the model could be used, the worst captions, and sentences, some for judging to count."""
        return {} if self._summary is None else self._summary.to_json()

    def _measure(
        self, shard: ShardTables, signs: CaptionSigns, background: Background | NoBackground, num_images: int
    ) -> CaptionRows:
        """Return one shard's figures; what needs all shards is added later."""
        rows = CaptionRows.absent(len(signs.captions))
        known = signs.has_caption
        repetition = repetition_share(signs.counts, num_images)
        worded = lexical_vagueness(signs.specificity, signs.filename_likeness, np.zeros(len(known)))
        rows.worded[known] = worded[known]
        flat = np.full(len(known), np.nan)
        images = texts = np.zeros((0, 0), dtype=np.float32)
        measured = own = np.zeros(0, dtype=np.int64)
        if isinstance(background, Background):
            present, vectors = read_embeddings(shard, PROBE, ["image", "text"])
            vectors = {name: block[known[present]] for name, block in vectors.items()}
            measured = np.flatnonzero(present & known)
            images, texts = vectors["image"], vectors["text"]
        if isinstance(background, Background) and len(measured):
            halves = half_keys(shard, PROBE, present & known, vectors, self._seed)
            own = background.find_own(halves["image"])
            fit, own_z = background.measure(images, texts, own)
            flat[measured] = flatness(fit.entropy)
            rows.entropy[measured] = fit.entropy
            rows.spread[measured] = fit.spread / background.spread
            rows.num_fitting[measured] = np.maximum(fit.num_fitting * num_images / len(background.images), 1.0)
            rows.own_z[measured] = own_z
            rows.keys[measured] = pair_keys(halves, ("image", "text"))
        trust = background.trust if isinstance(background, Background) else 0.0
        lexical = lexical_vagueness(signs.specificity, signs.filename_likeness, weigh_repetition(repetition, flat))
        rows.lexical[known] = lexical[known]
        rows.flat[:] = flat
        rows.vagueness[known] = combine_vagueness(flat, lexical, trust)[known]
        signs_of = [signs.unknown_ratio, signs.fragmentation, unexplained_flatness(flat, lexical)]
        rows.unverifiable[known] = np.fmax.reduce(signs_of)[known]
        rows.set_languages(signs.languages)
        if isinstance(background, Background):
            shown = worst_rows(np.fmax(rows.vagueness[measured], rows.unverifiable[measured]))
            places = np.flatnonzero(shown & (flat[measured] >= SIGN_FIRES))
            for place, number in zip(places.tolist(), own[places].tolist(), strict=True):
                picks = background.pick_fitting(
                    images[place], texts[place], number, float(fit.num_fitting[place]), NUM_EXAMPLES
                )
                rows.picks[measured[place], : len(picks)] = picks
        return rows


def _tell_vague(row: int, signs: CaptionSigns, part: CaptionRows) -> JsonObject:
    """Return what makes a caption vague, as far as anything does."""
    cues = _cues(row, signs, part)
    if not cues:
        return {}
    found: JsonObject = {"cues": list(cues), "sentence": "It " + _listed(list(cues.values())) + "."}
    if signs.generic_words[row]:
        found["generic_words"] = signs.generic_words[row]
    return found


def _tell_fitting(row: int, part: CaptionRows, ids: dict[int, str], num_images: int) -> JsonObject:
    """Return which and how many images a caption fits, where that is known."""
    found: JsonObject = {}
    if fitting := [ids[pick] for pick in part.picks[row].tolist() if pick >= 0]:
        found["fitting"] = fitting
    if np.isfinite(part.num_fitting[row]):
        found["num_fitting_images"], found["num_images"] = round(float(part.num_fitting[row])), num_images
    return found


def _cues(row: int, signs: CaptionSigns, part: CaptionRows) -> dict[str, str]:
    """Return the signs of vagueness that fired, with half a sentence each."""
    cues: dict[str, str] = {}
    if part.flat[row] >= SIGN_FIRES:
        cues["fits_many_images"] = f"fits about {part.num_fitting[row]:,.0f} images of the set equally well"
    if signs.content_words[row] <= 1:
        number = int(signs.content_words[row])
        cues["few_content_words"] = "has no content word" if number == 0 else "has one content word"
    if signs.generic_words[row]:
        cues["generic_words"] = "uses general words (" + ", ".join(signs.generic_words[row][:4]) + ")"
    if signs.counts[row] >= NUM_EXAMPLES:
        cues["repeated"] = f"used for {signs.counts[row]:,.0f} different images"
    if signs.filename_likeness[row] >= SIGN_FIRES:
        cues["file_name"] = "looks like a file name"
    return cues


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _reasons(row: int, signs: CaptionSigns, part: CaptionRows, foreign: dict[str, float]) -> Iterator[str]:
    """Yield why a caption cannot be verified."""
    if signs.unknown_ratio[row] >= SIGN_FIRES:
        yield "unknown_words"
    if signs.fragmentation[row] >= SIGN_FIRES:
        yield "unknown_script"
    if signs.languages[row] in foreign:
        yield "foreign_language"
    if unexplained_flatness(part.flat[row : row + 1], part.lexical[row : row + 1])[0] >= SIGN_FIRES:
        yield "no_information"
