"""The kinds of pairs, told apart everywhere: an image with its caption, a recording with its transcript.

A sample may hold a pair of each kind. Each is measured, judged and explained for itself, so whatever speaks of a pair
asks here for its halves, its probe, its metrics and its words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PairKind:
    """One kind of pair."""

    name: str
    """``image``, ``audio``: what its metrics begin with (``alignment.image_posterior``)."""
    medium: str
    """Column of the medium in the samples."""
    text: str
    """Column of the text in the samples."""
    probe: str
    """Probe that holds the two halves against each other."""
    comparisons: tuple[str, ...]
    """Metrics of the probe, without its name, of which one at least says whether the two belong together."""
    analyses: tuple[str, ...]
    """Analyses that look at pairs of this kind through the same model."""
    judged_by: str = "alignment"
    """Analysis that says whether the halves of a pair belong together, or why that cannot be said."""
    by_words: tuple[str, ...] = ()
    """Metrics of those that stand on the words alone where the model cannot judge."""
    medium_noun: str
    """What people call the medium: ``recording``."""
    pair: str
    """What people call one of them: ``image-caption pair``."""
    pairs: str
    """What people call several of them: ``image-caption pairs``."""
    data: str
    """What people call the data: ``these recordings``."""
    hint: str
    """What to try where the model cannot tell right pairs from random ones."""

    @property
    def raw_metrics(self) -> tuple[str, ...]:
        """Return the full names of the metrics by which a rule judges a pair without the set's own null."""
        return tuple(f"{self.probe}.{name}" for name in self.comparisons)

    @property
    def posterior(self) -> str:
        """Return the full name of the probability that a pair of this kind is a random pairing."""
        return f"{self.judged_by}.{self.name}_posterior"

    @property
    def cause_column(self) -> str:
        """Return the column of ``judged_by`` with the stable word for why a pair was not judged."""
        return f"{self.name}_cause"

    @property
    def reason_column(self) -> str:
        """Return the column of ``judged_by`` that says so in a sentence."""
        return f"{self.name}_reason"

    def is_by_model(self, metric: str) -> bool:
        """Return whether a metric means something only where the model of these pairs can judge the data.

        Not the raw ones: a rule on them is somebody's own limit.

        Args:
            metric: Its full name.
        """
        if metric in self.raw_metrics or metric in self.by_words:
            return False
        return metric.partition(".")[0] in (self.probe, *self.analyses)

    @property
    def halves(self) -> str:
        """Return the two halves as people name them: ``image and caption``."""
        return f"{self.medium_noun} and {self.text}"


IMAGE_CAPTION = PairKind(
    name="image",
    medium="image",
    text="caption",
    probe="image_text",
    comparisons=("similarity",),
    analyses=("caption",),
    by_words=("caption.vagueness", "caption.lexical_vagueness"),
    medium_noun="image",
    pair="image-caption pair",
    pairs="image-caption pairs",
    data="this data",
    hint="try another model, e.g. probes.image_text.model: ViT-L-14 with pretrained: openai, or for "
    "captions in other languages than English google/siglip2-base-patch16-224",
)
AUDIO_TRANSCRIPT = PairKind(
    name="audio",
    medium="audio",
    text="transcript",
    probe="transcript",
    comparisons=("mean_log_prob", "error_rate", "wer", "cer"),
    analyses=("speech",),
    medium_noun="recording",
    pair="recording with its transcript",
    pairs="recordings with transcripts",
    data="these recordings",
    hint="try another model, e.g. probes.transcript.model: small, and see that the language is one that it knows",
)
PAIR_KINDS = (IMAGE_CAPTION, AUDIO_TRANSCRIPT)
"""All of them, in the order in which they are told of."""
