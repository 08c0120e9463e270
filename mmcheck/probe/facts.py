"""The payload of probes that need no model: all is found while a sample is prepared, in the decoding thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmcheck.core.json_types import JsonObject
from mmcheck.core.types import Measurement, Status
from mmcheck.probe.base import Prepared

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Facts:
    """What is found out about one sample: the parts of its ``Measurement``."""

    values: dict[str, float] = field(default_factory=dict)
    evidence: JsonObject = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)


def measure_facts(probe: str, batch: Sequence[Prepared[Facts]]) -> list[Measurement]:
    """Return one measurement a sample, in order.

    Args:
        probe: Whose.
        batch: Samples with ``Facts`` as their payload.
    """
    found = []
    for prepared in batch:
        facts = prepared.payload
        found.append(
            Measurement(
                sample_id=prepared.sample.id,
                probe=probe,
                status=Status.MEASURED,
                values=facts.values,
                evidence=facts.evidence,
                content=facts.content,
                embeddings=facts.embeddings,
            )
        )
    return found
