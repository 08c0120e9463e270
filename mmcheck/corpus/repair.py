"""Which text belongs to which medium, where it does not stand with it: proposals, never changes.

People's most reported fault is not noise but displacement: texts moved by a row, sorted otherwise than their media,
swapped. What explains many suspects at once is looked for first, in the order of the manifest; what is left is matched
suspect by suspect. Every proposal carries a probability; the share of wrong ones among those above a limit is, in the
mean, at most one minus that limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmcheck.corpus.displacement import REACH, Displacement, explain, find_displacements, suspect_zones
from mmcheck.corpus.repair_evidence import (
    Evidence,
    Null,
    fit_evidence,
    fit_transcript_evidence,
    own_scores,
    sample_null,
)
from mmcheck.corpus.repair_matching import match_suspects
from mmcheck.corpus.repair_orders import Arrangement, list_arrangements, support
from mmcheck.corpus.repair_scores import Floats, PairScores, Rows, TranscriptScores

Kind = Literal["swap", "cycle", "shift", "reversed", "resorted", "match"]

MIN_PAIRS = 20
"""Fewer pairs do not show what right ones look like."""
MIN_HEARD = 2
"""The same for recordings that were transcribed."""
MIN_CONFIDENCE = 0.8
"""Below this nothing is proposed unless asked for."""
_SUSPECT = 0.5
_DOUBTFUL = 0.1
"""Pairs this probably wrong are matched as well: their own text competes for its place, so nothing is lost."""
_DISPLACED_SHARE = 0.2
_MIN_SUSPECTS = 8
_MORE_SUPPORT = 0.2
_LEAST = 0.05
_STANDS_OUT = 0.75
"""Standard deviations above random pairings of the mean of pairs that are mostly right."""
_NOUNS = {"image": ("image", "caption"), "audio": ("recording", "transcript")}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """The rows of one manifest file in their order."""

    name: str
    """What people call it."""
    rows: Rows
    """Rows of the run, shape (n,)."""
    numbers: Rows
    """Line or row in the file, shape (n,)."""
    keys: Callable[[], Mapping[str, Sequence[str | None]]] = dict
    """Gives what the file may be sorted by: name -> value of each row. Called only where much is displaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One medium and the text that it should have."""

    row: int
    """Row of the run whose text is replaced."""
    source: int
    """Row of the run that the text is taken from."""
    modality: str
    """``image`` or ``audio``."""
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
    """``image`` or ``audio``."""
    kind: Kind
    """``shift``, ``reversed`` or ``resorted``."""
    file: str
    """Name of the manifest file."""
    first_row: int
    """Line or row in the file where it begins."""
    last_row: int
    """Line or row in the file where it ends."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """All that is proposed for one modality."""

    modality: str
    """``image`` or ``audio``."""
    proposals: tuple[Proposal, ...] = ()
    """In the order of the rows; each row at most once, each source at most once."""
    explanations: tuple[Explanation, ...] = ()
    """In the order of the files."""
    notes: tuple[str, ...] = ()
    """What could not be done, in plain sentences."""
    num_pairs: int = 0
    """Pairs with a score."""
    num_suspects: int = 0
    """Pairs that are more probably wrong than right."""
    random_share: float | None = None
    """Estimated share of random pairings; None if nothing could be estimated."""
    partner_share: float | None = None
    """Estimated share of the suspects left to matching whose text is among the candidates."""


def propose_repairs(
    scores: PairScores,
    files: Sequence[FileRows],
    *,
    modality: str = "image",
    posterior: Floats | None = None,
    reach: int = REACH,
) -> RepairPlan:
    """Return what is proposed for one modality of a run, deterministic and indifferent to how rows are stored.

    Args:
        scores: Scores of any medium with any text (``EmbeddingScores``, ``TranscriptScores``).
        files: The manifest files, each with its rows in order.
        modality: ``image`` or ``audio``; decides the words only.
        posterior: Probability that a pair is a random pairing, shape (n,), NaN where unknown; None: by the scores
            alone. Suspects are those above one half.
        reach: Largest shift looked for, in rows.
    """
    nouns = _NOUNS[modality]
    pairs = np.flatnonzero(scores.has_medium & scores.has_text)
    # Transcripts are compared as texts; what right ones look like is known beforehand.
    if len(pairs) < (MIN_HEARD if isinstance(scores, TranscriptScores) else MIN_PAIRS):
        note = f"{len(pairs)} {nouns[0]}-{nouns[1]} pairs are too few to learn from what right ones look like."
        return RepairPlan(modality=modality, notes=(note,) if len(pairs) else (), num_pairs=len(pairs))
    null = sample_null(scores)
    arrangements = _Arrangements(scores, null, files, reach)
    evidence = _find_evidence(scores, null, arrangements)
    if evidence is None:
        note = (
            f"the scores of the {nouns[0]}-{nouns[1]} pairs cannot be told from those of random pairings, in the "
            "order of the manifest or in any other that it names, so there is nothing to go by."
        )
        return RepairPlan(modality=modality, notes=(note,), num_pairs=len(pairs))
    wrong = np.full(scores.num_rows, np.nan)
    if posterior is not None:
        wrong[pairs] = posterior[pairs]
    unknown = pairs[np.isnan(wrong[pairs])]
    wrong[unknown] = evidence.wrong(unknown)
    plan = _Plan(evidence, wrong, modality, files)
    for number, file in enumerate(files):
        for block in arrangements.displacements(number, evidence, plan.is_suspect):
            plan.take_block(file, block)
    partner_share = plan.match()
    return RepairPlan(
        modality=modality,
        proposals=plan.proposals(),
        explanations=tuple(plan.explanations),
        num_pairs=len(pairs),
        num_suspects=int(plan.is_suspect.sum()),
        random_share=evidence.random_share,
        partner_share=partner_share,
    )


def _find_evidence(scores: PairScores, null: Null, arrangements: _Arrangements) -> Evidence | None:
    if isinstance(scores, TranscriptScores):
        return fit_transcript_evidence(scores, null)
    if null.is_constant:
        return None
    evidence = fit_evidence(scores, null)
    if evidence is not None and evidence.random_share < _SUSPECT:
        # Where all is displaced, the mixture may take the random pairings themselves for the right ones.
        if float(null.standardise(own_scores(scores)).mean()) >= _STANDS_OUT:
            return evidence
    # Hardly a pair is right as it stands: whatever arrangement of a file fits shows what right pairs score.
    right = [part for number in range(len(arrangements.files)) for part in arrangements.right_scores(number)]
    if not right:
        return evidence
    return fit_evidence(scores, null, np.concatenate(right)) or evidence


class _Arrangements:
    """The arrangements of every file that may explain it, made when asked for."""

    def __init__(self, scores: PairScores, null: Null, files: Sequence[FileRows], reach: int) -> None:
        self.files = files
        self._scores, self._null, self._reach = scores, null, reach
        self._kept: dict[int, list[tuple[float, Arrangement, Floats]]] = {}

    def right_scores(self, number: int) -> list[Floats]:
        """Return scores of pairs of a file that some arrangement brings together; none if none does."""
        ranked = self._ranked(number)
        return [ranked[0][2]] if ranked and ranked[0][0] > 0 and len(ranked[0][2]) else []

    def displacements(self, number: int, evidence: Evidence, is_suspect: NDArray[np.bool_]) -> list[Displacement]:
        """Return the blocks of the arrangement that explains a file best."""
        rows = self.files[number].rows
        if not len(rows):
            return []
        identity = Arrangement(told="", kind="shift", media=rows, texts=rows)
        suspects = is_suspect[rows]
        blocks = find_displacements(evidence, identity, suspect_zones(suspects), self._reach)
        comparable = int((self._scores.has_medium[rows] & self._scores.has_text[rows]).sum())
        if suspects.sum() < max(_MIN_SUSPECTS, _DISPLACED_SHARE * comparable):
            return blocks
        ranked = self._ranked(number)
        plain = next((share for share, arrangement, _ in ranked if arrangement.kind == "shift"), 0.0)
        best, best_gain = blocks, sum(block.gain for block in blocks)
        for share, arrangement, _ in ranked[:3]:
            if arrangement.kind == "shift" or share < plain + _MORE_SUPPORT:
                continue
            found = find_displacements(evidence, arrangement, [(0, len(rows))], self._reach)
            gain = sum(block.gain for block in found)
            if gain > best_gain * 1.05 + 1:
                best, best_gain = found, gain
        return best

    def _ranked(self, number: int) -> list[tuple[float, Arrangement, Floats]]:
        if number not in self._kept:
            file = self.files[number]
            found = []
            wide = len(file.rows) >= _MIN_SUSPECTS
            for arrangement in list_arrangements(file.rows, file.keys()) if wide else []:
                told = support(self._scores, self._null, arrangement, self._reach)
                found.append((told.share, arrangement, told.scores))
            # The sort is stable: of equal ones the simpler, which was listed first.
            self._kept[number] = sorted(found, key=lambda entry: -entry[0])
        return self._kept[number]


class _Plan:
    """What has been proposed so far."""

    def __init__(
        self, evidence: Evidence, wrong: NDArray[np.float64], modality: str, files: Sequence[FileRows]
    ) -> None:
        self._evidence = evidence
        self._scores = evidence.scores
        self._wrong = wrong
        self._modality = modality
        self._nouns = _NOUNS[modality]
        self._numbers = np.zeros(self._scores.num_rows, dtype=np.int64)
        for file in files:
            self._numbers[file.rows] = file.numbers
        self._sources: dict[int, tuple[int, float, str, str]] = {}
        self.explanations: list[Explanation] = []
        with np.errstate(invalid="ignore"):
            self.is_suspect: NDArray[np.bool_] = wrong > _SUSPECT

    def take_block(self, file: FileRows, block: Displacement) -> None:
        """Take the proposals of a displaced block, unless it breaks much of what looks right."""
        explained = int(self.is_suspect[block.media].sum())
        with np.errstate(invalid="ignore"):
            broken = int((self._wrong[block.media] < _SUSPECT)[block.confidence > _SUSPECT].sum())
        if broken > explained / 2:
            return
        numbers = dict(zip(file.rows.tolist(), file.numbers.tolist(), strict=True))
        sentence = explain(block, numbers, file.name, self._nouns)
        shown = [numbers[row] for row in block.media.tolist()]
        self.explanations.append(
            Explanation(
                modality=self._modality,
                kind=_kind(block.kind),
                file=file.name,
                first_row=min(shown),
                last_row=max(shown),
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
            if chance > _SUSPECT:
                self._sources[medium] = (text, chance, block.kind, sentence)

    def match(self) -> float | None:
        """Match the suspects that no block explains; return the share of them whose text seems to be there."""
        scores = self._scores
        placed = np.zeros(scores.num_rows, dtype=bool)
        placed[list(self._sources)] = True
        used = np.zeros(scores.num_rows, dtype=bool)
        used[[source for source, *_ in self._sources.values()]] = True
        # A medium without a text wants one, and a text whose medium is gone may be somebody's.
        with np.errstate(invalid="ignore"):
            doubtful = self._wrong > _DOUBTFUL
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
            if chance > _LEAST:
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
                    confidence=round(chance, 4),
                    own_score=_number(own[place]),
                    proposed_score=_number(proposed[place]),
                    reason=sentence or self._reason(kind, row, source),
                )
            )
        return tuple(found)

    def _rings(self) -> dict[int, int]:
        """Return, for each row in a closed ring of matches, how many rows it has."""
        following = {row: source for row, (source, chance, kind, _) in self._sources.items() if kind == "match"}
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
            return f"The {text} of {there} fits this {medium}; the rows of a ring have each other's {text}s."
        if not self._scores.has_text[row]:
            return f"This {medium} has no {text} that can be compared, and that of {there} fits it."
        if not self._scores.has_medium[source]:
            return f"The {text} of {there}, whose {medium} cannot be read, fits this {medium}."
        return f"Of all suspect {text}s that of {there} fits this {medium}, and it fits no other suspect as well."


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
