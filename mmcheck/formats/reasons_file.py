"""What was decided on the rows of a list that has no place for columns: a file beside it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mmcheck.core.types import RowDict
from mmcheck.formats.base import OutputRow
from mmcheck.formats.jsonl import json_line
from mmcheck.formats.output_rows import with_added
from mmcheck.formats.text_source import open_output

SUFFIX = ".reasons.jsonl"
_IN_MEMORY = 1 << 20  # bytes of lines that need no file while they wait; our own choice: bounds memory


class Reasons:
    """``<stem>.reasons.jsonl``: one object for each written row, in their order.

    Args:
        folder: Folder of the written list.
        stem: Its name without suffix.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self._final = folder / f"{stem}{SUFFIX}"
        self._lines = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))
        self._rows: dict[str, int] = {}

    def add(self, out: OutputRow, file: str = "") -> None:
        """Note what goes with the row that was just written.

        Args:
            out: The row.
            file: Which of several lists it stands in; "" where there is one.
        """
        if not self._rows:
            self._final.parent.mkdir(parents=True, exist_ok=True)
        number = self._rows[file] = self._rows.get(file, 0) + 1
        place: RowDict = {"file": file} if file else {}
        place |= {"row": number, "input_row": out.sample.row_number}
        self._lines.write(json_line(with_added(place, out.extra)) + b"\n")

    def write(self) -> list[Path]:
        """Write the file, if there is anything to tell, and return it."""
        if not self._rows:
            return []
        self._lines.seek(0)
        with open_output(self._final) as file:
            shutil.copyfileobj(self._lines, file)
        return [self._final]
