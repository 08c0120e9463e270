"""Conceptual Captions (CC3M, CC12M): lines of a caption and the image's URL, or the other way round, no header.

The images are addresses. They are fetched only where ``input.allow_remote`` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.new_text import put_text
from mmcheck.formats.text_source import looks_binary, read_head, read_lines

_LINES = 20  # lines looked at to tell the layout; our own choice: quick
_CAPTION, _URL = "column_1", "column_2"

Order = Literal["caption", "url"]
"""What a line begins with."""


class ConceptualFormat:
    """List of captions and addresses of images, separated by a tab.

    Args:
        options: Input options.
    """

    name = "conceptual"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether each of the first lines is a text and a URL."""
        return Recognised.SIGNATURE if self._order(manifest) is not None else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest``; nothing is fetched.

        Raises:
            ManifestError: If it cannot be opened or is not text.
        """
        return self._csv(manifest).read_as(manifest, "image")

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
        """Write ``rows`` as the same list; what was found goes into ``<stem>.reasons.jsonl``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input, for the order of its fields.
            added: Types of the new columns.
        """
        return self._csv(manifest).write(rows, folder, stem, output, manifest=manifest or f"{stem}.tsv", added=added)

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another caption; None if it is not there."""
        return put_text(sample.row, (self._options.columns.caption or _CAPTION, _URL), sample.caption, text)

    def _csv(self, manifest: str) -> CsvFormat:
        is_turned = bool(manifest) and self._order(manifest) == "url"
        names = {"image": _CAPTION, "caption": _URL} if is_turned else {"image": _URL, "caption": _CAPTION}
        own = self._options.columns.model_dump(exclude_none=True)
        columns = self._options.columns.model_copy(update={**names, **own})
        changed = {"delimiter": "\t", "has_header": False, "quoting": "none", "columns": columns}
        return CsvFormat(self._options.model_copy(update=changed))

    def _order(self, manifest: str) -> Order | None:
        try:
            if looks_binary(read_head(manifest)):
                return None
            lines = [line.text for line in islice(read_lines(manifest, self._options.encoding), _LINES)]
        except ManifestError:
            return None
        fields = [line.split("\t") for line in lines if line.strip()]
        if not fields or any(len(one) != 2 for one in fields):
            return None
        if all(_is_web(one[1]) and not _is_web(one[0]) for one in fields):
            return "caption"
        return "url" if all(_is_web(one[0]) and not _is_web(one[1]) for one in fields) else None


def _is_web(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))
