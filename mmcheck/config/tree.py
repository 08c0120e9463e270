"""The tree that configs/*.yaml fills."""

from __future__ import annotations

import codecs
from typing import Literal

import yaml
from pydantic import Field, PrivateAttr, field_validator

from mmcheck.config.analyses import AnalysesConfig
from mmcheck.config.embeddings import EmbeddingsConfig
from mmcheck.config.gate import GateConfig
from mmcheck.config.probes import ProbesConfig
from mmcheck.config.review import ReviewConfig
from mmcheck.config.rules import COLUMN_PREFIX, RuleConfig
from mmcheck.config.section import Device, Section
from mmcheck.core.digests import digest_value
from mmcheck.core.path_template import PathTemplate


class ColumnsConfig(Section):
    """Names of the manifest's columns; null means: by the format's own convention."""

    id: str | None = Field(None, description="column with the sample's own id; none: no column holds ids")
    image: str | None = Field(None, description="column with the image's path, URL or bytes")
    audio: str | None = Field(None, description="column with the recording's path, URL or bytes")
    caption: str | None = Field(None, description="column with the caption")
    transcript: str | None = Field(None, description="column with the transcript")
    language: str | None = Field(None, description="column with the language code")
    start: str | None = Field(None, description="column with the segment's first second (NeMo: offset)")
    duration: str | None = Field(None, description="column with the segment's length in seconds")
    channel: str | None = Field(
        None, description="column with the channel of a call that a row is about: 0, 1, A, left"
    )


class InputConfig(Section):
    """How manifests are read."""

    format: str = Field("auto", description="auto, or a name of `mmcheck list`")
    columns: ColumnsConfig = ColumnsConfig()
    root: str | None = Field(
        None, description="folder (or URL) that relative media paths start from; null: the manifest's own folder"
    )
    path: str | None = Field(
        None, description="where a row's medium lies, by the row's columns: clips/{path}, wavs/{id}.wav"
    )
    try_first: int = Field(
        64, ge=0, le=10_000, description="files a manifest that are looked for before anything is measured; 0: none"
    )
    delimiter: str | None = Field(None, description="CSV delimiter; null: sniffed", min_length=1, max_length=1)
    quoting: Literal["auto", "minimal", "backslash", "none"] = Field(
        "auto",
        description="how CSV and TSV write quotes: minimal (doubled in quoted fields), backslash (Spark, MySQL), none "
        "(quotes are text); auto: by the first records",
    )
    has_header: bool | None = Field(None, description="whether CSV files have a header; null: sniffed")
    encoding: str = Field("utf-8", description="text encoding of the manifests; a BOM is honoured anyway")
    language: str | None = Field(None, description="language of rows that name none, e.g. en")
    chat: Literal["answers", "first", "last", "turns"] = Field(
        "answers",
        description="which texts of a conversation are its image's caption: all answers, the first, the last, or turns "
        "(questions and answers)",
    )
    allow_remote: bool = Field(False, description="whether media may be fetched from http(s), s3, ... named in rows")
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    max_text_bytes: int = Field(1_000_000, ge=1, description="a longer caption or transcript is a broken row")
    _base: str | None = PrivateAttr(None)

    @property
    def base(self) -> str | None:
        """Return the folder that relative paths of one manifest start from, if neither it nor ``root`` tells it."""
        return self._base

    def based_at(self, folder: str | None) -> InputConfig:
        """Return these options for a manifest that does not lie where it was written, such as standard input."""
        if folder is None:
            return self
        copy = self.model_copy()
        copy._base = folder
        return copy

    @field_validator("delimiter", mode="before")
    @classmethod
    def _tab(cls, value: object) -> object:
        """Read the two characters that a shell or plain YAML leaves of a tab."""
        return "\t" if value == "\\t" else value

    @field_validator("path")
    @classmethod
    def _is_template(cls, value: str | None) -> str | None:
        if value is not None:
            PathTemplate(value)
        return value

    @field_validator("root")
    @classmethod
    def _names_folder(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("the folder of the media is empty; null: the manifest's own folder")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError as error:
            raise ValueError("unknown text encoding; try utf-8, utf-16, latin-1 or cp1252") from error
        return value


class RunConfig(Section):
    """The run itself."""

    shard_size: int = Field(512, ge=1, le=100_000, description="samples a shard: the unit of work and of resume")
    seed: int = 0
    device: Device = "auto"
    workers: int = Field(0, ge=0, le=256, description="decoding threads; 0: by the number of cores")
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="seconds after which what is measured of an unfinished shard is stored"
    )


