"""A sentence of a summary whose number judging counts."""

from __future__ import annotations

from dataclasses import dataclass

from mmcheck.core.json_types import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceToCount:
    """A sentence on the rows beyond the limits of the rules that look at a metric.

    In the summary it stands as ``mmcheck.store.run_summary.CountedSentence``.
    """

    metric: str
    """With the analysis in front."""
    compared: int
    """Rows that could be among them."""
    one: str
    """The sentence where it is a single row, as a format string of ``count``, ``compared`` and ``share``."""
    many: str
    """The same for several rows."""
    place: int
    """How many of the analysis' ``sentences`` stand before it."""
    worded: str | None = None
    """Column of a text; rows whose text holds no word are not counted. None: every row is."""

    def to_json(self) -> JsonObject:
        """Return it as an object, without the column where there is none."""
        return {
            "metric": self.metric,
            "compared": self.compared,
            "one": self.one,
            "many": self.many,
            "place": self.place,
            **({} if self.worded is None else {"worded": self.worded}),
        }
