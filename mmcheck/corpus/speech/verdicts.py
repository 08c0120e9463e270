"""Every limit that judges transcripts, learned from the whole set and within each of its slices.

The whole set is judged first. Then each slice that is large enough is judged by what its own sound transcripts look
like, which takes the place of the whole set's verdict on its rows, fault by fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.corpus.constants import FADED_LEVEL, LOUD_END, USUAL_END
from mmcheck.corpus.speech.clips import SpeechClips
from mmcheck.corpus.speech.doubted_words import judge_doubted
from mmcheck.corpus.speech.faults import FAULTS, FaultFit, judge_fault
from mmcheck.corpus.speech.slices import ClipSlices

OWN_STATES = ("judged", "model_cannot_tell")
"""States of a fit that say something of the slice itself; a slice too small for one is judged by the whole set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceVerdict:
    """How one slice was judged, or the whole set."""

    fits: dict[str, FaultFit]
    """Fault -> what is known of it."""
    doubted: Floats
    """Share of sound transcripts with so unlikely a word, shape (n,); NaN outside and where it was not judged."""
    is_hopeless: bool
    """Whether the model cannot tell texts apart here, and so no words."""
    breaks_off: NDArray[np.bool_]
    """Which recordings end at full sound, shape (n,)."""

    @property
    def own(self) -> dict[str, FaultFit]:
        """Return the fits that hold for the slice itself."""
        return {name: fit for name, fit in self.fits.items() if fit.state in OWN_STATES}

    @property
    def has_own_doubts(self) -> bool:
        """Return whether the slice itself shows how unlikely words are, or that nobody can say."""
        return self.is_hopeless or bool(np.isfinite(self.doubted).any())

    def excuse(self) -> tuple[str, str]:
        """Return reason and cause of the first fault that was not judged though it was measured; else empty."""
        failed = next((fit for fit in self.fits.values() if fit.reason), None)
        return (failed.reason, failed.state) if failed else ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechVerdict:
    """How a set was judged."""

    fits: dict[str, FaultFit]
    """Fault -> what is known of it in all rows; ``limit`` is the whole set's."""
    doubted: Floats
    breaks_off: NDArray[np.bool_]
    word_limits: Floats
    """Surprise (nat) above which a word of the row counts as unlikely, shape (n,); NaN where there is no limit."""
    whole: SliceVerdict
    """What the whole set's limits say."""
    slices: dict[str, SliceVerdict] = field(default_factory=dict)
    """Name -> verdict of each slice that has limits of its own, in the order of their codes."""

    def of_first(self, count: int) -> SpeechVerdict:
        """Return what is known of the first rows, where others were put beside them to judge by."""
        return replace(
            self,
            fits={name: fit.of_first(count) for name, fit in self.fits.items()},
            doubted=self.doubted[:count],
            breaks_off=self.breaks_off[:count],
            word_limits=self.word_limits[:count],
        )


def judge_speech(clips: SpeechClips, slices: ClipSlices, min_clips: int) -> SpeechVerdict:
    """Return how each row was judged, by its slice where that has limits of its own, else by the whole set.

    Args:
        clips: The rows.
        slices: Theirs.
        min_clips: Fewer distinct transcripts are not judged.
    """
    whole = _judge(clips, min_clips)
    count = len(clips.languages)
    fits, doubted, breaks_off = dict(whole.fits), whole.doubted.copy(), whole.breaks_off.copy()
    limits = np.full(count, whole.fits["word_fault"].limit)
    found: dict[str, SliceVerdict] = {}
    for place, name in enumerate(slices.names):
        inside = slices.codes == place
        verdict = _judge(clips.within(inside), min_clips)
        found[name] = verdict
        for fault, fit in verdict.own.items():
            fits[fault] = replace(fits[fault], posteriors=np.where(inside, fit.posteriors, fits[fault].posteriors))
            if fault == "word_fault":
                limits[inside] = fit.limit
        if verdict.has_own_doubts:
            doubted[inside] = verdict.doubted[inside]
        breaks_off[inside] = verdict.breaks_off[inside]
    if found:
        fits = {name: _sum_up(name, fit, whole, found) for name, fit in fits.items()}
    return SpeechVerdict(
        fits=fits, doubted=doubted, breaks_off=breaks_off, word_limits=limits, whole=whole, slices=found
    )


