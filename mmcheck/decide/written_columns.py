"""Which columns the written rows get: what rules look at, the field's own scores always, and aliases of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.config import OutputConfig
from mmcheck.core.errors import ConfigError
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.core.types import Metric
from mmcheck.decide.shard_groups import HEARD

PREFIX = "mmcheck_"
_HEARD_NAME = "pred_text"
_DIGITS = 6  # decimals of a written score; our own choice: more than any limit has


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenColumn:
    """One column of a written row."""

    name: str
    probe: str
    """Probe or analysis that has the value."""
    value: str
    """Column of its table: a metric without the probe's name, or a text."""
    kind: PairKind | None
    """The pairs that it is about; None: any row."""
    factor: float = 1.0
    """What a number is multiplied by."""
    is_text: bool = False
    higher_is_better: bool | None = None

    def values(self, measured: Mapping[str, pa.Table]) -> pa.ChunkedArray | None:
        """Return the values of a group of shards; None if nothing measured them."""
        table = measured.get(self.probe)
        if table is None or self.value not in table.column_names:
            return None
        values = table[self.value]
        if self.is_text:
            return values
        return pc.round(values if self.factor == 1.0 else pc.multiply(values, self.factor), _DIGITS)


def choose_columns(
    read: Iterable[str], output: OutputConfig, known: Mapping[str, Metric], measured: Sequence[str]
) -> list[WrittenColumn]:
    """Return the columns of numbers and texts that written rows get; those without a value are left out later.

    Args:
        read: Full names of the metrics that rules look at, without those that their part leaves in the run folder.
        output: What the config says of written rows.
        known: All metrics by full name.
        measured: Probes and analyses of the run.

    Raises:
        ConfigError: If an alias names what there is not, or a name that is taken.
    """
    if not output.columns:
        return []
    metrics = dict.fromkeys((*read, *(kind.posterior for kind in PAIR_KINDS if kind.judged_by in measured)))
    found = [_of_metric(f"{PREFIX}{name.replace('.', '_', 1)}", name, known) for name in metrics]
    short = {name: metric for kind in PAIR_KINDS for name, metric in kind.written}
    found += [_of_metric(f"{PREFIX}{name}", metric, known) for name, metric in short.items()]
    found += [_heard(f"{PREFIX}{_HEARD_NAME}", kind) for kind in PAIR_KINDS if kind.heard_by is not None]
    for name, alias in output.aliases.items():
        if not name.strip() or name.startswith(PREFIX):
            raise ConfigError(f"output.aliases: {name!r} cannot be a further name of a column: {PREFIX}* are taken.")
        if alias.column == _HEARD_NAME:
            found += [_heard(name, kind) for kind in PAIR_KINDS if kind.heard_by is not None]
            continue
        metric = short.get(alias.column, alias.column)
        if metric not in known:
            names = [*short, _HEARD_NAME, *known]
            near = difflib.get_close_matches(alias.column, names, n=1)
            raise ConfigError(
                f"output.aliases.{name}: there is no {alias.column!r}"
                + (f"; did you mean {near[0]!r}?" if near else "."),
                hint=f"it is one of {', '.join([*short, _HEARD_NAME])}, or a metric of `mmcheck list`.",
            )
        found.append(_of_metric(name, metric, known, 100.0 if alias.percent else 1.0))
    return found


def _of_metric(name: str, metric: str, known: Mapping[str, Metric], factor: float = 1.0) -> WrittenColumn:
    probe, _, short = metric.partition(".")
    described = known.get(metric)
    return WrittenColumn(
        name=name,
        probe=probe,
        value=short,
        kind=next((kind for kind in PAIR_KINDS if kind.is_of(metric)), None),
        factor=factor,
        higher_is_better=None if described is None else described.higher_is_better,
    )


def _heard(name: str, kind: PairKind) -> WrittenColumn:
    return WrittenColumn(name=name, probe=str(kind.heard_by), value=HEARD, kind=kind, is_text=True)


def column_types(columns: Iterable[WrittenColumn]) -> dict[str, Any]:
    """Return the types of columns by name."""
    return {column.name: str if column.is_text else float for column in columns}
