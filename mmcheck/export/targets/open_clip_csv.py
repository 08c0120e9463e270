"""open_clip's CSV: ``filepath`` and ``title``, between tabs, as ``open_clip_train --dataset-type csv`` reads it."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

from mmcheck.core.atomic import atomic_path
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.target import Rows, TargetOptions, TargetTraits
from mmcheck.export.with_media import with_files

NAME = "train.csv"
_MISSING = frozenset(
    (
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"),
        *("NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""Texts that ``pandas.read_csv`` takes for a missing value, quoted or not."""


class OpenClipCsv:
    """open_clip's CSV of paths and captions.

    Args:
        options: What was asked for.
    """

    name = "open-clip-csv"
    traits = TargetTraits(kinds=("image",))

    def __init__(self, options: TargetOptions) -> None:
        self._options = options

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``train.csv``, one line a pair; columns of mmcheck's come last."""
        added = list(rows.added)
        spaced = 0
        with atomic_path(folder / NAME) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            # Not the module's default dialect: its line ends are \r\n, and a bare \r in a caption wants quotes.
            table = csv.writer(file, delimiter="\t", lineterminator="\n")
            table.writerow(["filepath", "title", *added])
            for row, placed in with_files(rows, shelf):
                title = row.text()
                if title in _MISSING:
                    title, spaced = f"{title} ", spaced + 1
                table.writerow([placed.path, title, *(_cell(row.added.get(name)) for name in added)])
        if spaced:
            rows.note(
                f"A space was put behind {spaced:,} captions such as null or NA, which pandas would read as missing."
            )
        if self._options.paths == "relative":
            rows.note("open_clip looks for relative paths from the working directory: start it in the export's folder.")

    def how_to_load(self) -> str:
        """Return open_clip's command line."""
        file = shlex.quote(str(self._options.final / NAME))
        return (
            f"python -m open_clip_train.main --dataset-type csv --train-data {file} --csv-img-key filepath "
            "--csv-caption-key title --csv-separator $'\\t' --model ViT-B-32"
        )


def _cell(value: object) -> object:
    return "" if value is None else value
