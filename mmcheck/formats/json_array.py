"""One JSON array of objects: each object is a row, as in JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.types import Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.columns import EXAMPLE_ROWS, RoleFinder
from mmcheck.formats.json_document import document_head, first_rows, read_rows, write_array
from mmcheck.formats.jsonl import json_line
from mmcheck.formats.output_rows import RowWriter, media_place
from mmcheck.formats.paths import folder_of
from mmcheck.formats.rows import SampleMaker, until_break
from mmcheck.formats.text_source import open_output, output_name

_DETECT_ROWS = 4  # elements looked at to say whether a document is an array of objects; our own choice: quick


class JsonArrayFormat:
    """Manifest that is one JSON array of objects.

    Args:
        options: Input options.
    """

    name = "json"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is an array whose first elements are objects."""
        if not document_head(manifest, self._options.encoding).startswith("["):
            return Recognised.NO
        found = first_rows(manifest, self._options.encoding, _DETECT_ROWS)
        return Recognised.CONTAINER if found else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest``; rows count from 1.

        Raises:
            ManifestError: If it cannot be opened, is no JSON array, or lacks a configured column.
        """
        examples = first_rows(manifest, self._options.encoding, EXAMPLE_ROWS)
        finder = RoleFinder(self._options.columns, examples=examples)
        maker = SampleMaker(manifest, self._options, finder, base=folder_of(manifest))
        return until_break(manifest, maker.all(read_rows(manifest, self._options.encoding)))

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
        """Write ``rows`` as one array, an element a line; what could not be parsed stands there as a text.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input manifest, for the suffix.
            added: Types of the new columns.
        """
        final = folder / output_name(manifest, stem, ".json")
        writer = RowWriter(self._options, output, folder, media_folder=media_place(stem, None))
        with open_output(final) as file:
            write_array(file, (json_line(writer.columns(out), source=out.sample.row) for out in rows))
            file.write(b"\n")
        return [final]
