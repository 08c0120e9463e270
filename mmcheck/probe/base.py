"""What every probe can do.

``prepare`` does the work that belongs to one sample and to a CPU thread (decoding, resizing, features);
``measure`` does the work that wants a batch and the model. The engine overlaps the two. Modules of probes import
nothing heavy at the top: torch and friends come in with ``open``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mmcheck.core.types import Measurement, Metric, Sample
from mmcheck.media.sample_media import SampleMedia


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A sample that is ready to be measured."""

    sample: Sample
    """The sample."""
    payload: Any
    """Whatever the probe's ``prepare`` returned."""


class NotApplicable(Exception):
    """Raised by ``prepare`` when the probe has nothing to say about a sample; the text is the reason."""


class Probe(Protocol):
    """A probe. Made from its section of the config and the device; cheap until ``open``."""

    name: str
    metrics: tuple[Metric, ...]
    batch_size: int

    def __init__(self, options: Any, device: str, seed: int) -> None: ...

    def fingerprint(self) -> str:
        """Return a digest of code version, weights (by content) and options: equal digests, equal values.

        Raises:
            WeightsError: If the weights cannot be found.
        """
        ...

    def open(self) -> None:
        """Load the model. Called once, before the first ``prepare``.

        Raises:
            WeightsError: If the weights cannot be loaded.
            MissingDependency: If a package is not installed.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return what run.json shall say after ``open``: weights with sha256, precision, device, versions."""
        ...

    def prepare(self, media: SampleMedia) -> Any:
        """Return the payload of one sample. Thread-safe.

        Raises:
            NotApplicable: If the probe has nothing to say about it.
            MediaError: If the medium cannot be used.
        """
        ...

    def measure(self, batch: Sequence[Prepared]) -> list[Measurement]:
        """Return one measurement a sample, in order.

        The values may not depend on how samples were batched beyond floating-point noise.
        """
        ...
