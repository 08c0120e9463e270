"""What is proposed, gathered from blocks that explain many rows and from matches of single ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.constants import PROBABLE
from mmcheck.core.pair_kinds import PairKind
from mmcheck.repair.constants import DOUBTFUL, LEAST_CHANCE, MOST_CHANCE
from mmcheck.repair.displacement import Displacement, explain
from mmcheck.repair.evidence import Evidence
from mmcheck.repair.files import FileRows
from mmcheck.repair.matching import match_suspects

Kind = Literal["swap", "cycle", "shift", "reversed", "resorted", "match"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One medium and the text that it should have."""

    row: int
    """Row of the run whose text is replaced."""
    source: int
    """Row of the run that the text is taken from."""
    modality: str
    """Name of the kind of pair."""
    kind: Kind
    """``swap`` (two rows have each other's), ``cycle`` (several, in a ring), ``match`` (found with another suspect),
    ``shift``, ``reversed`` or ``resorted`` (part of an explanation)."""
    confidence: float
    """Probability that the text is the right one, in [0, 1]."""
    own_score: float | None
    """Score of the pair as it stands; None if it has none."""
    proposed_score: float | None
    """Score of the medium with the proposed text."""
    reason: str
    """Plain sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What happened to a run of rows."""

    modality: str
    """Name of the kind of pair."""
    kind: Kind
    """``shift``, ``reversed`` or ``resorted``."""
    file: str
    """Name of the manifest file."""
    first_row: int
    """First line or row in the file whose medium is given another text."""
    last_row: int
    """The last one."""
    offset: int
    """The text k places further belongs to the medium; 0 for ``reversed``."""
    rows: int
    """Media that are given another text."""
    explained: int
    """Of these, suspects."""
    broken: int
    """Of these, pairs that looked right as they stand."""
    gain: float
    """By how much this explains the scores better than the file as it stands, in nats."""
    sentence: str
    """Plain sentence: ``rows 402-449 of a.csv: each caption belongs to the next image.``"""


