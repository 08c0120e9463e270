"""What the summary tells of the captions of a whole run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmcheck.core.json_types import JsonObject
from mmcheck.corpus.sentence_to_count import SentenceToCount

_MAX_CAPTION = 200  # characters of an example; our own choice: bounds the size of the summary


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionExample:
    """A row that shows what is meant."""

    id: str
    """Of the row."""
    caption: str
    """In full; the summary has its beginning."""
    value: float
    """Of the metric that it is among the worst of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFigures:
    """The images that captions were held against, and the scale on which they were measured."""

    num_bank_images: int
    """Different images that stand for the set."""
    temperature: float
    """Of the softmax over the images, in cosine."""
    specific_spread: float
    """Standard deviation that a specific caption's cosines have."""
    mean_own_z: float
    """How many standard deviations captions fit their own image better than others, on average."""
    trust: float
    """How far the model's word counts against the caption's own, 0 to 1."""

    def to_json(self) -> JsonObject:
        """Return the figures, rounded."""
        return {
            "num_bank_images": self.num_bank_images,
            "temperature": round(self.temperature, 6),
            "specific_spread": round(self.specific_spread, 6),
            "mean_own_z": round(self.mean_own_z, 3),
            "trust": round(self.trust, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionSummary:
    """What the captions of a run come to."""

    model: ModelFigures | None
    """None where no model could be used."""
    cause: str | None
    """Why no model could be used, as a stable word; None where one was."""
    num_captions: int
    """Rows with a caption."""
    num_images: int
    """Different images of the run."""
    foreign_languages: Sequence[str]
    """Languages that the model does not know, in alphabetical order."""
    worst: Mapping[str, Sequence[CaptionExample]]
    """``vagueness`` and ``unverifiable`` -> the rows of the highest values, the worst first, whatever a rule allows."""
    sentences: Sequence[str]
    """Whole ones, without those to count."""
    counted: Sequence[SentenceToCount]
    """For judging to complete."""

    def to_json(self) -> JsonObject:
        """Return the summary as it is stored; the model's figures are left out where there are none."""
        return {
            "uses_model": self.model is not None,
            "cause": self.cause,
            "num_captions": self.num_captions,
            "num_images": self.num_images,
            "foreign_languages": list(self.foreign_languages),
            "worst": {
                name: [
                    {"id": row.id, "caption": row.caption[:_MAX_CAPTION], "value": round(row.value, 4)} for row in rows
                ]
                for name, rows in self.worst.items()
            },
            **({} if self.model is None else self.model.to_json()),
            "sentences": list(self.sentences),
            "counted": [sentence.to_json() for sentence in self.counted],
        }
