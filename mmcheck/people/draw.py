"""A stratified random sample of a run that people look at: how it is drawn, and the files that keep it.

``RUN/review/audit.json`` lists the drawn rows; ``audit-strata.parquet`` beside it says of every row of the run which
stratum it is of, because a run that is judged again has other verdicts, and the sample stays what it is. The order of
the rows within a stratum is decided by the seed alone: a larger sample begins with the rows of the smaller one.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmcheck.core.arrays import Rows
from mmcheck.core.atomic import write_text
from mmcheck.core.errors import UserError
from mmcheck.people.decision_log import FOLDER
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import write_part

SCHEMA: Literal["mmcheck.audit/1"] = "mmcheck.audit/1"
"""Counted up when an earlier version of mmcheck would misread the file."""
DRAW_FILE = "audit.json"
STRATA_FILE = "audit-strata.parquet"
_STRATUM = "stratum"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Stratum(_Part):
    """A part of the run that is drawn from by itself."""

    name: str
    rows: Annotated[int, Field(ge=0)]
    """Rows of it in the run."""
    drawn: Annotated[int, Field(ge=0)]
    """Rows of it in the sample."""


class DrawnRow(_Part):
    """A row of the sample."""

    index: Annotated[int, Field(ge=0)]
    """0-based number in the run."""
    sample_id: str
    stratum: str
    probability: Annotated[float, Field(gt=0, le=1)]
    """With which it was drawn: drawn rows of its stratum over its rows."""


class Draw(_Part):
    """A sample, as ``audit.json`` holds it."""

    schema_name: Literal["mmcheck.audit/1"] = Field(SCHEMA, alias="schema")
    seed: int
    identity: str = ""
    """The run that it was drawn from (``identity`` of run.json)."""
    strata: tuple[Stratum, ...]
    samples: tuple[DrawnRow, ...]
    """In a random order, so that those that were looked at first are a random sample too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """Of which stratum each row of a run is."""

    names: tuple[str, ...]
    of_row: Rows
    """Number of the stratum by row of the run, shape (rows,); -1 for rows that are not drawn from."""

    def sizes(self) -> list[int]:
        """Return the rows of each stratum."""
        found: list[int] = np.bincount(self.of_row[self.of_row >= 0], minlength=len(self.names)).tolist()
        return found


def draw_rows(
    strata: Strata, counts: Sequence[int], ids: pa.ChunkedArray, *, seed: int, identity: str, earlier: Draw | None
) -> Draw:
    """Return a sample: of each stratum so many rows, drawn at random without replacement.

    Args:
        strata: The strata of the run.
        counts: Rows to draw of each, at most what it has.
        ids: Sample ids of the run's rows.
        seed: Of the random order; that of ``earlier``, if there is one.
        identity: Of the run.
        earlier: A smaller sample of the same strata and seed; its rows stay in front, in their order.
    """
    sizes = strata.sizes()
    chosen: dict[int, int] = {}
    for number, (name, count) in enumerate(zip(strata.names, counts, strict=True)):
        order = np.random.default_rng([seed, zlib.crc32(name.encode())])
        members = order.permutation(np.flatnonzero(strata.of_row == number))
        chosen |= dict.fromkeys(members[:count].tolist(), number)
    old = [row.index for row in earlier.samples] if earlier is not None else []
    new = sorted(set(chosen) - set(old))
    mixed = [*old, *np.random.default_rng([seed, len(old)]).permutation(np.array(new, dtype=np.int64)).tolist()]
    found = dict(zip(mixed, ids.take(pa.array(mixed, pa.int64())).to_pylist(), strict=True))
    return Draw(
        schema=SCHEMA,
        seed=seed,
        identity=identity,
        strata=tuple(
            Stratum(name=name, rows=size, drawn=count)
            for name, size, count in zip(strata.names, sizes, counts, strict=True)
        ),
        samples=tuple(
            DrawnRow(
                index=row,
                sample_id=found[row],
                stratum=strata.names[chosen[row]],
                probability=counts[chosen[row]] / sizes[chosen[row]],
            )
            for row in mixed
        ),
    )


def write_draw(run: Path, draw: Draw, strata: Strata) -> None:
    """Write a sample and the strata that it was drawn from.

    Raises:
        OutputError: If they cannot be written.
    """
    numbers = pa.array(np.where(strata.of_row < 0, len(strata.names), strata.of_row), pa.int32())
    names = pa.array([*strata.names, None], pa.string()).take(numbers)
    (run / FOLDER).mkdir(exist_ok=True)
    write_part(run / FOLDER / STRATA_FILE, pa.table({_STRATUM: names}), {"identity": draw.identity})
    write_json_rows(run / FOLDER / DRAW_FILE, draw.model_dump(by_alias=True))


def write_json_rows(file: Path, value: Mapping[str, object]) -> None:
    """Write an object with one line for each entry of a list in it, so that a person can read it.

    Raises:
        OutputError: If it cannot be written.
    """
    parts = []
    for key, entry in value.items():
        if isinstance(entry, list | tuple) and entry:
            lines = ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in entry)
            parts.append(f"{json.dumps(key)}: [\n{lines}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(entry, ensure_ascii=False)}")
    write_text(file, "{" + ",\n".join(parts) + "}\n")


def find_draw(run: RunFolder) -> Draw | None:
    """Return the sample of a run; None if none was drawn.

    Raises:
        UserError: If it is damaged, or was drawn from another run.
    """
    file = run.path / FOLDER / DRAW_FILE
    again = f"`mmcheck audit {run.path} --redraw` draws a new one."
    try:
        draw = Draw.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise UserError(f"{file} is no audit sample: {place}: {fault['msg']}.", hint=again) from error
    if draw.identity and draw.identity != run.record.identity:
        raise UserError(f"{file} was drawn from another run than the one that is here now.", hint=again)
    return draw


def read_strata(run: RunFolder, draw: Draw) -> Strata:
    """Return the strata that a sample was drawn from.

    Raises:
        UserError: If they are missing, damaged, or not those of the sample.
    """
    file = run.path / FOLDER / STRATA_FILE
    again = f"`mmcheck audit {run.path} --redraw` draws a new sample."
    if not file.is_file():
        raise UserError(f"{file} is missing: nothing says how many rows the sample stands for.", hint=again)
    column = read_part(file, [_STRATUM])[_STRATUM]
    names = tuple(one.name for one in draw.strata)
    found = pc.index_in(column, pa.array(names, pa.string())).fill_null(-1)
    strata = Strata(names=names, of_row=found.to_numpy().astype(np.int64))
    if len(strata.of_row) != run.record.rows or strata.sizes() != [one.rows for one in draw.strata]:
        raise UserError(f"{file} does not belong to the sample beside it.", hint=again)
    return strata
