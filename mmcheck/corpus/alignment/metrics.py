"""What the alignment analysis measures."""

from __future__ import annotations

from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT, IMAGE_CAPTION, PAIR_KINDS, PairKind
from mmcheck.core.types import Metric

_SCORES = {
    IMAGE_CAPTION.name: "the hubness-corrected similarity of image and caption",
    AUDIO_TRANSCRIPT.name: "the transcript's mean token log-probability compared with other transcripts",
}


def _metrics(kind: PairKind) -> tuple[Metric, ...]:
    return (
        Metric(
            name=kind.posterior,
            description=f"probability that {kind.halves} are mismatched, from a mixture model whose null is the "
            "dataset's own texts paired at random",
            low=0.0,
            high=1.0,
            higher_is_better=False,
        ),
        Metric(
            name=f"alignment.{kind.name}_score",
            description=f"what that probability is based on: {_SCORES[kind.name]}",
            higher_is_better=True,
        ),
        Metric(
            name=f"alignment.{kind.name}_p_value",
            description=f"share of random pairs of {kind.halves} that score at least as high; a large one alone "
            f"often means an uninformative {kind.text_noun}",
            low=0.0,
            high=1.0,
            higher_is_better=False,
        ),
    )


METRICS = tuple(metric for kind in PAIR_KINDS for metric in _metrics(kind))
