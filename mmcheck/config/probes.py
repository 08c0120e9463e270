"""The sections of the probes: what is measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from mmcheck.config.part_sections import PartSection, PartSections
from mmcheck.config.section import Precision, Section
from mmcheck.core.parts import PROBES


class MediaProbeConfig(PartSection):
    """The media probe."""

    max_pixels: int = Field(100_000_000, ge=1, description="larger images are refused undecoded (decompression bombs)")
    max_audio_seconds: float = Field(7200.0, gt=0, description="longer recordings are refused")
    max_decode_seconds: float = Field(60.0, gt=0, description="processor seconds after which a file is given up")
    vad_threshold: float = Field(0.5, gt=0, lt=1, description="Silero speech probability that counts as speech")
    vad: bool = Field(True, description="measure speech seconds with the Silero model that faster-whisper ships")
    fingerprints: bool = Field(True, description="store fingerprints to find near-duplicates; costs a few milliseconds")


class CaptionTextConfig(PartSection):
    """The caption_text probe."""

    detect_language: bool = True


class TranscriptTextConfig(PartSection):
    """The transcript_text probe."""


class ImageTextConfig(PartSection):
    """The image_text probe."""

    backend: Literal["auto", "open_clip", "transformers"] = "auto"
    model: str = Field("ViT-B-32", description="open_clip name, bundled name, local folder, or hf-hub: name")
    pretrained: str | None = Field(None, description="open_clip pretrained tag; null for folders and hub names")
    precision: Precision = "auto"
    batch_size: int = Field(64, ge=1, le=4096)
    long_captions: Literal["split", "truncate"] = Field(
        "split", description="how to handle captions beyond the model's context"
    )


class UncertainConfig(Section):
    """Below any of these a transcript is looked at more closely (transcribed) under ``transcribe: uncertain``."""

    mean_log_prob: float = Field(-1.0, le=0)
    worst_word_log_prob: float = Field(-5.0, le=0)
    end_log_prob: float = Field(-3.0, le=0)
    tail_log_prob: float = Field(-4.0, le=0)


class TranscriptConfig(PartSection):
    """The transcript probe."""

    model: str = Field("base", description="Whisper size, bundled name, local folder (either format), or hub name")
    backend: Literal["auto", "transformers", "ctranslate2"] = Field("auto", description="library that verifies")
    compute_type: str = Field("auto", description="ctranslate2 compute type: auto, int8, float32, float16, ...")
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto", description="of transformers; int8: its encoder, on a CPU"
    )
    window: Literal["auto", "full", "padded", "fitted"] = Field(
        "auto",
        description="30 s windows, 5 s of silence behind each clip, or cut to its length; auto: by a trial on some "
        "clips of the run",
    )
    verify: bool = True
    transcribe: Literal["always", "uncertain", "never"] = "uncertain"
    uncertain: UncertainConfig = UncertainConfig()
    spellings: int = Field(8, ge=0, le=64, description="other spellings of an uncertain transcript that are tried")
    beam_size: int = Field(5, ge=1, le=100)
    batch_size: int = Field(16, ge=1, le=1024)
    detect_language: bool = True


class TranscriptNullConfig(PartSection):
    """The transcript_null probe: other clips' texts under sampled recordings."""

    num_clips: int = Field(
        200, ge=0, description="recordings sampled at most: a tenth, but no fewer than 60, and all of up to 200"
    )
    num_texts: int = Field(3, ge=1, le=20, description="other transcripts of similar length scored on each")


class TranscriptSecondConfig(PartSection):
    """The transcript_second probe: another model verifies the transcripts too. Without a model it does not run."""

    model: str | None = Field(
        None, description="Hugging Face CTC model or second Whisper: bundled name, folder, hub name; null: none"
    )
    adapter: str | None = Field(None, description="language of an MMS adapter, such as eng; null: the model as it is")
    languages: list[str] = Field([], description="languages that the model knows; empty: all rows are verified")
    batch_size: int = Field(16, ge=1, le=1024)
    num_clips: int = Field(500, ge=0, description="recordings sampled in the whole run, for the null")
    num_texts: int = Field(3, ge=1, le=20, description="other transcripts of similar length scored on each")

    @field_validator("model")
    @classmethod
    def _check_model(cls, model: str | None) -> str | None:
        # Taken for null, a name that some script left empty would leave the second model out without a word.
        if model is not None and not model.strip():
            raise ValueError("is empty; null means no second model")
        return model

    @property
    def lacks(self) -> str | None:
        """Return what the probe still needs before it runs: a model."""
        return None if self.model else "model: a CTC model or a second Whisper"


class ProbesConfig(PartSections):
    """One section a probe; ``enabled: false`` leaves it out."""

    table = PROBES
    media: MediaProbeConfig = MediaProbeConfig()
    caption_text: CaptionTextConfig = CaptionTextConfig()
    transcript_text: TranscriptTextConfig = TranscriptTextConfig()
    image_text: ImageTextConfig = ImageTextConfig()
    transcript: TranscriptConfig = TranscriptConfig()
    transcript_null: TranscriptNullConfig = TranscriptNullConfig()
    transcript_second: TranscriptSecondConfig = TranscriptSecondConfig()
