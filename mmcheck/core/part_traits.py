"""What a part tells of itself before it is made, and what of its class the config and the catalogue read.

What parts do is told by the protocols in the packages of their kind, such as ``mmcheck.probe.base``, above this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel

from mmcheck.core.types import Action, ByteColumn, Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTraits:
    """What a scan wants to know of a probe before it makes one."""

    halves: tuple[str, ...] = ()
    """Columns of the samples that it looks at (``image``, ``caption``, ``audio``, ``transcript``): it is skipped where
    no sample has any of them. Empty: it always runs."""
    has_model: bool = False
    """Whether a model measures: then device and decoding limits are part of the fingerprint."""
    of_image_alone: bool = False
    """Whether the values of a sample without a recording are those of its image file (its bytes and the ending of its
    name), whatever the caption: an image with several captions is then measured once."""
    serves: str | None = None
    """The probe that it only serves (its null); it runs where that one runs."""
    columns: tuple[ByteColumn, ...] = ()
    """Columns of bytes that it stores beside its metrics (``Measurement.content``)."""
    in_manifests: bool = True
    """Whether values that a rule reads become ``mmcheck_<probe>_<metric>`` columns of the written manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisTraits:
    """What a scan and the judge want to know of an analysis before it is made."""

    reads: tuple[str, ...] = ()
    """Probes of which it needs one at least; without any of them rules on its metrics are inactive. Empty: it always
    has something to say."""
    needs: tuple[str, ...] = ()
    """Analyses whose values it reads, where they are enabled; they stand before it in the table of parts."""
    in_manifests: bool = True
    """Whether values that a rule reads become ``mmcheck_<analysis>_<metric>`` columns of the written manifests."""
    by_order: tuple[str, ...] = ()
    """Metrics, without the analysis' name, that are about the order of the rows itself: which of several equal ones
    comes first, and what is measured from there. All others are the same whatever the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTraits:
    """What config and policy want to know of a kind of rule."""

    meaning: str = ""
    """What a finding of it means, for the report: one sentence without its full stop."""
    default_action: Literal["flag", "quarantine", "unchecked"] = "quarantine"
    """What a rule of this kind does where the config does not say."""
    law: Action | None = None
    """Set for what holds whatever the config says: a sample that nothing graver was found on gets this action."""
    is_last: bool = False
    """Whether it looks only at samples that no other rule quarantined."""


class ProbePart(Protocol):
    """What is read of the class of a probe."""

    metrics: ClassVar[tuple[Metric, ...]]
    traits: ClassVar[ProbeTraits]
    options_model: ClassVar[type[BaseModel]]


class AnalysisPart(Protocol):
    """What is read of the class of an analysis."""

    metrics: ClassVar[tuple[Metric, ...]]
    traits: ClassVar[AnalysisTraits]
    options_model: ClassVar[type[BaseModel]]


class RulePart(Protocol):
    """What is read of the class of a rule."""

    traits: ClassVar[RuleTraits]
    options_model: ClassVar[type[BaseModel]]

    @classmethod
    def find_fault(cls, options: Any) -> str | None:
        """Return what is wrong with the keys of a section, or None."""
        ...
