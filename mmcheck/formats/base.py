"""What every manifest format can do.

A format turns a manifest into samples and verdicts back into manifests. It never opens a medium: media are referred
to by ``MediaRef`` and read later, so reading a manifest is cheap and is done once, before anything is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, Protocol, cast, runtime_checkable

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core import parts
from mmcheck.core.registry import Registry
from mmcheck.core.types import Row, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRow:
    """One row on its way out."""

    sample: Sample
    """The sample, with its untouched row."""
    extra: Row
    """The ``mmcheck_*`` columns to add (empty if the config wants none); None: this row has no such value."""
    items: tuple[int, ...] = ()
    """Which items of the columns ``sample.split`` the row keeps, 0-based; empty: it is written as it is."""
    changed: tuple[str, ...] = ()
    """Columns of ``sample.row`` that were given another value; a format that copies rows from the source writes it."""


Added = Mapping[str, type[str] | type[float]]
"""Names of the ``mmcheck_*`` columns -> what they hold, the same for every manifest that is written of one input."""


class Recognised(IntEnum):
    """How surely a manifest is in a format. The surest one reads it; two that are equally sure are an error."""

    NO = 0
    """It is not."""
    SHAPE = 1
    """It can be read so, as much else can: a folder with media, lines of JSON, records of several fields."""
    CONTAINER = 2
    """The container shows it: a magic number, a tar archive."""
    CONVENTION = 3
    """Names of files and columns are those of a convention: ``metadata.jsonl`` with ``file_name``."""
    SIGNATURE = 4
    """A name or mark that no other format uses: ``audio_filepath``."""


@runtime_checkable
class Format(Protocol):
    """A manifest format. Instances hold the input options and no state."""

    name: ClassVar[str]

    def __init__(self, options: InputConfig) -> None: ...

    def recognise(self, manifest: str) -> Recognised:
        """Return how surely the content (not only the name) of ``manifest`` is in this format. Never raises."""
        ...

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest`` in order, streaming; a broken row is a sample with a ``problem``.

        Ids may repeat here; the planner makes derived ids unique and refuses own ids given twice.

        Raises:
            ManifestError: If the manifest as a whole cannot be read.
        """
        ...

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
    ) -> list[Path]:
        """Write ``rows`` (all of one input manifest, in order) as a manifest below ``folder``; return the files.

        Rows are written whole, unknown columns included; broken rows are written as they were read. No rows: an
        empty but valid manifest. The name is ``stem`` with the suffixes of ``manifest``, which the rows came from.

        ``added`` says which columns ``rows`` bring along and of what type they are, also where no row tells; None: as
        the rows say.
        """
        ...


FORMATS = cast("Registry[Format]", parts.FORMATS)
"""The table of formats, for those who make them."""
