"""The records of an export: what was asked for, what a target is like, one row on its way out and its media."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mmcheck.config import Config
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Action, MediaRef, Row, Sample
from mmcheck.formats.base import OutputRow

MediaMode = Literal["reference", "link", "copy"]
"""How media come along: their paths, links to them, or copies of them."""
PathMode = Literal["absolute", "relative", "keep"]
"""How paths are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTraits:
    """What a target says of itself before it is made."""

    kinds: tuple[str, ...] = ()
    """Names of the kinds of pairs that it takes (``image``, ``audio``); empty: any."""
    needs_text: bool = True
    """Whether a row without text is left out."""
    takes_broken: bool = False
    """Whether it gets rows that could not be read, and those without a medium, as well."""
    media: tuple[MediaMode, ...] = ("reference", "link", "copy")
    """How media may come along; the first is what is done unless ``--media`` says otherwise."""
    paths: tuple[PathMode, ...] = ("absolute", "relative", "keep")
    """How paths may be written; the first is what is done where media come along."""
    has_offsets: bool = False
    """Whether it can name a part of a recording by its start and duration, so that nothing need be cut."""
    has_channels: bool = False
    """Whether it can name a channel of a recording."""
    takes_urls: bool = True
    """Whether its readers fetch media from addresses. If not, ``--media reference`` refuses those."""
    has_further: bool = False
    """Whether further media of a row are named as well; they never come along."""
    has_shards: bool = False
    """Whether ``--shard-size`` means something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What an export was asked for, as far as a target wants to know."""

    config: Config
    """The config that judged the run: names of columns, how the input is read."""
    columns: bool
    """Whether the ``mmcheck_*`` columns are written. Rows come without them if not."""
    paths: PathMode
    """How paths are written."""
    media: MediaMode
    """How media come along."""
    shard_size: int
    """Rows a shard."""
    final: Path
    """Where the files will be once they are all written: absolute."""
    sources: tuple[tuple[str, str], ...]
    """Manifest and format of each input of the run."""
    worse: Mapping[str, bool | None] = field(default_factory=dict)
    """Names of the added columns of numbers -> whether higher is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One row on its way to a trainer."""

    index: int
    """0-based place in the run; unique, and the same in every export."""
    action: Action
    """The verdict."""
    out: OutputRow
    """The sample with its own columns, and the ``mmcheck_*`` columns; what ``Format.write`` takes."""
    kinds: tuple[PairKind, ...]
    """The kinds of pairs that the row holds, of those that the target takes."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What the probe ``media`` measured: ``width``, ``height``, ``duration``, ``sampling_rate``, ``channels``."""

    @property
    def sample(self) -> Sample:
        """Return the sample: id, media, texts, language and its own columns."""
        return self.out.sample

    @property
    def added(self) -> Row:
        """Return the ``mmcheck_*`` columns that have a value."""
        return {name: value for name, value in self.out.extra.items() if value is not None}

    @property
    def kind(self) -> PairKind:
        """Return the kind of pair that the row holds; the first, if it holds several."""
        return self.kinds[0]

    def medium(self, kind: PairKind | None = None) -> MediaRef:
        """Return where the row's medium is.

        Raises:
            LookupError: If it has none of this kind.
        """
        found = (kind or self.kind).medium_of(self.sample)
        if found is None:
            raise LookupError(f"row {self.sample.id!r} has no {(kind or self.kind).medium_noun}")
        return found

    def text(self, kind: PairKind | None = None) -> str:
        """Return the row's text; "" if it has none."""
        return (kind or self.kind).text_of(self.sample) or ""

    @property
    def seconds(self) -> float | None:
        """Return the length of the recording or of the segment in seconds, as measured, else as declared."""
        measured = self.facts.get("duration")
        return measured if measured is not None else self.medium().duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A medium as a written row names it."""

    path: str
    """Path or URL, as ``--paths`` says."""
    file: str
    """Where it is once the export is in place: an absolute path or a URL."""
    here: str
    """Where it is while the export is made."""
    start: float | None = None
    """First second of the part that is meant, where the target can say so; else the file is that part."""
    duration: float | None = None
    """Length of that part in seconds; None: to the end."""
    channel: int | None = None
    """0-based channel that is meant, where the target can say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaBytes:
    """A medium as the content of a file."""

    data: bytes
    """The bytes."""
    suffix: str
    """The ending that fits them, with its dot: ``.jpg``."""
    name: str
    """The last part of the name that it came from."""
