"""Data-Juicer's JSON Lines: texts with its tokens, lists of media, scores in ``__dj__stats__``.

Its filters take a score that is there instead of measuring it again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import MediaError
from mmcheck.core.types import RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.speech_rows import own_row
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.typed_columns import ColumnTypes
from mmcheck.export.with_media import tell_fault
from mmcheck.export.write_back import can_write_back
from mmcheck.formats.base import OutputRow
from mmcheck.formats.images.data_juicer import DataJuicerFormat

NAME = "data.jsonl"
_MEMBERS = STATS, META = "__dj__stats__", "__dj__meta__"
_END = "<|__dj__eoc|>"
_MEASURED = {
    "image": {"image_width": "width", "image_height": "height"},
    "audio": {"audio_duration": "duration"},
}
"""Kind of pair -> Data-Juicer's name of a number -> what was measured."""
_SCORES = {"image": {"image_text_similarity": "mmcheck_similarity"}, "audio": {}}
"""Kind of pair -> Data-Juicer's name of a score -> the column."""


class DataJuicerTarget:
    """Data-Juicer dataset.

    Args:
        options: What was asked for.
    """

    name = "data-juicer"
    traits = TargetTraits(paths=("relative", "absolute", "keep"), takes_urls=False)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)
        self._measured: set[str] = set()
        self._added: set[str] = set()
        self._file = NAME

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``data.jsonl``; what was read as Data-Juicer's keeps its texts with all their tokens."""
        self._added = set(rows.added)
        types = ColumnTypes()
        for row in rows:
            self._measured.update(row.facts)
            types.add(self._further(row))
        stem = NAME.partition(".")[0]
        if can_write_back(self._options, DataJuicerFormat.name):
            output = OutputConfig(paths=self._options.paths)
            written = DataJuicerFormat(self._options.config.input).write(self._as_read(rows), folder, stem, output)
        else:
            output = OutputConfig(paths="keep")
            lines = self._lines(rows, shelf, types)
            written = DataJuicerFormat(InputConfig()).write(lines, folder, stem, output, manifest=NAME)
        self._file = written[0].name

    def how_to_load(self) -> str:
        """Return the command that looks at it."""
        return f"dj-analyze --auto --dataset_path {shlex.quote(str(self._options.final / self._file))}"

    def _as_read(self, rows: Rows) -> Iterator[OutputRow]:
        for row in rows:
            yield OutputRow(
                sample=replace(row.sample, row={**row.sample.row, **self._found(row)}, item=None, split=()), extra={}
            )

    def _lines(self, rows: Rows, shelf: MediaShelf, types: ColumnTypes) -> Iterator[OutputRow]:
        for row in rows:
            try:
                places = {kind: shelf.file(row, kind).path for kind in row.kinds}
            except MediaError as error:
                rows.leave_out(row, tell_fault(row, error))
                continue
            chunks = [f"<__dj__{kind.name}> {row.text(kind)} {_END}" for kind in row.kinds]
            columns: RowDict = {"text": " ".join(chunks)}
            columns |= {f"{kind.name}s": [path] for kind, path in places.items()}
            yield own_row(row, NAME, {**columns, **types.fit(self._further(row)), **self._found(row)}, {})

    def _further(self, row: ExportRow) -> RowDict:
        """Return the row's own columns under names that mean nothing else to Data-Juicer."""
        taken = {"text", "images", "audios", "videos"}
        own = self._own.beside_sound(row) if any(not kind.is_seen for kind in row.kinds) else self._own.rest(row)
        found = {f"own_{name}" if name in taken else name: value for name, value in own.items() if name not in _MEMBERS}
        found.setdefault("id", row.sample.id)
        return found

    def _found(self, row: ExportRow) -> RowDict:
        """Return what was measured and decided, beside what the row's own two members of Data-Juicer's hold."""
        own = {name: value for name in _MEMBERS if isinstance(value := row.sample.row.get(name), Mapping)}
        if not self._options.columns:
            return own
        stats: RowDict = dict(own.get(STATS, {}))
        for kind in row.kinds:
            for name, fact in _MEASURED[kind.name].items():
                if fact in self._measured:
                    stats[name] = [row.facts[fact]] if fact in row.facts else []
            for name, column in _SCORES[kind.name].items():
                # No score of a medium is an empty list, with which filters pass the row on.
                if column in self._added:
                    stats[name] = [row.added[column]] if column in row.added else []
        meta: RowDict = dict(own.get(META, {}))
        for name, value in row.added.items():
            (stats if isinstance(value, int | float) else meta)[name] = value
        return {STATS: stats, META: meta}
