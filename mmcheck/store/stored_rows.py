"""Chosen rows of a run with all that is stored of them; only their shards are read, one at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.json_types import LoadedJson
from mmcheck.core.types import Sample
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import table_to_samples


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of a run."""

    index: int
    """0-based number in the run."""
    sample: Sample
    verdict: LoadedJson
    """Its columns in ``verdicts/``."""
    measured: Mapping[str, LoadedJson]
    """Probe or analysis -> its columns."""


def read_rows(
    run: RunFolder, indices: Sequence[int], columns: Mapping[str, Sequence[str] | None]
) -> dict[int, StoredRow]:
    """Return rows of a judged run by their numbers.

    Args:
        run: The run.
        indices: 0-based numbers.
        columns: Probe or analysis -> which of its columns are read; None: all but the embeddings.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    shards = run.shards()
    by_shard: dict[int, list[int]] = defaultdict(list)
    for index in sorted(set(indices)):
        by_shard[index // run.record.shard_size].append(index)
    rows = {}
    for number, members in by_shard.items():
        shard = shards[number]
        places = np.array(members) - shard.start
        samples = table_to_samples(read_part(run.samples_part(shard)).take(places))
        verdicts = read_part(run.verdicts_part(shard)).take(places).to_pylist()
        measured = {
            name: read_part(run.measurements_part(name, shard), wanted).take(places).to_pylist()
            for name, wanted in columns.items()
        }
        for place, index in enumerate(members):
            rows[index] = StoredRow(
                index=index,
                sample=samples[place],
                verdict=verdicts[place],
                measured={name: found[place] for name, found in measured.items()},
            )
    return rows
