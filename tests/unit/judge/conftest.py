"""Small judge tables from plain rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from mmcheck.core.types import Measurement, MediaRef, Metric, RowProblem, Sample, Status
from mmcheck.judge.table import JudgeTable
from mmcheck.store.schema import measurements_to_table, samples_to_table

TableMaker = Callable[..., JudgeTable]


def _make(
    samples: Sequence[Sample] | int,
    values: Mapping[str, Sequence[Mapping[str, float] | str | tuple[str, str] | None]] | None = None,
) -> JudgeTable:
    """Return a table; each probe's entry is its values, a failure (cause, reason), or a not-applicable reason."""
    if isinstance(samples, int):
        samples = [Sample(id=f"s{i}", manifest="m", row_number=i + 1) for i in range(samples)]
    tables = {}
    for probe, entries in (values or {}).items():
        measurements: list[Measurement] = []
        for sample, entry in zip(samples, entries, strict=True):
            if isinstance(entry, tuple):
                measurements.append(Measurement.failed(sample.id, probe, entry[1], entry[0]))
            elif isinstance(entry, str) or entry is None:
                measurements.append(Measurement.not_applicable(sample.id, probe, entry or "nothing to measure"))
            else:
                measurements.append(Measurement(sample_id=sample.id, probe=probe, status=Status.MEASURED, values=entry))
        names = sorted({name for m in measurements for name in m.values})
        metrics = [Metric(name=f"{probe}.{name}", description="") for name in names]
        tables[probe] = measurements_to_table(measurements, metrics)
    return JudgeTable(samples_to_table(samples, 0), tables)


@pytest.fixture
def make_table() -> TableMaker:
    """Return the maker of judge tables."""
    return _make


@pytest.fixture
def image_sample() -> Callable[..., Sample]:
    """Return a maker of image samples."""

    def make(number: int = 0, caption: str | None = "a red ball", **changes: Any) -> Sample:
        settings: dict[str, Any] = {
            "id": f"i{number}",
            "manifest": "m",
            "row_number": number + 1,
            "image": MediaRef(uri=f"/data/{number}.jpg"),
            "caption": caption,
        }
        return Sample(**{**settings, **changes})

    return make


@pytest.fixture
def audio_sample() -> Callable[..., Sample]:
    """Return a maker of recordings with transcripts."""

    def make(number: int = 0, transcript: str | None = "hello there", **changes: Any) -> Sample:
        settings: dict[str, Any] = {
            "id": f"a{number}",
            "manifest": "m",
            "row_number": number + 1,
            "audio": MediaRef(uri=f"/data/{number}.wav"),
            "transcript": transcript,
        }
        return Sample(**{**settings, **changes})

    return make


@pytest.fixture
def broken_sample() -> Sample:
    """Return a row that could not be read."""
    problem = RowProblem(cause="broken_json", message="m:1 is not JSON.")
    return Sample(id="broken", manifest="m", row_number=1, problem=problem)
