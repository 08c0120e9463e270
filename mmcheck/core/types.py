"""The records that travel between the layers.

All are frozen, slotted and keyword-only. A value that was not measured is absent (``None``), never NaN and
never -1, so that no later sum can swallow it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    from mmcheck.core.json_types import JsonValue

Row: TypeAlias = Mapping[str, Any]
"""A manifest's row as it was read: whatever its format allows."""

RowDict: TypeAlias = dict[str, Any]
"""A manifest's row while it is being made or changed."""


class Action(StrEnum):
    """What happens to a sample. Every sample ends in exactly one."""

    KEEP = "keep"
    FLAG = "flag"
    QUARANTINE = "quarantine"
    UNCHECKED = "unchecked"


class Status(StrEnum):
    """How a measurement went."""

    MEASURED = "measured"
    NOT_APPLICABLE = "not_applicable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRef:
    """Where the bytes of one image or recording are."""

    uri: str
    """Absolute path or fsspec URL of a file, or of the archive or Parquet file that holds the medium."""
    member: str | None = None
    """Name inside the archive (tar), or ``column[row]`` inside a Parquet file."""
    offset: int | None = None
    """First byte inside ``uri`` where the medium can be read as a byte range (uncompressed tar)."""
    size: int | None = None
    """Length of that byte range in bytes."""
    start: float | None = None
    """First second of the segment inside the recording; None means from the beginning."""
    duration: float | None = None
    """Length of the segment in seconds; None means to the end."""
    channel: int | None = None
    """0-based channel of the recording that the row is about (a side of a call); None means all of them, mixed."""

    @property
    def name(self) -> str:
        """Short name for people: the member, else the last part of the URI."""
        return self.member or self.uri.rstrip("/").rsplit("/", 1)[-1]

    @property
    def place(self) -> str:
        """Where it is, for people: the path or URL, and behind ``::`` the member of an archive or table."""
        return f"{self.uri}::{self.member}" if self.member else self.uri


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Why a manifest row could not be turned into a sample that can be measured."""

    cause: str
    """Stable snake_case word: ``broken_json``, ``ragged``, ``not_an_object``, ``missing_column``, ``encoding``, ..."""
    message: str
    """Plain sentence that names manifest, row and cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherMedium:
    """One more image or recording of a row: it is checked as a file, and the row stays whole."""

    column: str
    """The column that names it."""
    modality: str
    """``image`` or ``audio``."""
    ref: MediaRef
    """Where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One pair: a medium and its text, with the untouched manifest row."""

    id: str
    """Unique in the run: the manifest's own id, else path or key (``path#2`` for a second text)."""
    manifest: str
    """Path or URL of the manifest that the row came from."""
    row_number: int
    """1-based line or row in that manifest, as an editor would show it."""
    image: MediaRef | None = None
    """The image, if the row has one."""
    audio: MediaRef | None = None
    """The recording (or segment of one), if the row has one."""
    caption: str | None = None
    """The text that belongs to the image; "" if the row gives an empty one, None if the row has no such column."""
    transcript: str | None = None
    """The words said to be spoken in the recording; "" and None as for caption."""
    language: str | None = None
    """BCP-47 or Whisper language code from the manifest, if given."""
    row: Row = field(default_factory=dict)
    """The manifest row, unknown columns included (media bytes excluded), JSON-serialisable."""
    item: int | None = None
    """Which of the texts of its row this sample has, 0-based; None if the row has one only."""
    split: tuple[str, ...] = ()
    """List columns of the row of which ``row`` holds this sample's item alone."""
    further: tuple[FurtherMedium, ...] = ()
    """Other media of the row."""
    own_id: bool = False
    """Whether ``id`` stands in the manifest (two equal ones are then the user's error) or was derived."""
    problem: RowProblem | None = None
    """Set when the row is broken: nothing is measured and the judge quarantines it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What one number of a probe means."""

    name: str
    """``<probe>.<metric>``."""
    description: str
    """One sentence in plain words."""
    unit: str = "1"
    """Unit: ``1`` (pure number), ``s``, ``Hz``, ``px``, ``nat``, ``word``, ``char``, ``char/s`` ..."""
    low: float | None = None
    """Smallest possible value; None if unbounded."""
    high: float | None = None
    """Largest possible value; None if unbounded."""
    higher_is_better: bool | None = None
    """Which way speaks for the pair; None if neither does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteColumn:
    """A column of bytes of fixed size that a probe stores beside its metrics, for whoever compares media."""

    name: str
    """Name of the column in the probe's parts."""
    size: int
    """Bytes a row."""
    description: str
    """One sentence in plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one probe found out about one sample."""

    sample_id: str
    """Id of the sample."""
    probe: str
    """Name of the probe."""
    status: Status
    """How it went."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Metric name without the probe's prefix -> finite number. Metrics that do not apply are absent."""
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)
    """JSON-serialisable material for people and later stages: hypothesis, word alignment, language ..."""
    content: Mapping[str, bytes] = field(default_factory=dict)
    """Name of a ``ByteColumn`` of the probe -> the bytes of this row. What is absent is stored as null."""
    reason: str | None = None
    """For ``failed`` and ``not_applicable``: a plain sentence."""
    cause: str | None = None
    """For ``failed``: the stable word of the MediaError, e.g. ``missing``."""
    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Name -> 1-D float array (numpy), stored as a fixed-size float16 list."""

    def __post_init__(self) -> None:
        """Refuse values that are not finite numbers.

        Raises:
            ValueError: If a value is NaN or infinite.
        """
        for name, value in self.values.items():
            if not math.isfinite(value):
                msg = f"{self.probe}.{name} of sample {self.sample_id!r} must be a finite number, but is {value}."
                raise ValueError(msg)

    @classmethod
    def failed(cls, sample_id: str, probe: str, reason: str, cause: str) -> Measurement:
        """Return the measurement of a sample that could not be measured."""
        return cls(sample_id=sample_id, probe=probe, status=Status.FAILED, reason=reason, cause=cause)

    @classmethod
    def not_applicable(cls, sample_id: str, probe: str, reason: str) -> Measurement:
        """Return the measurement of a sample that the probe has nothing to say about."""
        return cls(sample_id=sample_id, probe=probe, status=Status.NOT_APPLICABLE, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why a sample is not simply kept."""

    rule: str
    """Name of the rule in the config."""
    code: str
    """``<rule>.<cause>``: stable and documented."""
    action: Action
    """What the rule asks for."""
    message: str
    """Plain sentence for people."""
    metric: str | None = None
    """``<probe>.<metric>`` that the rule looked at."""
    observed: float | None = None
    """Value seen."""
    limit: float | None = None
    """Value wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision on one sample. Holds no clock time: judging twice gives equal bytes."""

    sample_id: str
    """Id of the sample."""
    action: Action
    """The decision."""
    findings: tuple[Finding, ...] = ()
    """Why."""
    policy_digest: str = ""
    """Digest of the rules that decided."""
    decided_by: str = "policy"
    """``policy`` or the reviewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A run of consecutive samples: the unit of work, of retry and of resume."""

    index: int
    """0-based number of the shard; also the name of its parts, five digits."""
    start: int
    """First sample (0-based, over the whole run)."""
    stop: int
    """One past the last sample."""

    @property
    def part(self) -> str:
        """File name of the shard's part, without folder."""
        return f"{self.index:05d}.parquet"