def _judge(clips: SpeechClips, min_clips: int) -> SliceVerdict:
    fits = {fault.name: judge_fault(fault, clips, min_clips) for fault in FAULTS}
    is_faulty = find_likely(*(fit.posteriors for fit in fits.values()))
    # What was measured elsewhere is known to be sound.
    is_faulty[len(is_faulty) - clips.num_measured :] = False
    return SliceVerdict(
        fits=fits,
        doubted=judge_doubted(clips, is_faulty, min_clips),
        is_hopeless=bool(clips.hopeless),
        breaks_off=_find_breaks(clips),
    )


def _sum_up(name: str, merged: FaultFit, whole: SliceVerdict, slices: dict[str, SliceVerdict]) -> FaultFit:
    """Return what is known of one fault in all rows: its share is that of all slices, each by its rows."""
    known = np.isfinite(merged.posteriors)
    own = [fit for verdict in slices.values() if (fit := verdict.own.get(name)) and fit.state == "judged"]
    rest = whole.fits[name]
    num_rest = int(known.sum()) - sum(fit.num_judged for fit in own)
    parts: list[tuple[int, FaultFit]] = [(fit.num_judged, fit) for fit in own]
    if rest.state == "judged" and num_rest > 0:
        parts.append((num_rest, rest))
    total = sum(count for count, _ in parts)
    if not total:
        failed = next((verdict.own[name] for verdict in slices.values() if name in verdict.own), rest)
        return replace(failed, posteriors=merged.posteriors)
    return replace(
        merged,
        state="judged",
        reason="",
        share=sum(count * fit.share for count, fit in parts) / total,
        false_share=sum(count * fit.false_share for count, fit in parts) / total,
        num_judged=int(known.sum()),
    )


def find_likely(*columns: Floats) -> NDArray[np.bool_]:
    """Return where any of the probabilities is more than a half, shape (n,).

    Args:
        columns: Probabilities, each of shape (n,), NaN where one is not known.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(np.any([column > PROBABLE for column in columns], axis=0))


def find_excuses(
    verdict: SpeechVerdict, codes: NDArray[np.int16], verified: NDArray[np.bool_], absent: str
) -> tuple[list[str], list[str]]:
    """Return reason and cause for each row, should it have no value.

    Args:
        verdict: How the set was judged.
        codes: Place of each row's slice among the verdict's, shape (n,); -1 where it has none.
        verified: Which rows have a recording whose transcript was verified, shape (n,).
        absent: Reason for the others.
    """
    general = verdict.whole.excuse()
    excuses = [part.excuse() for part in verdict.slices.values()]
    reasons, causes = [], []
    for code, seen in zip(codes.tolist(), verified.tolist(), strict=True):
        own = excuses[code] if code >= 0 else general
        reason, cause = (own if own[0] else general) if seen else ("", "")
        reasons.append(reason or absent)
        causes.append(cause or "not_verified")
    return reasons, causes


def _find_breaks(clips: SpeechClips) -> NDArray[np.bool_]:
    """Return which recordings end at full sound, unlike the set's others; all of them where that cannot be told."""
    levels = clips.values["end_level"]
    usual = levels[np.isfinite(levels) & clips.is_verified & ~clips.is_other]
    limit = float(np.quantile(usual, USUAL_END)) if len(usual) else 0.0
    if limit > LOUD_END:
        return np.ones(len(levels), dtype=bool)
    limit = max(limit, FADED_LEVEL)
    return np.asarray(~np.isfinite(levels) | (np.nan_to_num(levels) > limit))
