"""Is a pair a random pairing? Learned from re-pairings of the dataset's own halves, without labels or thresholds.

Every peer asks the user for a number that depends on model and domain. Here the dataset itself shows what random pairs
score; a mixture with that null says how probable it is that a pair is one of them. A small p-value alone would mostly
mark uninformative captions, so rules read the posterior.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Metric
from mmcheck.corpus import image_alignment, speech_alignment
from mmcheck.corpus.alignment_fit import SliceVerdict, describe_slices
from mmcheck.corpus.base import ShardTables, analysis_table
from mmcheck.corpus.image_alignment import ImageAlignment
from mmcheck.corpus.row_scores import RowScores
from mmcheck.corpus.speech_alignment import SpeechAlignment

VERSION = 1
WORDS = {"image": image_alignment.WORDS, "audio": speech_alignment.WORDS}
_NOTHING = "the sample has no pair whose alignment was measured"


class Alignment:
    """Judges image-caption pairs and recordings with transcripts against random pairings.

    Args:
        options: Section ``analyses.alignment`` of the config.
        seed: Decides which pairs stand for the whole set.
    """

    name = "alignment"
    needs: tuple[str, ...] = ()
    metrics = (
        Metric(
            name="alignment.posterior",
            description="probability that the pair is a random pairing, by a mixture whose null is the dataset's own "
            "re-pairings; of a sample with image and recording the larger",
            low=0.0,
            high=1.0,
            higher_is_better=False,
        ),
        Metric(
            name="alignment.score",
            description="what the posterior rests on: the hubness-corrected similarity of image and caption, or the "
            "transcript's mean token log-probability as compared with other transcripts",
            higher_is_better=True,
        ),
        Metric(
            name="alignment.p_value",
            description="share of random pairings that score at least as high; a large one alone often means an "
            "uninformative caption",
            low=0.0,
            high=1.0,
            higher_is_better=False,
        ),
    )

    def __init__(self, options: AlignmentConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._summary: dict[str, Any] = {}

    def fingerprint(self) -> str:
        """Return a digest of the code version, the options and the seed."""
        options = self._options.model_dump(mode="json", exclude={"enabled"})
        return digest_value({"analysis": self.name, "version": VERSION, "options": options, "seed": self._seed})

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order."""
        image = ImageAlignment(self._options, self._seed)
        speech = SpeechAlignment(self._options, self._seed)
        values = {"image": image.judge(shards), "audio": speech.judge(shards)}
        self._summary = summarise({"image": image.verdicts, "audio": speech.verdicts}, image.num_unverifiable)
        worse = _worse(values["image"], values["audio"])
        start = 0
        for shard in shards:
            ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            rows = slice(start, start + len(ids))
            yield _table(ids, values, worse[rows], rows)
            start += len(ids)

    def summary(self) -> dict[str, Any]:
        """Return, by modality and slice, state, shares, bins and sentences."""
        return self._summary


def summarise(verdicts: dict[str, dict[str, SliceVerdict]], num_unverifiable: int) -> dict[str, Any]:
    """Return the summary fit for JSON: a part a modality (its slices under ``slices``), and all sentences."""
    found: dict[str, Any] = {}
    sentences: list[str] = []
    for modality, slices in verdicts.items():
        if not slices:
            continue
        part = describe_slices(slices, WORDS[modality])
        if modality == "image" and num_unverifiable and part["state"] != "model_cannot_tell":
            text = (
                f"{count_noun(num_unverifiable, 'caption consists', 'captions consist')} mostly of words that the "
                f"model does not know; {'it was' if num_unverifiable == 1 else 'they were'} not judged."
            )
            part["num_unverifiable"] = num_unverifiable
            part["sentences"].append(text)
        found[modality] = part
        sentences += part["sentences"]
    return {**found, "sentences": sentences}


def _worse(image: RowScores, audio: RowScores) -> NDArray[np.bool_]:
    """Return where the recording's posterior is the one that counts."""
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.isfinite(audio.posterior) & (~np.isfinite(image.posterior) | (audio.posterior > image.posterior))
        )


def _table(ids: pa.Array, values: dict[str, RowScores], worse: NDArray[np.bool_], rows: slice) -> pa.Table:
    image, audio = values["image"], values["audio"]
    columns = {
        name: np.where(worse, getattr(audio, name)[rows], getattr(image, name)[rows])
        for name in ("posterior", "score", "p_value")
    }
    reasons: list[str | None] = []
    causes: list[str | None] = []
    for first, second in zip(image.reason[rows].tolist(), audio.reason[rows].tolist(), strict=True):
        cause, reason = (
            image.reasons[first] if first >= 0 else audio.reasons[second] if second >= 0 else (None, _NOTHING)
        )
        reasons.append(reason)
        causes.append(cause)
    return analysis_table(ids, columns, reasons=reasons, causes=causes)
