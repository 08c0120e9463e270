"""What the summary tells of copies: per kind the groups and how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from mmcheck.core.json_types import JsonObject
from mmcheck.corpus.searched_index import SearchedIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How near-duplicates of one kind were looked for."""

    items: int
    """Different ones that were compared."""
    limits: JsonObject
    """What a pair is held to, by the limit's name."""
    index: SearchedIndex | None = None
    """Where they were looked up; None where that was not in vectors."""

    def to_json(self) -> JsonObject:
        """Return items and limits, and the index where there is one."""
        return {
            "items": self.items,
            "limits": self.limits,
            **({} if self.index is None else {"index": asdict(self.index)}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeGroup:
    """One of the largest groups."""

    group: int
    """Its number, as in the metric."""
    size: int
    """Rows in it."""
    ids: Sequence[str]
    """Of its first rows, the representative first."""

    def to_json(self) -> JsonObject:
        """Return it as an object."""
        return {"group": self.group, "size": self.size, "ids": list(self.ids)}


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSummary:
    """The copies of one kind."""

    groups: int
    """Groups of several rows."""
    rows: int
    """Rows in them."""
    copies: int
    """Rows that come after another in their group; of pairs, only where each pair of the row does."""
    largest: Sequence[LargeGroup]
    """The largest first."""
    search: Search | None
    """None for pairs: they follow from their halves."""

    def to_json(self) -> JsonObject:
        """Return the numbers, and beside them how the groups were found."""
        return {
            "groups": self.groups,
            "rows": self.rows,
            "copies": self.copies,
            "largest": [group.to_json() for group in self.largest],
            **({} if self.search is None else self.search.to_json()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesSummary:
    """The copies of a run."""

    kinds: Mapping[str, KindSummary]
    """Medium, column of a text, or medium with ``_pair`` -> its copies; only kinds that the run has."""
    sentences: Sequence[str]
    """On copies, and on what an approximate index may have missed."""

    def to_json(self) -> JsonObject:
        """Return the summary as it is stored: the kinds side by side, then the sentences."""
        return {**{name: kind.to_json() for name, kind in self.kinds.items()}, "sentences": list(self.sentences)}
