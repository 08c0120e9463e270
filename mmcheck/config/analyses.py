"""The sections of the analyses: what the whole set shows, worked out from stored measurements."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mmcheck.config.part_sections import PartSection, PartSections
from mmcheck.core.parts import ANALYSES


class RepetitionConfig(PartSection):
    """How often equal texts, files and pairs occur."""


class DuplicatesConfig(PartSection):
    """Near-duplicates, in groups with one kept representative."""

    image_similarity: float = Field(0.95, gt=0, le=1, description="cosine from which two images may be the same")
    image_hash_distance: int = Field(10, ge=0, le=64, description="perceptual-hash bits (of 64) that may differ")
    image_colour_distance: float = Field(
        24.0, ge=0, le=255, description="levels (of 255) by which colours may differ, brightness evened out"
    )
    audio_similarity: float = Field(0.93, gt=0, le=1, description="fingerprint cosine of the same recording")
    audio_duration_difference: float = Field(
        1.0, ge=0, description="seconds by which the same recording may be longer, plus 2 percent of it"
    )
    text_similarity: float = Field(0.9, gt=0, le=1, description="Jaccard similarity of near-equal texts")
    keep: Literal["best_aligned", "largest", "first"] = Field(
        "best_aligned", description="which member represents a group; `first`: by name"
    )


class AlignmentConfig(PartSection):
    """Is a pair mismatched? Learned by pairing the dataset's own texts at random."""

    score: Literal["csls", "s_clip_loss", "cosine"] = Field(
        "csls", description="score that is compared with random pairs"
    )
    neighbours: int = Field(10, ge=1, le=1000, description="neighbours that csls looks at")
    bank_size: int = Field(
        2048, ge=64, le=65536, description="images and texts sampled for random pairs and neighbours"
    )
    slice_by: Annotated[
        tuple[str, ...],
        Field(description="manifest columns (or `language`, `manifest`) whose values are judged separately"),
    ] = ("language",)
    domains: bool = Field(
        True, description="whether image-caption pairs are judged separately where the images lie far apart"
    )
    min_domain: int = Field(100, ge=50, description="a smaller group of images is no domain of its own")
    min_pairs: int = Field(50, ge=10, description="fewer distinct pairs are not judged")
    min_slice: int = Field(300, ge=50, description="a smaller slice is judged with the rest")
    max_unknown_tokens: float = Field(
        0.5, ge=0, le=1, description="share of a caption's tokens unknown to the model above which it is unverifiable"
    )


class SpeechConfig(PartSection):
    """What is wrong with a transcript, against the dataset's own bulk."""

    min_clips: int = Field(
        50,
        ge=10,
        description="fewer clips are not judged by themselves, but by real recordings measured with their model",
    )
    slice_by: Annotated[
        tuple[str, ...],
        Field(description="manifest columns (or `language`, `manifest`) whose values have limits of their own"),
    ] = ("language",)
    min_slice: int = Field(300, ge=50, description="a smaller slice is judged by the limits of the whole set")


class AgreementConfig(PartSection):
    """Do both verifiers of transcripts say the same?"""

    min_pairs: int = Field(50, ge=10, description="fewer distinct recordings are not judged by the second verifier")
    min_slice: int = Field(300, ge=50, description="a smaller language is judged with the rest")


class CaptionConfig(PartSection):
    """Does the caption say anything that other images do not show?"""

    bank_size: int = Field(2048, ge=64, le=65536, description="images that each caption is compared with")
    min_images: int = Field(50, ge=10, description="with fewer distinct images, captions are not judged")


class CaptionWordsConfig(PartSection):
    """Which word of a caption is wrong? Learned from the dataset's own words and planted wrong ones."""

    bank_size: int = Field(4096, ge=64, le=65536, description="pairs that words are learned from")
    min_pairs: int = Field(200, ge=50, description="with fewer pairs to learn from, words are not judged")


class ConsistencyConfig(PartSection):
    """Do like images have like captions, and like captions like images?"""

    vague_from: float = Field(
        0.65,
        ge=0,
        le=1,
        description="vagueness from which a caption contradicts no other (as `vague_caption`)",
    )


class SelfMadeConfig(PartSection):
    """Were the transcripts written by the very model that judges them?"""

    min_clips: int = Field(50, ge=20, description="fewer transcripts do not show who wrote them")
    min_words: int = Field(
        5, ge=1, description="shorter transcripts are not counted: people and models write them alike"
    )
    min_share: float = Field(0.1, gt=0, le=1, description="a smaller share of the model's transcripts is passed over")


class AnalysesConfig(PartSections):
    """One section an analysis; ``enabled: false`` leaves it out."""

    table = ANALYSES
    repetition: RepetitionConfig = RepetitionConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()
    alignment: AlignmentConfig = AlignmentConfig()
    speech: SpeechConfig = SpeechConfig()
    agreement: AgreementConfig = AgreementConfig()
    caption: CaptionConfig = CaptionConfig()
    caption_words: CaptionWordsConfig = CaptionWordsConfig()
    consistency: ConsistencyConfig = ConsistencyConfig()
    self_made: SelfMadeConfig = SelfMadeConfig()
