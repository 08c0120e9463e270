"""The rows of a run on their way out: chosen by verdict, in the manifests' order, a group of shards at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.core.errors import RunError
from mmcheck.core.pair_kinds import KIND_OF, PAIR_KINDS, PairKind
from mmcheck.core.progress import Progress
from mmcheck.core.types import Action, Sample
from mmcheck.decide.added_columns import TEXT_COLUMNS, added_columns
from mmcheck.decide.shard_groups import ShardGroup, read_groups
from mmcheck.decide.written_columns import WrittenColumn, column_types
from mmcheck.export.target import ExportRow, TargetTraits
from mmcheck.formats.base import Added, OutputRow
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import table_to_samples

FACTS = ("width", "height", "duration", "sampling_rate", "channels")
"""Metrics of the probe ``media`` that rows bring along."""
_PROBE = "media"
_CHUNK = 1024  # rows turned into records at once; our own choice: bounds memory
_NAMED = 5  # rows named for a reason; our own choice: a message stays readable


@dataclass(slots=True)
class LeftOut:
    """Rows that one reason keeps out."""

    rows: int = 0
    ids: list[str] = field(default_factory=list)
    """Some of them."""


class RunRows:
    """The rows of a run with certain verdicts.

    Args:
        run: The run folder.
        actions: The verdicts that are wanted.
        traits: What the target takes.
        columns: What rows get beside id, action, codes and reasons; None: rows get no columns of mmcheck's at all.
        progress: Counts the rows of the run each time they are gone through.
    """

    def __init__(
        self,
        run: RunFolder,
        actions: Sequence[Action],
        traits: TargetTraits,
        columns: Sequence[WrittenColumn] | None,
        progress: Progress,
    ) -> None:
        self._run = run
        self._wanted = pa.array([action.value for action in actions])
        self._traits = traits
        self._kinds = [KIND_OF[name] for name in traits.kinds] or list(PAIR_KINDS)
        self._columns = columns
        self._with_texts = {column.probe for column in columns or () if column.is_text}
        self._progress = progress
        self._notes: dict[str, None] = {}
        self.left_out: dict[str, LeftOut] = {}
        """Reason -> rows that were left out when they were last gone through."""
        self.written = 0
        """Rows that were handed out, less those that were left out."""
        self.with_further = 0
        """Rows that were handed out and have further media."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what targets told of the export."""
        return tuple(self._notes)

    @cached_property
    def added(self) -> Added:
        """Return the ``mmcheck_*`` columns that some wanted row has a value of, and what they hold.

        Raises:
            RunError: If a part of the run is missing or damaged.
        """
        if self._columns is None:
            return {}
        valued: set[str] = set()
        for group in read_groups(self._run, self._with_texts):
            verdicts = self._verdicts(group)
            chosen = pc.is_in(verdicts["action"], value_set=self._wanted)
            if not self._traits.takes_broken:
                media = [pc.is_valid(group.samples[kind.medium]) for kind in self._kinds]
                chosen = pc.and_(chosen, functools.reduce(pc.or_, media))
            for name, values in added_columns(group.measured, verdicts, self._columns).items():
                if name not in valued and pc.any(pc.and_(chosen, pc.is_valid(values))).as_py():
                    valued.add(name)
        texts: Added = dict.fromkeys(TEXT_COLUMNS, str)
        return {**texts, **column_types(column for column in self._columns if column.name in valued)}

    def note(self, sentence: str) -> None:
        """Tell something about the whole export, once."""
        self._notes.setdefault(sentence)

    def leave_out(self, row: ExportRow, reason: str) -> None:
        """Count a row that was handed out and cannot be written."""
        self.written -= 1
        self._count(row.sample.id, reason)

    def __iter__(self) -> Iterator[ExportRow]:
        """Yield the rows.

        Raises:
            RunError: If a part of the run is missing or damaged.
        """
        self.left_out, self.written, self.with_further = {}, 0, 0
        self._progress.phase("exporting", self._run.record.rows)
        for group in read_groups(self._run, self._with_texts):
            yield from self._rows(group)
            self._progress.advance(group.samples.num_rows)

    def _verdicts(self, group: ShardGroup) -> pa.Table:
        verdicts = pa.concat_tables([read_part(self._run.verdicts_part(shard)) for shard in group.shards])
        if not verdicts["sample_id"].combine_chunks().equals(group.samples["id"].combine_chunks()):
            raise RunError(
                f"the verdicts of {self._run.path} are about other rows than its samples.",
                hint="`mmcheck judge` writes the verdicts again.",
            )
        return verdicts

    def _rows(self, group: ShardGroup) -> Iterator[ExportRow]:
        verdicts = self._verdicts(group)
        chosen = pc.is_in(verdicts["action"], value_set=self._wanted)
        samples, verdicts = group.samples.filter(chosen), verdicts.filter(chosen)
        measured = {name: table.filter(chosen) for name, table in group.measured.items()}
        for start in range(0, samples.num_rows, _CHUNK):
            part = verdicts.slice(start, _CHUNK)
            values = {name: table.slice(start, _CHUNK) for name, table in measured.items()}
            yield from self._chunk(samples.slice(start, _CHUNK).combine_chunks(), values, part.combine_chunks())

    def _chunk(self, samples: pa.Table, measured: Mapping[str, pa.Table], verdicts: pa.Table) -> Iterator[ExportRow]:
        added = {} if self._columns is None else added_columns(measured, verdicts, self._columns)
        extras = _records({name: values.to_pylist() for name, values in added.items()}, samples.num_rows)
        facts = _records(_facts(measured.get(_PROBE)), samples.num_rows)
        actions, index = verdicts["action"].to_pylist(), samples["index"].to_pylist()
        for at, sample in enumerate(table_to_samples(samples)):
            kinds = tuple(kind for kind in self._kinds if kind.medium_of(sample) is not None)
            reason = "" if self._traits.takes_broken else self._fault(sample, kinds)
            if reason:
                self._count(sample.id, reason)
                continue
            self.written += 1
            self.with_further += bool(sample.further)
            yield ExportRow(
                index=index[at],
                action=Action(actions[at]),
                out=OutputRow(sample=sample, extra=extras[at]),
                kinds=kinds,
                facts={name: value for name, value in facts[at].items() if value is not None},
            )

    def _fault(self, sample: Sample, kinds: Sequence[PairKind]) -> str:
        if sample.problem is not None:
            return "could not be read"
        if not kinds:
            return f"has no {' or '.join(kind.medium_noun for kind in self._kinds)}"
        if self._traits.needs_text and not any((kind.text_of(sample) or "").strip() for kind in kinds):
            return "has no text"
        return ""

    def _count(self, sample_id: str, reason: str) -> None:
        found = self.left_out.setdefault(reason, LeftOut())
        found.rows += 1
        if len(found.ids) < _NAMED:
            found.ids.append(sample_id)


def _facts(table: pa.Table | None) -> dict[str, list[Any]]:
    if table is None:
        return {}
    return {name: table[name].to_pylist() for name in FACTS if name in table.column_names}


def _records(columns: Mapping[str, list[Any]], count: int) -> list[dict[str, Any]]:
    if not columns:
        return [{} for _ in range(count)]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
