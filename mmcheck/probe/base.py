"""What every probe can do.

``prepare`` does the work that belongs to one sample and to a CPU thread (decoding, resizing, features);
``measure`` does the work that wants a batch and the model. The engine overlaps the two. Modules of probes import
nothing heavy at the top: torch and friends come in with ``open``.

``Probe`` is what every probe has. The other protocols are what some have besides; a scan asks with ``isinstance``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast, runtime_checkable

from mmcheck.config import Section
from mmcheck.core import parts
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.registry import Registry
from mmcheck.core.types import Measurement, MediaRef, Metric, Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.probe.context import ProbeContext

if TYPE_CHECKING:
    import numpy as np

Payload = TypeVar("Payload")
"""What ``prepare`` returns and ``measure`` takes: each probe has its own, frozen."""
Payload_co = TypeVar("Payload_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Generic[Payload_co]):
    """A sample that is ready to be measured by the probe that made its payload."""

    sample: Sample
    """The sample."""
    payload: Payload_co
    """Whatever the probe's ``prepare`` (or ``prepare_again``) returned."""
    first: int | None = None
    """For a payload of ``prepare_again``: the earlier row of the run with the same image."""
    same_as: MediaRef | None = None
    """For a payload of ``prepare_again``: the image of that earlier row, if it is in the same batch."""
    image: np.ndarray | None = None
    """Embedding of the sample's image where an earlier row gave it, for a payload of ``prepare_again``."""


class NotApplicable(Exception):
    """Raised by ``prepare`` when the probe has nothing to say about a sample; the text is the reason."""


@runtime_checkable
class Probe(Protocol[Payload]):
    """A probe. Made from its section of the config and the device; cheap until ``open``."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    traits: ClassVar[ProbeTraits]
    options_model: ClassVar[type[Section]]
    """Its section of the config, with ``enabled``."""

    def __init__(self, options: Any, device: str, seed: int) -> None: ...

    @property
    def batch_size(self) -> int:
        """Return how many samples ``measure`` wants at once."""
        ...

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

    def describe(self) -> JsonObject:
        """Return what run.json shall say after ``open``: weights with sha256, precision, device, versions."""
        ...

    def prepare(self, media: SampleMedia) -> Payload:
        """Return the payload of one sample. Thread-safe.

        Raises:
            NotApplicable: If the probe has nothing to say about it.
            MediaError: If the medium cannot be used.
        """
        ...

    def measure(self, batch: Sequence[Prepared[Payload]]) -> list[Measurement]:
        """Return one measurement a sample, in order.

        The values may not depend on how samples were batched beyond floating-point noise.
        """
        ...


PROBES = cast("Registry[Probe[Any]]", parts.PROBES)
"""The table of probes, for those who make them."""


@runtime_checkable
class ImageProbe(Protocol[Payload_co]):
    """What a probe has besides that embeds images, so that one with several captions is encoded once."""

    min_side: int | None
    """Images may be shrunk while decoding to no less than this on the shorter side, px; None until ``open``."""

    def prepare_again(self, media: SampleMedia) -> Payload_co:
        """Return the payload of a sample without looking at its image, whose embedding is known or in the batch."""
        ...


@runtime_checkable
class PrimedProbe(Protocol):
    """What a probe has besides that wants to know the run around it."""

    def prime(self, context: ProbeContext) -> None:
        """Take in what the run holds; called before anything else."""
        ...


@runtime_checkable
class IndependentProbe(Protocol):
    """What a probe has besides that is worth something only with other weights than another probe's."""

    def check_independence(self, beside: Mapping[str, Any]) -> None:
        """Refuse to measure what another probe measures already; called after ``fingerprint``.

        Args:
            beside: Probes of the run whose weights are there, by name.

        Raises:
            ConfigError: If the weights are another probe's.
        """
        ...


@runtime_checkable
class SettledProbe(Protocol):
    """What a probe has besides that settles an option by a trial on some of the run's samples."""

    @property
    def num_trial(self) -> int:
        """Return how many samples the trial wants; 0 if nothing is left to settle. Asked after ``open``."""
        ...

    def take_up(self, settled: Mapping[str, str]) -> None:
        """Take over what an earlier attempt of the run settled, instead of a trial; called before ``open``.

        Args:
            settled: Option that says ``auto`` -> what it came to.
        """
        ...

    def settle(self, trial: Sequence[SampleMedia], num_recordings: int) -> None:
        """Settle it; called after ``open`` and before the first ``prepare``.

        Args:
            trial: Samples of the run; those that cannot be used are passed over.
            num_recordings: Recordings of the whole run.
        """
        ...
