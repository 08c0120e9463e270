"""How probable one kind of fault is in each transcript, by how the same fault looks where it was planted.

The density of planted faults stays fixed; that of sound pairs and the share of faulty ones are fitted to the set (see
``mmcheck.metrics.null_mixture``). So one limit serves any Whisper, and a fifth of faulty pairs does not move it. Two
things are seen to first. A planted fault that changed nothing (a cut through silence, a word as likely as the one it
replaced) is no example of what a fault looks like and is left out. And the worst of many words is worse than the worst
of few, so scores are compared at one length of text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject
from mmcheck.core.sentences import count_noun
from mmcheck.corpus.constants import (
    FAULT_HIT_QUANTILE,
    FAULT_MIN_EFFECT,
    FAULT_MIN_HIT_RATE,
    FAULT_MIN_SEEN,
    MIN_PLANTED,
    SLOPE_MIN_ROWS,
    SLOPE_MIN_VARIANCE,
)
from mmcheck.corpus.speech.clips import SpeechClips
from mmcheck.metrics.null_mixture import NullMixture, fit_null_mixture

_BLUR = 0.12
"""Standard deviation of the kernel on the fitted scale. Our own choice: a quarter of a nat near 0, 0.7 nat at 8."""
_COMPONENTS = 2
"""Normals for sound pairs: clearly and less clearly spoken ones. Our own choice: a third one settles on the faults of
small sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A kind of fault and where it shows."""

    name: str
    statistic: str
    """Metric of the transcript probe."""
    planted: str
    """The same under the planted fault, from the transcript_null probe."""
    is_high_bad: bool
    """Whether high values of the statistic are the suspicious ones."""
    grows: bool
    """Whether longer texts have worse values for no other reason than their length."""
    singular: str
    """What a sentence says of one of them."""
    plural: str
    """What it says of many of them."""
    is_optional: bool = False
    """Whether a set may lack its values without a word: scripts without spaces have none."""

    def badness(self, values: Floats) -> Floats:
        """Return how bad the values are, in nat, 0 or more."""
        return np.maximum(values if self.is_high_bad else -values, 0.0)


FAULTS = (
    Fault(
        name="cut_transcript",
        statistic="end_log_prob",
        planted="cut_end_log_prob",
        is_high_bad=False,
        grows=False,
        singular="transcript stops before the speech does",
        plural="transcripts stop before the speech does",
    ),
    Fault(
        name="word_fault",
        statistic="max_surprise",
        planted="word_surprise",
        is_high_bad=True,
        grows=True,
        singular="transcript has a wrong, missing or added word",
        plural="transcripts have a wrong, missing or added word",
    ),
    Fault(
        name="unheard_end",
        statistic="tail_surprise",
        planted="cut_audio_surprise",
        is_high_bad=True,
        grows=False,
        singular="transcript ends in words that are not in the recording",
        plural="transcripts end in words that are not in the recording",
    ),
    Fault(
        name="added_words",
        statistic="after_end_surprise",
        planted="added_surprise",
        is_high_bad=True,
        grows=False,
        singular="transcript goes on after the speech has ended",
        plural="transcripts go on after the speech has ended",
        is_optional=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFit:
    """What is known of one kind of fault in the set."""

    fault: Fault
    state: str
    """``judged``, ``too_few_clips``, ``model_cannot_tell``, or ``not_measured`` where there are no such values."""
    reason: str = ""
    """One sentence part, where it was not judged though it was measured."""
    posteriors: Floats
    """Probability of the fault in each row, shape (n,); NaN where it was not judged."""
    share: float = float("nan")
    limit: float = float("nan")
    """Value of the statistic beyond which the fault is more probable than not, at the usual length; NaN if none is."""
    false_share: float = 0.0
    """Share of the sound rows that are expected beyond the limit."""
    num_judged: int = 0
    is_planted_within: bool = True
    """Whether planted faults of the slice itself show what the fault looks like, and not those of the whole set."""

    @property
    def num_found(self) -> int:
        """Return how many rows probably have the fault."""
        with np.errstate(invalid="ignore"):
            return int((self.posteriors > PROBABLE).sum())

    def of_first(self, count: int) -> FaultFit:
        """Return what is known of the first rows, where others were put beside them to judge by."""
        posteriors = self.posteriors[:count]
        known = posteriors[np.isfinite(posteriors)]
        share = float(known.mean()) if len(known) else self.share
        return replace(self, posteriors=posteriors, share=share, num_judged=len(known))

    def describe(self) -> JsonObject:
        """Return it fit for JSON, with a sentence where something was found."""
        told: JsonObject = {"state": self.state, "statistic": f"transcript.{self.fault.statistic}"}
        if self.state != "judged":
            return {**told, "reason": self.reason, "sentence": ""}
        told |= {"share": round(self.share, 5), "num_found": self.num_found, "num_judged": self.num_judged}
        sentence = ""
        if np.isfinite(self.limit):
            told |= {"limit": round(self.limit, 3), "expected_false_share": round(self.false_share, 6)}
            if self.num_found:
                side = "above" if self.fault.is_high_bad else "below"
                odds = f"about 1 in {round(1 / self.false_share):,}" if self.false_share > 1e-5 else "hardly any"
                many = count_noun(self.num_found, self.fault.singular, self.fault.plural)
                sentence = (
                    f"{many} (transcript.{self.fault.statistic} {side} {self.limit:.1f}, "
                    f"as in {odds} correct transcripts)."
                )
        return {**told, "sentence": sentence}


def judge_fault(fault: Fault, clips: SpeechClips, min_clips: int) -> FaultFit:
    """Return how probable a fault is in each row.

    Args:
        fault: The kind.
        clips: The rows; those ``inside`` are judged.
        min_clips: Fewer distinct ones are not judged.
    """
    own = clips.values[fault.statistic]
    bad, planted_bad = fault.badness(own), fault.badness(clips.values[fault.planted])
    known = np.isfinite(own) & ~clips.is_other
    usable = known & clips.inside
    base = usable & clips.is_first
    unjudged = FaultFit(fault=fault, state="too_few_clips", posteriors=np.full(len(own), np.nan))
    if fault.is_optional and not (np.isfinite(own).any() and np.isfinite(planted_bad).any()):
        return replace(unjudged, state="not_measured")
    if clips.hopeless:
        return replace(unjudged, state="model_cannot_tell", reason=clips.hopeless)
    if base.sum() < min_clips:
        return replace(
            unjudged,
            reason=f"there are only {int(base.sum())} distinct verified transcripts, fewer than {min_clips}",
        )
    was_planted = base & np.isfinite(planted_bad)
    is_own = bool(was_planted.sum() >= MIN_PLANTED)
    if not is_own:
        # What a fault looks like, other slices may show; what sound transcripts look like, each shows for itself.
        was_planted = known & clips.is_first & np.isfinite(planted_bad)
    seen = was_planted & (planted_bad - np.where(known, bad, 0.0) >= FAULT_MIN_EFFECT)
    if was_planted.sum() < MIN_PLANTED:
        reason = (
            f"faults could be planted in only {int(was_planted.sum())} recordings, fewer than {MIN_PLANTED}; see "
            "probes.transcript_null"
        )
        return replace(unjudged, reason=reason)
    cannot = replace(
        unjudged, state="model_cannot_tell", reason="this model cannot tell such a fault from a correct transcript here"
    )
    if seen.sum() < max(2, FAULT_MIN_SEEN * was_planted.sum()):
        return cannot
    if float((bad[base] < np.quantile(planted_bad[seen], FAULT_HIT_QUANTILE)).mean()) < FAULT_MIN_HIT_RATE:
        return cannot
    lengths = log_lengths(clips, base) if fault.grows else np.zeros(len(own))
    slope = 0.0
    if fault.grows:
        first = _fit(bad, planted_bad, base, seen)
        slope = find_slope(_score(bad)[base], lengths[base], 1 - _posterior(first, _score(bad)[base], base.sum()))
    shift = slope * lengths
    mixture = _fit(bad, planted_bad, base, seen, shift)
    found = np.full(len(own), np.nan)
    found[usable] = _posterior(mixture, (_score(bad) + shift)[usable], base.sum())
    # What is not even a nat bad is no evidence, however evenly the sound ones lie at 0: there the share alone counts.
    mild = usable & (bad < FAULT_MIN_EFFECT)
    found[mild] = np.minimum(found[mild], mixture.share)
    # Nor are words that were recognised one and all, by a recogniser that was not told them.
    agreed = usable & clips.is_agreed
    found[agreed] = np.minimum(found[agreed], mixture.share)
    is_above = _posterior(mixture, mixture.middles, base.sum()) > PROBABLE
    above = mixture.middles[is_above]
    worst = max(float(min(above.max(), 0.0)) ** 2 - 1.0, FAULT_MIN_EFFECT) if len(above) else np.nan
    return FaultFit(
        fault=fault,
        state="judged",
        posteriors=found,
        share=mixture.share,
        limit=worst if fault.is_high_bad else -worst,
        false_share=float(mixture.true_mass[is_above].sum()),
        num_judged=int(usable.sum()),
        is_planted_within=is_own,
    )


def find_slope(scores: Floats, lengths: Floats, weights: Floats) -> float:
    """Return by how much sound scores fall for each unit of log length, 0 or more: weighted least squares.

    Args:
        scores: Higher is sounder, shape (n,).
        lengths: Logarithms of the lengths, shape (n,).
        weights: How probably each is sound, shape (n,).
    """
    total = weights.sum()
    if total < SLOPE_MIN_ROWS:
        return 0.0
    centred = lengths - (weights * lengths).sum() / total
    spread = (weights * centred**2).sum()
    # Texts of nearly one length say nothing about length.
    if spread < SLOPE_MIN_VARIANCE * total:
        return 0.0
    return float(max(0.0, -(weights * centred * scores).sum() / spread))


def _score(bad: Floats) -> Floats:
    """Return the scores that are fitted, higher is sounder: the root draws the long tail in, 1 nat keeps it gentle."""
    return -np.sqrt(1.0 + bad)


def _blur(scores: Floats) -> tuple[Floats, Floats]:
    """Return points of a normal kernel around each score, and their weights.

    Sound pairs crowd at 0 so closely that a fraction of a nat, which is no evidence of anything, would stand out.
    """
    offsets = np.linspace(-2.0, 2.0, 9)
    weights = np.exp(-0.5 * offsets**2)
    weights /= weights.sum()
    points = np.sort(scores)[:, None] + _BLUR * offsets
    return points.ravel(), np.tile(weights, len(scores))


def _fit(
    bad: Floats,
    planted_bad: Floats,
    base: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    shift: Floats | None = None,
) -> NullMixture:
    shift = np.zeros(len(bad)) if shift is None else shift
    null, null_weights = _blur(_score(planted_bad[seen]) + shift[seen])
    scores, weights = _blur(_score(bad[base]) + shift[base])
    return fit_null_mixture(null, scores, weights, null_weights=null_weights, max_components=_COMPONENTS)


def _posterior(mixture: NullMixture, scores: Floats, count: int) -> Floats:
    """Return the probability of a fault.

    The share is taken for no less than half a row: a share of exactly nothing would rank all rows alike.
    """
    share = max(mixture.share, 0.5 / max(int(count), 1))
    ratio = np.interp(scores, mixture.middles, mixture.true_mass / mixture.null_mass)
    return np.asarray(share / np.maximum(share + (1 - share) * ratio, 1e-300))


def log_lengths(clips: SpeechClips, base: NDArray[np.bool_]) -> Floats:
    """Return log(words) minus its median; 0 where the number is not known."""
    with np.errstate(invalid="ignore"):
        lengths = np.log(np.maximum(clips.values["num_words"], 1.0))
    known = lengths[base & np.isfinite(lengths)]
    middle = float(np.median(known)) if len(known) else 0.0
    return np.asarray(np.nan_to_num(lengths - middle, nan=0.0))
