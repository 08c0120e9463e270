"""Picks the worst of a whole run's captions and says what holds for all; how many are vague, judging counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.corpus.caption.background import Background, NoBackground
from mmcheck.corpus.caption.signs import CaptionSigns
from mmcheck.corpus.caption.summary import CaptionExample, CaptionSummary, ModelFigures
from mmcheck.corpus.constants import WEAK_TRUST
from mmcheck.corpus.evidence_rows import LEAST_EVIDENCE
from mmcheck.corpus.sentence_to_count import SentenceToCount
from mmcheck.metrics.caption_words import count_words

NUM_EXAMPLES = 3
"""Examples of each kind. Our own choice: enough to see what is meant."""


class CaptionTally:
    """Gathers what the summary says, shard by shard.

    Args:
        background: What captions were held against, or why there was nothing.
        num_images: Different images of the run.
        foreign: Languages that the model does not know.
    """

    def __init__(self, background: Background | NoBackground, num_images: int, foreign: dict[str, float]) -> None:
        self._background = background
        self._num_images = num_images
        self._foreign = foreign
        self._num_captions = 0
        self._worst: dict[str, list[tuple[float, str, str]]] = {"vagueness": [], "unverifiable": []}

    def add(self, ids: list[str], signs: CaptionSigns, values: dict[str, Floats]) -> None:
        """Take in one shard."""
        self._num_captions += int(signs.has_caption.sum())
        for name, worst in self._worst.items():
            rows = np.flatnonzero(values[name] > LEAST_EVIDENCE)
            rows = rows[np.argsort(-values[name][rows], kind="stable")]
            found = list(islice(self._worded(name, rows, ids, signs, values[name]), 4 * NUM_EXAMPLES))
            texts: dict[str, tuple[float, str, str]] = {}
            for entry in sorted([*worst, *found]):
                texts.setdefault(entry[1].strip().lower(), entry)
            worst[:] = list(texts.values())[:NUM_EXAMPLES]

    def _worded(
        self, name: str, rows: NDArray[np.int64], ids: list[str], signs: CaptionSigns, values: Floats
    ) -> Iterator[tuple[float, str, str]]:
        for row in rows.tolist():
            caption = signs.captions[row] or ""
            # Without a single word there is nothing to be vague: the rules tell such captions by another name.
            if name != "vagueness" or count_words(caption):
                yield -float(values[row]), caption, ids[row]

    def summary(self) -> CaptionSummary:
        """Return the summary of all shards counted."""
        background = self._background
        first = list(self._sentences_on_model())
        return CaptionSummary(
            model=_tell_model(background) if isinstance(background, Background) else None,
            cause=None if isinstance(background, Background) else background.cause,
            num_captions=self._num_captions,
            num_images=self._num_images,
            foreign_languages=sorted(self._foreign),
            worst={
                name: [CaptionExample(id=id_, caption=caption, value=-value) for value, caption, id_ in entries]
                for name, entries in self._worst.items()
            },
            sentences=[*first, *self._sentences_on_languages()],
            counted=list(self._counted(len(first))),
        )

    def _sentences_on_model(self) -> Iterator[str]:
        if not self._num_captions:
            return
        if isinstance(self._background, NoBackground):
            yield f"{self._background.sentence} Vague captions are found by their words alone."
        elif self._background.trust < WEAK_TRUST:
            yield "This model barely tells the captions of this set apart; vague ones are found mostly by their words."

    def _counted(self, place: int) -> Iterator[SentenceToCount]:
        """Yield sentences for judging to complete."""
        if not self._num_captions:
            return
        fitting = "" if isinstance(self._background, NoBackground) else ": they fit most images about equally well"
        said = "{count:,} of {compared:,} captions %s vague ({share:.1%%})" + fitting + "."
        yield SentenceToCount(
            metric="caption.vagueness",
            compared=self._num_captions,
            one=said % "is",
            many=said % "are",
            place=place,
            # Without a single word there is nothing to be vague: the rules tell such captions by another name.
            worded="caption",
        )
        said = (
            "{count:,} of {compared:,} captions cannot be verified by this model: "
            "it understands hardly any of their words."
        )
        yield SentenceToCount(
            metric="caption.unverifiable",
            compared=self._num_captions,
            one=said,
            many=said,
            place=place,
        )

    def _sentences_on_languages(self) -> Iterator[str]:
        if not self._num_captions:
            return
        for language in sorted(self._foreign):
            yield (
                f"Captions in the language '{language}' fit their own images no better than others; this model does "
                "not seem to know it. Hint: a multilingual model, e.g. probes.image_text.model: "
                "google/siglip2-base-patch16-224."
            )


def _tell_model(background: Background) -> ModelFigures:
    return ModelFigures(
        num_bank_images=len(background.images),
        temperature=background.temperature,
        specific_spread=background.spread,
        mean_own_z=background.mean_own_z,
        trust=background.trust,
    )
