"""Written JSON Lines on their way to the manifests: judged rows become lines at once and are never read again.

One file an action and input grows in a temporary folder and is moved to its place when all rows are judged.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.atomic import atomic_path
from mmcheck.core.types import Action, Sample
from mmcheck.formats.compression import SUFFIXES
from mmcheck.formats.jsonl_lines import LineMaker, lines_name
from mmcheck.formats.text_source import open_output
from mmcheck.store.schema import table_to_samples

_CHUNK = 8192  # rows rendered at once; our own choice: their objects stay in the processor's cache


class LineSpool:
    """The lines of all manifests that are written line by line.

    Args:
        folder: A temporary folder.
        options: Input options.
        output: Output options.
        place: Action and number of the input -> folder of the written manifest, which relative paths start from.
    """

    def __init__(
        self, folder: Path, options: InputConfig, output: OutputConfig, place: Callable[[Action, int], Path]
    ) -> None:
        self._folder = folder
        self._options = options
        self._output = output
        self._place = place
        self._makers: dict[tuple[Action, int], LineMaker] = {}

    def add(self, action: Action, number: int, table: pa.Table, extras: Sequence[str]) -> None:
        """Append rows of input ``number`` that have this action.

        Args:
            action: The action.
            number: Of the input.
            table: The columns of ``SAMPLES`` and those of ``extras``.
            extras: Names of the new columns.

        Raises:
            OutputError: If it cannot be written.
        """
        maker = self._makers.get((action, number))
        if maker is None:
            maker = LineMaker(self._options, self._output, self._place(action, number))
            self._makers[action, number] = maker
        with atomic_path(self._file(action, number)) as temporary:
            # Growing the file under its temporary name turns a full disk into a plain error.
            if self._file(action, number).exists():
                os.replace(self._file(action, number), temporary)
            with temporary.open("ab") as file:
                for start in range(0, table.num_rows, _CHUNK):
                    part = table.slice(start, _CHUNK)
                    file.write(maker.lines(part, extras, partial(_sample_at, part)))

    def holds(self, action: Action, number: int) -> bool:
        """Return whether any row of input ``number`` has this action."""
        return (action, number) in self._makers

    def write(self, action: Action, number: int, folder: Path, stem: str, manifest: str) -> list[Path]:
        """Put the lines of input ``number`` with this action below ``folder``; return the files.

        Args:
            action: The action.
            number: Of the input.
            folder: Where to.
            stem: Name without suffix.
            manifest: The input.

        Raises:
            OutputError: If it cannot be written.
        """
        final = folder / lines_name(manifest, stem)
        source = self._file(action, number)
        if not source.exists() or final.suffix in SUFFIXES:
            with open_output(final) as file:
                if source.exists():
                    with source.open("rb") as lines:
                        shutil.copyfileobj(lines, file, 1 << 20)
        else:
            with atomic_path(final) as temporary:
                os.replace(source, temporary)
        return [final]

    def _file(self, action: Action, number: int) -> Path:
        return self._folder / f"{action.value}-{number:05d}.lines"


def _sample_at(table: pa.Table, row: int) -> Sample:
    return table_to_samples(table.slice(row, 1))[0]
