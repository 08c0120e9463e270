"""The tree that configs/*.yaml fills. Unknown keys are errors with the nearest name; all faults are told at once."""

from __future__ import annotations

import codecs
import difflib
import importlib.resources
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError

# libyaml's loader is the same safe loader, ten times faster; wheels of PyYAML have it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """Refuses a key that is given twice: the later one would silently win."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool):
                if key in seen:
                    line = key_node.start_mark.line + 1
                    raise yaml.YAMLError(f"the key {key!r} is given twice (line {line})")
                seen.add(key)
        return super().construct_mapping(node, deep)


PRESETS = ("demo", "default", "fast", "quality")

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnsConfig(_Section):
    """Names of the manifest's columns; null means: by the format's own convention."""

    id: str | None = Field(None, description="column with the sample's own id")
    image: str | None = Field(None, description="column with the image's path, URL or bytes")
    audio: str | None = Field(None, description="column with the recording's path, URL or bytes")
    caption: str | None = Field(None, description="column with the caption")
    transcript: str | None = Field(None, description="column with the transcript")
    language: str | None = Field(None, description="column with the language code")
    start: str | None = Field(None, description="column with the segment's first second (NeMo: offset)")
    duration: str | None = Field(None, description="column with the segment's length in seconds")


class InputConfig(_Section):
    """How manifests are read."""

    format: str = Field("auto", description="auto, or a name of `mmcheck list`")
    columns: ColumnsConfig = ColumnsConfig()
    delimiter: str | None = Field(None, description="CSV delimiter; null: sniffed", min_length=1, max_length=1)
    has_header: bool | None = Field(None, description="whether CSV files have a header; null: sniffed")
    encoding: str = Field("utf-8", description="text encoding of the manifests; a BOM is honoured anyway")
    language: str | None = Field(None, description="language of rows that name none, e.g. en")
    allow_remote: bool = Field(False, description="whether media may be fetched from http(s), s3, ... named in rows")
    max_text_bytes: int = Field(1_000_000, ge=1, description="a longer caption or transcript is a broken row")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError as error:
            raise ValueError("unknown text encoding; try utf-8, utf-16, latin-1 or cp1252") from error
        return value


class MediaProbeConfig(_Section):
    """The media probe."""

    enabled: bool = True
    max_pixels: int = Field(100_000_000, ge=1, description="larger images are refused undecoded (decompression bombs)")
    max_audio_seconds: float = Field(7200.0, gt=0, description="longer recordings are refused")
    vad_threshold: float = Field(0.5, gt=0, lt=1, description="Silero speech probability that counts as speech")
    vad: bool = Field(True, description="measure speech seconds with the Silero model that faster-whisper ships")


class CaptionTextConfig(_Section):
    """The caption_text probe."""

    enabled: bool = True
    detect_language: bool = True


class ImageTextConfig(_Section):
    """The image_text probe."""

    enabled: bool = True
    backend: Literal["auto", "open_clip", "transformers"] = "auto"
    model: str = Field("ViT-B-32", description="open_clip name, bundled name, local folder, or hf-hub: name")
    pretrained: str | None = Field(None, description="open_clip pretrained tag; null for folders and hub names")
    precision: Precision = "auto"
    batch_size: int = Field(64, ge=1, le=4096)
    long_captions: Literal["split", "truncate"] = Field("split", description="what to do beyond the model's context")


class UncertainConfig(_Section):
    """Below any of these a transcript is looked at more closely (transcribed) under ``transcribe: uncertain``."""

    mean_log_prob: float = Field(-1.0, le=0)
    worst_word_log_prob: float = Field(-5.0, le=0)
    end_log_prob: float = Field(-3.0, le=0)
    tail_log_prob: float = Field(-4.0, le=0)


class TranscriptConfig(_Section):
    """The transcript probe."""

    enabled: bool = True
    model: str = Field("base", description="Whisper size, bundled name, local folder (either format), or hub name")
    backend: Literal["auto", "transformers", "ctranslate2"] = Field("auto", description="what verifies")
    compute_type: str = Field("auto", description="ctranslate2 compute type: auto, int8, float32, float16, ...")
    precision: Precision = "auto"
    window: Literal["full", "fitted"] = Field("full", description="30 s windows, or cut to the clip's length")
    verify: bool = True
    transcribe: Literal["always", "uncertain", "never"] = "uncertain"
    uncertain: UncertainConfig = UncertainConfig()
    beam_size: int = Field(5, ge=1, le=100)
    batch_size: int = Field(16, ge=1, le=1024)
    detect_language: bool = True


