"""The sample that ``mmcheck audit`` drew: which rows, of which stratum, with which probability."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmcheck.core.arrays import Floats, Rows
from mmcheck.core.errors import UserError
from mmcheck.people.decision_log import FOLDER
from mmcheck.review.run_columns import RunColumns

AUDIT_FILE = "audit.json"


class _DrawnRow(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    index: Annotated[int, Field(ge=0)]
    sample_id: str
    stratum: str
    probability: Annotated[float, Field(gt=0, le=1)]


class _AuditFile(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_name: Literal["mmcheck.audit/1"] = Field(alias="schema")
    samples: tuple[_DrawnRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSample:
    """The rows of an audit in the order in which they are looked at."""

    rows: Rows
    """0-based numbers in the run, shape (n,)."""
    probabilities: Floats
    """Probability with which each was drawn, shape (n,)."""
    strata: tuple[str, ...]
    """Stratum of each."""


def read_audit(run: Path, columns: RunColumns) -> AuditSample:
    """Return the audit's sample.

    Args:
        run: The run folder.
        columns: The ids of its rows.

    Raises:
        UserError: If there is none, or it is of another run or damaged.
    """
    file = run / FOLDER / AUDIT_FILE
    again = f"`mmcheck audit {quote(str(run))} --n 150` makes it."
    try:
        found = _AuditFile.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"{run} has no audit sample ({file.name}).", hint=again) from error
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise UserError(f"{file} is no audit sample: {place}: {fault['msg']}.", hint=again) from error
    rows = np.array([row.index for row in found.samples], dtype=np.int64)
    names = [row.sample_id for row in found.samples]
    if len(rows) and (rows.max() >= len(columns.ids) or columns.ids.take(pa.array(rows)).to_pylist() != names):
        raise UserError(f"{file} was drawn from other rows than this run has.", hint=again)
    return AuditSample(
        rows=rows,
        probabilities=np.array([row.probability for row in found.samples], dtype=np.float64),
        strata=tuple(row.stratum for row in found.samples),
    )
