"""What the summary tells of transcripts that the judging model wrote."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from mmcheck.core.json_types import JsonObject
from mmcheck.core.sentences import percent
from mmcheck.metrics.own_words import OwnWords

State = Literal["too_few_clips", "written_by_people", "self_made"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfMadeSummary:
    """Who wrote a run's transcripts, as far as they show it."""

    state: State
    """Whether it could be told, and what was found."""
    found: OwnWords
    """The numbers it stands on."""

    def sentences(self) -> list[str]:
        """Return what is to be said: nothing where nothing is wrong."""
        if self.state != "self_made":
            return []
        found = self.found
        own = found.num_own / found.num_texts
        return [
            f"About {percent(found.share)} of the transcripts were written by the very model that judges them: "
            f"{percent(own)} are word for word what it hears, where people's would be at most "
            f"{percent(found.expected_own)}. A model cannot find its own errors, so these rows were not judged. Hint: "
            "verify them with another model, as probes.transcript.model or as probes.transcript_second.model."
        ]

    def to_json(self) -> JsonObject:
        """Return the summary as it is stored."""
        numbers = {name: round(value, 4) for name, value in asdict(self.found).items()}
        return {"state": self.state, **numbers, "sentences": list(self.sentences())}