class AliasConfig(Section):
    """A further name under which a written row has a value."""

    column: str = Field(description="similarity, wer, cer, pred_text, or <probe>.<metric>")
    percent: bool = Field(False, description="written times 100, as NeMo writes error rates")


class OutputConfig(Section):
    """What is written for the trainer."""

    paths: Literal["absolute", "relative", "keep"] = Field(
        "absolute",
        description="media paths in the written manifests: absolute, relative to them, or as they were",
    )
    columns: bool = Field(True, description="whether mmcheck_* columns are added to the rows")
    aliases: dict[str, AliasConfig] = Field(
        default_factory=dict,
        description="further columns: name -> similarity, wer, cer, pred_text or <probe>.<metric>",
    )
    write_media: bool = Field(False, description="also write the media (new tar shards, or a folder with copies)")

    @field_validator("aliases", mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        """Read ``name: wer`` as ``name: {column: wer}``."""
        if not isinstance(value, dict):
            return value
        return {name: {"column": alias} if isinstance(alias, str) else alias for name, alias in value.items()}


class ReportConfig(Section):
    """The HTML report."""

    max_rows: int = Field(200, ge=0, description="findings shown with their media")
    thumbnail_pixels: int = Field(160, ge=16, le=1024)
    max_audio_seconds: float = Field(20.0, gt=0, description="longer recordings are cut in the player")


class Config(Section):
    """Everything that decides what a run measures and how it judges."""

    input: InputConfig = InputConfig()
    run: RunConfig = RunConfig()
    probes: ProbesConfig = ProbesConfig()
    analyses: AnalysesConfig = AnalysesConfig()
    rules: dict[str, RuleConfig] = Field(default_factory=dict)
    review: ReviewConfig = ReviewConfig()
    gate: GateConfig = GateConfig()
    output: OutputConfig = OutputConfig()
    report: ReportConfig = ReportConfig()
    _preset: str = PrivateAttr("default")

    def __eq__(self, other: object) -> bool:
        """Compare what the configs say; which preset they came from does not matter."""
        return isinstance(other, Config) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]

    @property
    def preset(self) -> str:
        """Return the preset that this config is, or lies over."""
        return self._preset

    @property
    def judged_columns(self) -> tuple[str, ...]:
        """Return the manifest's own columns that enabled rules judge by, each once, in the order of the rules."""
        metrics = [rule.metric or "" for rule in self.rules.values() if rule.enabled]
        names = (metric.removeprefix(COLUMN_PREFIX) for metric in metrics if metric.startswith(COLUMN_PREFIX))
        return tuple(dict.fromkeys(names))

    def came_from(self, preset: str) -> Config:
        """Return this config with the preset that it is, or lies over."""
        copy = self.model_copy()
        copy._preset = preset
        return copy

    def policy_digest(self) -> str:
        """Return the digest of the rules alone: what `judge` depends on."""
        return digest_value({name: rule.model_dump(mode="json") for name, rule in self.rules.items()})

    def to_yaml(self) -> str:
        """Return the resolved tree as YAML; loading it gives an equal config, whatever the presets say by then."""
        head = f"extends: none\ncompared_with: {self.preset}\n"
        return head + yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