class PlanBuilder:
    """What has been proposed so far."""

    def __init__(
        self, evidence: Evidence, wrong: NDArray[np.float64], kind: PairKind, files: Sequence[FileRows]
    ) -> None:
        self._evidence = evidence
        self._scores = evidence.scores
        self._wrong = wrong
        self._modality = kind.name
        self._nouns = (kind.medium_noun, kind.text_noun)
        self._numbers = np.zeros(self._scores.num_rows, dtype=np.int64)
        for file in files:
            self._numbers[file.rows] = file.numbers
        self._sources: dict[int, tuple[int, float, str, str]] = {}
        self._taken: dict[int, int] = {}
        self.explanations: list[Explanation] = []
        with np.errstate(invalid="ignore"):
            self.is_suspect: NDArray[np.bool_] = wrong > PROBABLE

    def take_block(self, file: FileRows, block: Displacement) -> None:
        """Take the proposals of a displaced block, unless it breaks much of what looks right."""
        explained = int(self.is_suspect[block.media].sum())
        with np.errstate(invalid="ignore"):
            broken = int((self._wrong[block.media] < PROBABLE)[block.confidence > PROBABLE].sum())
        if broken > explained / 2:
            return
        sentence = explain(block, self._numbers, file.name, self._nouns) + self._cause(file, block)
        shown = self._numbers[block.media]
        self.explanations.append(
            Explanation(
                modality=self._modality,
                kind=_kind(block.kind),
                file=file.name,
                first_row=int(shown.min()),
                last_row=int(shown.max()),
                offset=block.offset,
                rows=len(block.media),
                explained=explained,
                broken=broken,
                gain=block.gain,
                sentence=sentence,
            )
        )
        for medium, text, chance in zip(
            block.media.tolist(), block.texts.tolist(), block.confidence.tolist(), strict=True
        ):
            rival = self._taken.get(text)
            if chance > PROBABLE and (rival is None or chance > self._sources[rival][1]):
                if rival is not None:
                    del self._sources[rival]
                before = self._sources.get(medium)
                if before is not None:
                    del self._taken[before[0]]
                self._sources[medium] = (text, chance, block.kind, sentence)
                self._taken[text] = medium

    def settle(self) -> None:
        """Doubt the proposals of blocks whose text stays with a row that it fits: a text has one medium."""
        for medium, (source, chance, kind, sentence) in list(self._sources.items()):
            if source not in self._sources and self._wrong[source] < PROBABLE:
                chance *= float(self._wrong[source])
                if chance > PROBABLE:
                    self._sources[medium] = (source, chance, kind, sentence)
                else:
                    del self._sources[medium]

    def _cause(self, file: FileRows, block: Displacement) -> str:
        """Return where a shift begins, if it does behind a row whose medium is gone; "" else."""
        before = int(np.searchsorted(file.rows, block.media.min())) - 1
        if block.kind != "shift" or before < 0 or self._scores.has_medium[file.rows[before]]:
            return ""
        where = "at" if block.texts.min() <= file.rows[before] else "behind"
        return f" It begins {where} row {file.numbers[before]}, whose {self._nouns[0]} cannot be read."

    def match(self) -> float | None:
        """Match the suspects that no block explains; return the share of them whose text seems to be there."""
        scores = self._scores
        placed = np.zeros(scores.num_rows, dtype=bool)
        placed[list(self._sources)] = True
        used = np.zeros(scores.num_rows, dtype=bool)
        used[[source for source, *_ in self._sources.values()]] = True
        # A medium without a text wants one, and a text whose medium is gone may be somebody's.
        with np.errstate(invalid="ignore"):
            doubtful = self._wrong > DOUBTFUL
        wants = (doubtful | (scores.has_medium & ~scores.has_text)) & ~placed
        free = (doubtful | (scores.has_text & ~scores.has_medium) | placed) & scores.has_text & ~used
        media, texts = np.flatnonzero(wants), np.flatnonzero(free)
        if not self.is_suspect.any() or not len(media) or not len(texts):
            return None
        wrong = np.where(np.isnan(self._wrong[media]), 1.0, self._wrong[media])
        matching = match_suspects(self._evidence, media, texts, wrong)
        for medium, text, chance in zip(
            matching.media.tolist(), matching.texts.tolist(), matching.probability.tolist(), strict=True
        ):
            if chance > LEAST_CHANCE:
                self._sources[medium] = (text, chance, "match", "")
        return matching.partner_share

    def proposals(self) -> tuple[Proposal, ...]:
        """Return all proposals in the order of the rows."""
        rows = np.array(sorted(self._sources), dtype=np.int64)
        sources = np.array([self._sources[row][0] for row in rows.tolist()], dtype=np.int64)
        if not len(rows):
            return ()
        own, proposed = self._scores.pairs(rows, rows), self._scores.pairs(rows, sources)
        rings = self._rings()
        found = []
        for place, (row, source) in enumerate(zip(rows.tolist(), sources.tolist(), strict=True)):
            _, chance, kind, sentence = self._sources[row]
            if kind == "match":
                kind = {0: "match", 2: "swap"}.get(rings.get(row, 0), "cycle")
            found.append(
                Proposal(
                    row=row,
                    source=source,
                    modality=self._modality,
                    kind=_kind(kind),
                    confidence=min(round(chance, 4), MOST_CHANCE),
                    own_score=_number(own[place]),
                    proposed_score=_number(proposed[place]),
                    reason=sentence or self._reason(kind, row, source),
                )
            )
        return tuple(found)

    def _rings(self) -> dict[int, int]:
        """Return, for each row in a closed ring of matches, how many rows it has."""
        following = {
            row: source
            for row, (source, chance, kind, _) in self._sources.items()
            if kind == "match" and chance > PROBABLE
        }
        found: dict[int, int] = {}
        seen: set[int] = set()
        for start in following:
            path: list[int] = []
            row: int | None = start
            while row is not None and row not in seen:
                seen.add(row)
                path.append(row)
                row = following.get(row)
            if row is not None and row in path:
                ring = path[path.index(row) :]
                found |= dict.fromkeys(ring, len(ring))
        return found

    def _reason(self, kind: str, row: int, source: int) -> str:
        medium, text = self._nouns
        there = f"row {self._numbers[source]}"
        if kind == "swap":
            return f"This row and {there} have each other's {text}s."
        if kind == "cycle":
            return f"The {text} of {there} fits this {medium}; the rows of this cycle have each other's {text}s."
        if not self._scores.has_text[row]:
            return f"This {medium} has no {text} that can be compared, and the one of {there} fits it."
        if not self._scores.has_medium[source]:
            return f"The {text} of {there}, whose {medium} cannot be read, fits this {medium}."
        return f"Of all suspect {text}s, the one of {there} fits this {medium} best, and fits no other as well."


def _kind(word: str) -> Kind:
    kinds: dict[str, Kind] = {
        "swap": "swap",
        "cycle": "cycle",
        "shift": "shift",
        "reversed": "reversed",
        "resorted": "resorted",
    }
    return kinds.get(word, "match")


def _number(value: np.floating) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