class ProbesConfig(_Section):
    """One section a probe; ``enabled: false`` leaves it out."""

    media: MediaProbeConfig = MediaProbeConfig()
    caption_text: CaptionTextConfig = CaptionTextConfig()
    image_text: ImageTextConfig = ImageTextConfig()
    transcript: TranscriptConfig = TranscriptConfig()

    def enabled(self) -> list[str]:
        """Return the names of the probes that will run, in the order of the tree."""
        return [name for name in type(self).model_fields if getattr(self, name).enabled]


class ConditionConfig(_Section):
    """A rule applies only where this metric is at least ``min`` and at most ``max`` (both inclusive)."""

    metric: str
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounds(self) -> ConditionConfig:
        _check_bounds(self.min, self.max)
        return self


class RuleConfig(_Section):
    """One rule of the policy. ``min`` and ``max`` name the side that is kept."""

    rule: str = Field("threshold", description="kind, see `mmcheck list`")
    enabled: bool = True
    metric: str | None = Field(None, description="<probe>.<metric> for rule: threshold")
    min: float | None = Field(None, description="smallest value that is kept")
    max: float | None = Field(None, description="largest value that is kept")
    when: Annotated[tuple[ConditionConfig, ...], Field(description="all must hold for the rule to apply")] = ()
    languages: Annotated[tuple[str, ...], Field(description="apply only to these languages; empty: all")] = ()
    action: Literal["flag", "quarantine", "unchecked"] = "quarantine"
    message: str | None = Field(None, description="plain sentence for the finding")

    @model_validator(mode="before")
    @classmethod
    def _unmeasured_is_unchecked(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("rule") == "unmeasured":
            return {"action": "unchecked", **tree}
        return tree

    @model_validator(mode="after")
    def _bounds(self) -> RuleConfig:
        _check_bounds(self.min, self.max)
        if self.rule == "threshold":
            if self.metric is None:
                raise ValueError("a threshold rule needs `metric: <probe>.<metric>`")
            if self.min is None and self.max is None:
                raise ValueError("a threshold rule needs `min`, `max` or both")
        elif self.metric is not None or self.min is not None or self.max is not None:
            raise ValueError(f"`metric`, `min` and `max` belong to rule: threshold, not to {self.rule!r}")
        return self


class RunConfig(_Section):
    """The run itself."""

    shard_size: int = Field(512, ge=1, le=100_000, description="samples a shard: the unit of work and of resume")
    seed: int = 0
    device: Device = "auto"
    workers: int = Field(0, ge=0, le=256, description="decoding threads; 0: by the number of cores")


class OutputConfig(_Section):
    """What is written for the trainer."""

    paths: Literal["absolute", "relative", "keep"] = Field(
        "absolute",
        description="media paths in the written manifests: absolute, relative to them, or as they were",
    )
    columns: bool = Field(True, description="whether mmcheck_* columns are added to the rows")
    write_media: bool = Field(False, description="also write the media (new tar shards, or a folder with copies)")


class ReportConfig(_Section):
    """The HTML report."""

    max_rows: int = Field(200, ge=0, description="findings shown with their media")
    thumbnail_pixels: int = Field(160, ge=16, le=1024)
    max_audio_seconds: float = Field(20.0, gt=0, description="longer recordings are cut in the player")


class Config(_Section):
    """Everything that decides what a run measures and how it judges."""

    input: InputConfig = InputConfig()
    run: RunConfig = RunConfig()
    probes: ProbesConfig = ProbesConfig()
    rules: dict[str, RuleConfig] = Field(default_factory=dict)
    output: OutputConfig = OutputConfig()
    report: ReportConfig = ReportConfig()

    def policy_digest(self) -> str:
        """Return the digest of the rules alone: what `judge` depends on."""
        return digest_value({name: rule.model_dump(mode="json") for name, rule in self.rules.items()})

    def to_yaml(self) -> str:
        """Return the resolved tree as YAML; loading it gives an equal config."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _check_bounds(low: float | None, high: float | None) -> None:
    for value in (low, high):
        if value is not None and not math.isfinite(value):
            raise ValueError(f"a limit must be a finite number, but is {value}")
    if low is not None and high is not None and low > high:
        raise ValueError(f"`min` ({low}) is above `max` ({high}): nothing could be kept")


def bundled_dir(name: str) -> Path:
    """Return the folder of bundled files: ``configs``, ``models`` or ``demo_data``.

    In a wheel they lie in ``mmcheck/_bundled``; in a checkout at the top level.

    Raises:
        FileNotFoundError: If the installation is incomplete.
    """
    package = Path(str(importlib.resources.files("mmcheck")))
    for candidate in (package / "_bundled" / name, package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"bundled folder {name!r} is missing from the installation at {package}")


def load_config(source: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Return the config of a preset name or YAML file, with ``key.path=value`` overrides applied.

    Args:
        source: Name of a preset, path of a YAML file, or None for the preset ``default``.
        overrides: ``section.key=value`` strings; the value is read as YAML.

    Raises:
        ConfigError: Naming every fault at once.
    """
    where, text = read_config_source("default" if source is None else source)
    try:
        tree = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{where} must hold a mapping of sections, but holds a {type(tree).__name__}.")
    apply_overrides(tree, overrides)
    return parse_config(tree, where)


def apply_overrides(tree: dict[str, Any], overrides: Sequence[str]) -> None:
    """Set ``section.key=value`` strings in a plain tree, in place; the values are read as YAML.

    Raises:
        ConfigError: If one of them is not of that form.
    """
    for override in overrides:
        _apply_override(tree, override)


def parse_config(tree: dict[str, Any], where: str = "config") -> Config:
    """Return the validated config of a plain tree.

    Raises:
        ConfigError: Naming every fault at once, with the path of the key and the nearest known name.
    """
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise ConfigError(f"{where} has {count}:\n{lines}", hint="`mmcheck config schema` prints all keys.") from error


def read_config_source(source: str | Path) -> tuple[str, str]:
    """Return the name and the text of a preset or config file.

    Raises:
        ConfigError: If it cannot be read.
    """
    name = str(source)
    path = Path(name)
    if name in PRESETS and not path.suffix:
        path = bundled_dir("configs") / f"{name}.yaml"
    try:
        return str(source), path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        near = difflib.get_close_matches(name, PRESETS, n=1)
        raise ConfigError(
            f"config {name!r} cannot be read: {reason}.",
            hint=f"did you mean the preset {near[0]!r}?" if near else f"presets are: {', '.join(PRESETS)}.",
        ) from error


def _apply_override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set wants section.key=value, but got {override!r}.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: the value {text!r} is not valid YAML.") from error
    node = tree
    for part in parts[:-1]:
        child = node.get(part)
        if child is None:
            child = node[part] = {}
        if not isinstance(child, dict):
            raise ConfigError(f"--set {key}: {part!r} is a value, not a section.")
        node = child
    node[parts[-1]] = value


def _describe(fault: Any) -> str:
    path = ".".join(str(part) for part in fault["loc"]) or "(top level)"
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        return f"{path}: unknown key" + (f"; did you mean {near[0]!r}?" if near else f"; known are: {', '.join(known)}")
    message = fault["msg"].removeprefix("Value error, ")
    shown = fault.get("input")
    suffix = f" (got {shown!r})" if isinstance(shown, str | int | float | bool) else ""
    return f"{path}: {message}{suffix}"


def _known_keys(path: tuple[Any, ...]) -> list[str]:
    section: Any = Config
    for part in path:
        if section is Config and part == "rules":
            section = dict
        elif section is dict:
            section = RuleConfig
        elif isinstance(part, str) and isinstance(section, type) and issubclass(section, BaseModel):
            section = section.model_fields[part].annotation if part in section.model_fields else None
        elif isinstance(part, int):
            section = ConditionConfig
    if isinstance(section, type) and issubclass(section, BaseModel):
        return list(section.model_fields)
    return []
