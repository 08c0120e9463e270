"""What any second verifier says of a text under a recording, and what a verifier must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mmcheck.core.json_types import JsonObject
from mmcheck.media.sample_media import SampleMedia


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFit:
    """A text under a recording."""

    mean: float
    """Log-probability of the text, nat a letter (CTC, against the model's own best path) or a token, at most 0."""
    words: tuple[tuple[str, float | None], ...]
    """Each word and how well it fits, nat, at most 0; None where the model cannot judge it."""
    gaps: tuple[float, ...] = ()
    """Nat lost before the first word, between each two and after the last one; empty if the model does not say."""
    num_letters: int = 0
    """Letters and digits of the text."""
    num_unknown: int = 0
    """Those that the model has no symbol for."""

    @property
    def worst_word(self) -> float | None:
        """Return the fit of the worst word; None if no word could be judged."""
        return min((value for _, value in self.words if value is not None), default=None)


class SecondVerifier(Protocol):
    """A model that reads given texts along with a recording."""

    def digest(self) -> str:
        """Return a digest of weights and options.

        Raises:
            WeightsError: If the weights cannot be found.
        """
        ...

    def all_weights(self) -> frozenset[str]:
        """Return the SHA-256 of each file of weights.

        Raises:
            WeightsError: If they cannot be found or read.
        """
        ...

    def open(self) -> None:
        """Load the model.

        Raises:
            WeightsError: If it cannot be loaded.
        """
        ...

    def describe(self) -> JsonObject:
        """Return what run.json shall say of it after ``open``."""
        ...

    def prepare(self, media: SampleMedia, text: str) -> Any:
        """Return the recording ready for ``fit``. Thread-safe.

        Args:
            media: The sample.
            text: Its transcript without what nobody speaks.

        Raises:
            NotApplicable: If the model has nothing to say about it.
            MediaError: If the recording cannot be used.
        """
        ...

    def fit(self, clips: Sequence[tuple[Any, Sequence[str]]]) -> list[tuple[list[TextFit], str | None]]:
        """Return, for each recording, the fit of each text, and what the model hears itself, if it says so.

        Args:
            clips: What ``prepare`` returned, with the texts to read along.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        ...
