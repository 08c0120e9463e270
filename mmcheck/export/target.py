"""What every export target can do: the seam between a finished run and a trainer's format.

A target gets neutral rows (``ExportRow``) and a shelf that places, copies, cuts or reads their media, and writes files
below a folder. It knows nothing of runs, of the format that the rows came from, or of how an export is put in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, cast, runtime_checkable

from mmcheck.config import Config
from mmcheck.core import parts
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.registry import Registry
from mmcheck.core.types import Action, MediaRef, Row, Sample
from mmcheck.formats.base import Added, OutputRow

if TYPE_CHECKING:
    from mmcheck.export.shelf import MediaShelf

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


class Rows(Protocol):
    """The rows to write. They can be gone through several times, streaming, always in the order of the manifests."""

    def __iter__(self) -> Iterator[ExportRow]: ...

    @property
    def added(self) -> Added:
        """Return the ``mmcheck_*`` columns that some row has a value of, and what they hold."""
        ...

    def leave_out(self, row: ExportRow, reason: str) -> None:
        """Count a row that cannot be written, and why (``has no uid``); it then is in no file.

        What counts is the last time the rows were gone through.
        """
        ...

    def note(self, sentence: str) -> None:
        """Tell something about the whole export, once."""
        ...


@runtime_checkable
class Target(Protocol):
    """A format that a run can be exported to."""

    name: ClassVar[str]
    traits: ClassVar[TargetTraits]

    def __init__(self, options: TargetOptions) -> None: ...

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``rows`` below ``folder``, which may hold what an interrupted export left: files are written anew.

        The same rows give the same bytes: no clock, no random number. Memory does not grow with the rows. No rows: a
        valid, empty export.

        Args:
            rows: The rows.
            shelf: Places or reads their media.
            folder: Where to; it is moved to ``options.final`` once all is written.

        Raises:
            UserError: If the run has nothing that the target needs.
            OutputError: If it cannot be written.
        """
        ...

    def how_to_load(self) -> str:
        """Return the line that loads what was written: a command, or a line of Python."""
        ...


TARGETS = cast("Registry[Target]", parts.TARGETS)
"""The table of targets, for those who make them."""
