"""Vectors and scores that people already have, taken for what the probe would measure: no model is loaded.

The parts that are stored are the probe's own, under a fingerprint of the files' digests, so that analyses, judge,
report, repair, overlap, coverage and a resumed scan find what they always find. run.json says that they were given.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmcheck.config import Config
from mmcheck.config.embeddings import EmbeddingsConfig
from mmcheck.core.arrays import Floats
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError, UserError
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.core.progress import Progress
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Shard
from mmcheck.formats.manifest_digest import describe_input
from mmcheck.probe.image_text_metrics import METRICS
from mmcheck.scanning.given_matching import Matching, Sides
from mmcheck.scanning.given_parts import make_part
from mmcheck.scanning.row_keys import parse_rows
from mmcheck.store.run_folder import read_part
from mmcheck.store.run_record import InputRecord, ProbeRecord, RunRecord
from mmcheck.store.schema import find_labels, find_whole_labels, write_part
from mmcheck.vectors.locate import Located, VectorPart, locate
from mmcheck.vectors.source import VectorSource, open_source

_VERSION = 1
"""Counted up when the same files and options would give other values."""
_COUNT = "given_"
_BY_SCORE = "by_score"
_COUNTS = ("compared", _BY_SCORE, "without", "normalised")
_MAX_NAMES = 20  # columns named in an error; our own choice: a screen
_MAX_FILES = 16  # files that run.json lists; our own choice: there may be thousands, and the fingerprint names all


class GivenVectors:
    """The vectors or scores of one run.

    Args:
        out: The run folder.
        config: The config.
        inputs: The manifests.
        limit: How many rows were asked for.

    Raises:
        ConfigError: If the probe is not enabled.
        UserError: If the files are not there, or in no known layout.
    """

    name = IMAGE_CAPTION.probe
    """The probe whose measurements they are."""

    def __init__(self, out: Path, config: Config, inputs: Sequence[InputRecord], limit: int | None) -> None:
        if self.name not in config.probes.enabled():
            raise ConfigError(
                f"vectors are given, and the probe {self.name}, whose place they take, is not enabled.",
                hint=f"name it among the probes: --probes {self.name},caption_text (no model is loaded for it).",
            )
        self._out = out
        self._enabled = config.probes.enabled()
        self._options = options = config.input.embeddings
        self._inputs = inputs
        self._limit = limit
        self._located = _locate(options, inputs)
        files = self._located.files if self._located is not None else ()
        self._digests = {os.fspath(file): describe_input(os.fspath(file)) for file in files}
        told = [found.digest for found in self._digests.values()] or [entry.digest for entry in inputs]
        chosen = options.model_dump(mode="json", exclude={"paths", "model"})
        self.fingerprint = digest_value({"given": _VERSION, "files": told, "options": chosen})
        """By it stored parts are known again."""
        self._about: dict[str, object] = {}

    def missing(self, shards: Sequence[Shard]) -> list[Shard]:
        """Return the shards for which nothing is stored under this fingerprint."""
        return [
            shard
            for shard in shards
            if (find_whole_labels(self._part(shard)) or {}).get("fingerprint") != self.fingerprint
        ]

    def told_in(self, record: RunRecord) -> RunRecord:
        """Return the record of the run with what was given in the place of the probe."""
        probes = {**record.probes, self.name: self._record(record.probes.get(self.name))}
        enabled = self._enabled
        ordered = sorted(probes, key=lambda name: enabled.index(name) if name in enabled else len(enabled))
        return record.updated(probes={name: probes[name] for name in ordered})

    def _record(self, before: ProbeRecord | None) -> ProbeRecord:
        kept = before.about if before is not None and before.fingerprint == self.fingerprint else {}
        named = {"model": self._options.model or "vectors that were given", "is_named": self._options.model is not None}
        about = {**named, **self._describe_files(), **kept, **self._about, **named}
        return ProbeRecord(fingerprint=self.fingerprint, metrics=tuple(METRICS), about=about)

    def store(self, shards: Sequence[Shard], progress: Progress) -> None:
        """Store the measurements of the shards that have none yet.

        Args:
            shards: All shards of the run.
            progress: Receives progress reports.

        Raises:
            UserError: If vectors and rows do not fit each other.
            OutputError: If a part cannot be written.
        """
        missing = self.missing(shards)
        if not missing:
            return
        with tempfile.TemporaryDirectory(prefix="mmcheck-vectors-") as folder:
            scratch = Path(folder)
            source = None if self._located is None else open_source(self._located, self._options, scratch)
            for note in source.notes if source is not None else ():
                progress.note(note)
            matching = None if source is None else self._match(source, shards, scratch)
            column = self._score_column(source)
            if column is not None:
                self._check_column(column, shards)
            # Of a stopped scan, shards may be stored that had some.
            has_cosine = self._count(shards)[_BY_SCORE] > 0
            progress.phase(f"taking over {self.name}", missing[-1].stop - missing[0].start)
            wanted = ["id", "problem", *(matching.columns if matching is not None else [IMAGE_CAPTION.text])]
            for shard in missing:
                samples = read_part(
                    self._out / "samples" / shard.part, list(dict.fromkeys([*wanted, *(["row"] if column else [])]))
                )
                matched = None if matching is None else matching.match(shard, samples)
                scores = None
                if column is not None:
                    scores = _row_scores(samples["row"].to_pylist(), column)
                part = make_part(samples, source, matched, scores)
                if part.odd_score is not None and not has_cosine:
                    raise _no_cosines(part.odd_score, self._options)
                has_cosine = has_cosine or part.counts[_BY_SCORE] > 0
                labels = {_COUNT + name: str(part.counts[name]) for name in _COUNTS}
                write_part(self._part(shard), part.table, {"fingerprint": self.fingerprint, "failed": "", **labels})
                progress.advance(shard.stop - shard.start)
        self._about = self._describe(source, matching, column, shards)
        normalised = self._count(missing)["normalised"]
        if normalised:
            were = "was" if normalised == 1 else "were"
            progress.note(f"{count_noun(normalised, 'vector')} {were} not of length 1, and {were} brought to it.")

    def _match(self, source: VectorSource, shards: Sequence[Shard], scratch: Path) -> Matching:
        offsets: dict[str, int] | None = None
        located = self._located
        if self._options.in_manifest and located is not None:
            starts = source.halves[0].starts.tolist() if source.halves is not None else [0]
            offsets = {entry.manifest: start for entry, start in zip(self._inputs, starts, strict=False)}
        names = [entry.manifest for entry in self._inputs]
        return Matching(
            source,
            self._out,
            shards,
            self._options,
            scratch,
            is_limited=self._limit is not None,
            offsets=offsets,
            sides=Sides(manifest=_several(names), vectors=_several([*self._digests] or names)),
        )

    def _score_column(self, source: VectorSource | None) -> str | None:
        """Return the manifest's own column of scores that is read, if the vectors have none beside them."""
        name = self._options.score
        return name if name is not None and (source is None or source.score is None) else None

    def _check_column(self, column: str, shards: Sequence[Shard]) -> None:
        """Refuse a column of scores that no row of the run has; reads on until the first one that has it."""
        names: dict[str, None] = {}
        for shard in shards:
            for row in parse_rows(read_part(self._out / "samples" / shard.part, ["row"])["row"].to_pylist()):
                if column in row:
                    return
                names |= dict.fromkeys(map(str, row))
        near = difflib.get_close_matches(column, list(names), 1)
        known = ", ".join(repr(name) for name in list(names)[:_MAX_NAMES])
        raise UserError(
            f"no row of {_several([entry.manifest for entry in self._inputs])} has the column {column!r} "
            "(input.embeddings.score)." + (f" Did you mean {near[0]!r}?" if near else ""),
            hint=f"its columns are {known or 'none'}.",
        )

    def _describe_files(self) -> dict[str, object]:
        found = list(self._digests.items())
        listed = [
            {"file": file, "digest": about.digest, "digest_of": about.digest_of} for file, about in found[:_MAX_FILES]
        ]
        layout = self._located.layout if self._located is not None else "a column of the manifest"
        more = {"more_files": len(found) - _MAX_FILES} if len(found) > _MAX_FILES else {}
        return {"given": True, "layout": layout, "files": listed, **more}

    def _describe(
        self, source: VectorSource | None, matching: Matching | None, column: str | None, shards: Sequence[Shard]
    ) -> dict[str, object]:
        names = list(source.names) if source is not None else []
        size = source.size if source is not None else None
        return {
            "columns": [*names, *([column] if column else [])],
            **({"size": size} if size else {}),
            "matched": matching.how if matching is not None else "by row",
            "rows": self._count(shards),
        }

    def _count(self, shards: Sequence[Shard]) -> dict[str, int]:
        """Return what is counted of the shards that are stored under this fingerprint."""
        counts = dict.fromkeys(_COUNTS, 0)
        for shard in shards:
            labels = find_labels(self._part(shard)) or {}
            if labels.get("fingerprint") == self.fingerprint:
                for name in _COUNTS:
                    counts[name] += int(labels.get(_COUNT + name, "0"))
        return counts

    def _part(self, shard: Shard) -> Path:
        return self._out / "measurements" / self.name / shard.part


