"""The kinds of pairs, told apart everywhere: an image with its caption, a recording with its transcript.

A sample may hold a pair of each kind. Each is measured, judged and explained for itself, so whatever speaks of a pair
asks here for its halves, its probe, its metrics and its words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mmcheck.core.types import MediaRef, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What holds the halves of pairs against each other, and what judges by it."""

    probe: str
    """Probe that compares them."""
    metrics: tuple[str, ...]
    """Metrics of the probe, without its name, of which one at least says whether the two belong together."""
    posterior: str
    """Full name of the probability that a pair is a random pairing."""
    cause_column: str
    """Column of the posterior's analysis with the stable word for why a pair was not judged."""

    @property
    def judged_by(self) -> str:
        """Return the analysis that judges."""
        return self.posterior.partition(".")[0]


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
    """Metrics of the probe, without its name, of which one at least says whether the two belong together; the first is
    the score by which pairs are ranked."""
    shown_by: tuple[str, ...]
    """Metrics of the probe, without its name, by which a page orders kept pairs; the first that there is."""
    embedded_by: str
    """Probe that stores the embedding of the medium, under the name of its column."""
    analyses: tuple[str, ...]
    """Analyses that look at pairs of this kind through the same model."""
    judged_by: str = "alignment"
    """Analysis that says whether the halves of a pair belong together, or why that cannot be said."""
    second: Comparison | None = None
    """A second model that compares such pairs too, where one is named: it stands in where ``probe`` did not run."""
    by_words: tuple[str, ...] = ()
    """Metrics of those that stand on the words alone where the model cannot judge."""
    written: tuple[tuple[str, str], ...] = ()
    """The field's own names of scores (``wer`` of ``mmcheck_wer``), and the metrics; written rows always have them."""
    heard_by: str | None = None
    """Probe whose evidence holds what a model read in the medium itself; written as ``mmcheck_pred_text``."""
    decoding_limit: str
    """Option of the media probe that bounds how much of a medium is decoded."""
    is_seen: bool
    """Whether the medium is looked at (a picture) or listened to (sound)."""
    says_something: str
    """Pattern (RE2) of what a text must hold to say anything."""
    medium_noun: str
    """What people call the medium: ``recording``."""
    pair: str
    """What people call one of them: ``image-caption pair``."""
    pairs: str
    """What people call several of them: ``image-caption pairs``."""
    data: str
    """What people call the data: ``these recordings``."""
    task: str
    """What a model learns from such pairs, as the Hugging Face hub names it (``task_categories``)."""
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

    @property
    def basis_column(self) -> str:
        """Return the column of an analysis that says what a judgement rests on, where that is not the set itself."""
        return f"{self.name}_basis"

    def is_of(self, metric: str) -> bool:
        """Return whether a metric says something about pairs of this kind alone.

        Args:
            metric: Its full name.
        """
        part, _, name = metric.partition(".")
        by = {self.probe, *self.analyses, *((self.second.probe, self.second.judged_by) if self.second else ())}
        return part in by or (part == self.judged_by and name.startswith(f"{self.name}_"))

    def compared_by(self, ran: Collection[str]) -> Comparison | None:
        """Return what compared the pairs of a run; None if nothing did.

        Args:
            ran: Probes of the run.
        """
        own = Comparison(
            probe=self.probe, metrics=self.comparisons, posterior=self.posterior, cause_column=self.cause_column
        )
        return next((it for it in (own, self.second) if it is not None and it.probe in ran), None)

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
    def score(self) -> str:
        """Return the metric of the probe, without its name, by which pairs are ranked."""
        return self.comparisons[0]

    @property
    def is_embedded_by_model(self) -> bool:
        """Return whether the model of the pairs embeds the medium: then embeddings of other weights are not alike."""
        return self.embedded_by == self.probe

    @property
    def halves(self) -> str:
        """Return the two halves as people name them: ``image and caption``."""
        return f"{self.medium_noun} and {self.text_noun}"

    @property
    def media_noun(self) -> str:
        """Return what people call several of the media: ``recordings``."""
        return f"{self.medium_noun}s"

    @property
    def text_noun(self) -> str:
        """Return what people call the text: ``caption``."""
        return self.text.replace("_", " ")

    @property
    def texts_noun(self) -> str:
        """Return what people call several of the texts: ``transcripts``."""
        return f"{self.text_noun}s"

    def medium_of(self, sample: Sample) -> MediaRef | None:
        """Return the sample's medium of this kind; None if it has none."""
        found: MediaRef | None = getattr(sample, self.medium)
        return found

    def text_of(self, sample: Sample) -> str | None:
        """Return the sample's text of this kind; None if its manifest has none."""
        found: str | None = getattr(sample, self.text)
        return found


IMAGE_CAPTION = PairKind(
    name="image",
    medium="image",
    text="caption",
    probe="image_text",
    comparisons=("similarity",),
    shown_by=("similarity",),
    embedded_by="image_text",
    analyses=("caption", "caption_words"),
    written=(("similarity", "image_text.similarity"),),
    by_words=("caption.vagueness", "caption.lexical_vagueness"),
    decoding_limit="max_pixels",
    is_seen=True,
    # A caption may be made of pictographs; nobody speaks a note sign.
    says_something=r"[\p{L}\p{N}\p{So}]",
    medium_noun="image",
    pair="image-caption pair",
    pairs="image-caption pairs",
    data="this data",
    task="image-to-text",
    hint="try another model, e.g. probes.image_text.model: ViT-L-14 with pretrained: openai, or for "
    "captions in languages other than English google/siglip2-base-patch16-224",
)
AUDIO_TRANSCRIPT = PairKind(
    name="audio",
    medium="audio",
    text="transcript",
    probe="transcript",
    comparisons=("mean_log_prob", "error_rate", "wer", "cer"),
    shown_by=("mean_log_prob", "worst_word_log_prob", "wer"),
    embedded_by="media",
    analyses=("speech",),
    second=Comparison(
        probe="transcript_second",
        metrics=("mean_log_prob",),
        posterior="agreement.second_posterior",
        cause_column="cause",
    ),
    written=(("wer", "transcript.wer"), ("cer", "transcript.cer")),
    heard_by="transcript",
    decoding_limit="max_audio_seconds",
    is_seen=False,
    says_something=r"[\p{L}\p{N}]",
    medium_noun="recording",
    pair="recording with its transcript",
    pairs="recordings with transcripts",
    data="these recordings",
    task="automatic-speech-recognition",
    hint="try another model, e.g. probes.transcript.model: small, and check that the model knows the language",
)
PAIR_KINDS = (IMAGE_CAPTION, AUDIO_TRANSCRIPT)
"""All of them, in the order in which they are told of."""
KIND_OF: Mapping[str, PairKind] = {kind.name: kind for kind in PAIR_KINDS}
"""Name, as stored in tables and summaries -> kind."""
MEDIA = tuple(dict.fromkeys(kind.medium for kind in PAIR_KINDS))
"""Columns of media in the samples."""
TEXTS = tuple(dict.fromkeys(kind.text for kind in PAIR_KINDS))
"""Columns of texts in the samples."""
