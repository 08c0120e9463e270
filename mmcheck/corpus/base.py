"""What every analysis of the whole set can do.

An analysis sees what no single sample shows. It reads the parts of a run shard by shard, as often as it likes, keeps
only small things in memory, and gives one row of values a sample, like a probe; rules then read them like any metric.
What holds for the whole set (an estimated share, a plain sentence, a plot's bins) goes into its summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import Section
from mmcheck.core import parts
from mmcheck.core.digests import digest_value
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.core.registry import Registry
from mmcheck.core.types import Metric, Status


class ShardTables(Protocol):
    """The stored tables of one shard, read when asked for."""

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the shard's samples (only ``columns``, if given)."""
        ...

    def measurements(self, probe: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Return what a probe, or an analysis that ran before, measured, row-aligned with the samples.

        Args:
            probe: Its name.
            columns: Only these, absent ones left out; None: all but the embeddings, which must be named
                (``embedding.image``).

        Returns:
            The table, or None if it did not run.
        """
        ...


@runtime_checkable
class Analysis(Protocol):
    """An analysis of the whole set. Its values depend on nothing but the stored tables, its options and the seed."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    traits: ClassVar[AnalysisTraits]
    options_model: ClassVar[type[Section]]
    """Its section of the config, with ``enabled``."""

    def __init__(self, options: Any, seed: int) -> None: ...

    def fingerprint(self) -> str:
        """Return a digest of code version and options: equal digests and inputs, equal values."""
        ...

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order: sample_id, status, reason, cause, metrics, evidence."""
        ...

    def summary(self) -> JsonObject:
        """Return what holds for the whole set, fit for JSON; call it after ``analyse`` has yielded everything."""
        ...


ANALYSES = cast("Registry[Analysis]", parts.ANALYSES)
"""The table of analyses, for those who make them."""


def digest_analysis(name: str, version: int, options: Section, *, seed: int | None = None) -> str:
    """Return the fingerprint of an analysis: a digest of its code version, its options, and the seed if it draws.

    Args:
        name: The analysis.
        version: Counts up with each change of its values.
        options: Its section of the config; ``enabled`` changes no value.
        seed: The seed; None: no chance is involved.
    """
    told = {"analysis": name, "version": version, "options": options.model_dump(mode="json", exclude={"enabled"})}
    return digest_value(told if seed is None else {**told, "seed": seed})


def read_metric(table: pa.Table | None, name: str, num_rows: int) -> NDArray[np.float64]:
    """Return a metric of one shard, NaN where there is none, shape (n,).

    Args:
        table: What a probe or an analysis measured; None if it did not run.
        name: The metric's short name. Where ``status`` is among the columns too, rows that were not measured have none.
        num_rows: Rows of the shard.
    """
    if table is None or name not in table.column_names:
        return np.full(num_rows, np.nan)
    values = np.array(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    if "status" in table.column_names:
        values[table["status"].to_numpy(zero_copy_only=False) != Status.MEASURED.value] = np.nan
    return values


def analysis_table(
    sample_ids: pa.Array,
    values: Mapping[str, NDArray[np.floating]],
    *,
    reasons: Sequence[str | None] | str,
    causes: Sequence[str | None] | str | None = None,
    evidence: Sequence[str | None] | None = None,
) -> pa.Table:
    """Return the measurements table of one shard.

    A row with any finite value is ``measured``; the others are ``not_applicable`` with their reason and cause.

    Args:
        sample_ids: String array of shape (n,).
        values: Short metric name -> array of shape (n,); NaN where there is no value.
        reasons: Why there is no value, one a row or one for all; used where there is none.
        causes: Stable words for the same.
        evidence: JSON texts, one a row.
    """
    count = len(sample_ids)
    present = np.zeros(count, dtype=bool)
    columns: JsonObject = {}
    for name, column in values.items():
        # Half precision would show digits that nobody computed.
        plain = np.asarray(column, dtype=np.float64)
        known = np.isfinite(plain)
        present |= known
        columns[name] = pa.array(np.where(known, plain, 0.0), pa.float64(), mask=~known)
    listed = {
        "reason": [reasons] * count if isinstance(reasons, str) else list(reasons),
        "cause": [causes] * count if causes is None or isinstance(causes, str) else list(causes),
    }
    absent = {
        name: pa.array(
            [None if seen else text for seen, text in zip(present.tolist(), texts, strict=True)], pa.string()
        )
        for name, texts in listed.items()
    }
    words = [Status.MEASURED.value if seen else Status.NOT_APPLICABLE.value for seen in present.tolist()]
    return pa.table(
        {
            "sample_id": sample_ids,
            "status": pa.array(words, pa.string()),
            **absent,
            **columns,
            "evidence": pa.array([None] * count if evidence is None else list(evidence), pa.string()),
        }
    )