def _locate(options: EmbeddingsConfig, inputs: Sequence[InputRecord]) -> Located | None:
    """Return where the vectors lie; None where only a column of the manifest's scores is named."""
    if options.paths:
        return locate(options.paths)
    if not options.vector_columns:
        return None
    for entry in inputs:
        if entry.format != "parquet" or "://" in entry.manifest:
            raise UserError(
                f"columns of vectors are read from local Parquet files alone, and {entry.manifest} is {entry.format}.",
                hint="name the files that hold the vectors: --embeddings PATH.",
            )
    parts = tuple(VectorPart(table=Path(entry.manifest)) for entry in inputs)
    return Located(layout="columns of the manifest", parts=parts)


def _row_scores(rows: Sequence[str], column: str) -> Floats:
    found = np.full(len(rows), np.nan)
    for number, row in enumerate(parse_rows(rows)):
        value = row.get(column)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                continue
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[number] = value
    return found


def _no_cosines(score: float, options: EmbeddingsConfig) -> UserError:
    name = f" ({options.score})" if options.score else ""
    return UserError(
        f"the scores that were given{name} are no cosines: one of the first is {score:.4g}, and a cosine lies between "
        "-1 and 1.",
        hint="divide them by what they were multiplied with (100, or the 2.5 of CLIPScore), and scan again.",
    )


def _several(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"{names[0]}{more}" if names else "the manifest"
