"""The verdict on one slice: can this model tell its pairs from random ones, and how many of them are random?

Every way in which the question has no answer has a state of its own and a sentence for people, because a number that
stands on nothing is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.sentences import percent
from mmcheck.corpus.alignment.slice_numbers import QuarantineEstimate, ShareEstimate, SliceNumbers
from mmcheck.corpus.constants import (
    ALIGNMENT_HIT_QUANTILE,
    ALIGNMENT_MAX_SHARE,
    ALIGNMENT_MIN_HIT_RATE,
    KOLMOGOROV_SMIRNOV,
    SHARE_BIAS,
    SHARES_DIFFERENCE,
    SHARES_ERRORS,
)
from mmcheck.metrics.caption_reach import NO_LIMITS, SilentLimits
from mmcheck.metrics.known_share import mix_known_share
from mmcheck.metrics.null_mixture import NullMixture, fit_null_mixture, share_interval
from mmcheck.metrics.true_null_share import smoothed_storey_share

State = Literal[
    "judged",
    "too_few_pairs",
    "captions_all_alike",
    "constant_embeddings",
    "model_cannot_tell",
    "misaligned_throughout",
]

_RESAMPLES = 100  # resamples of the interval of the share; our own choice: its ends stand on two or three of them each
_PLOT_BINS = 60  # bins of the plot; our own choice: what a small drawing can show


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceVerdict:
    """What is known of one slice."""

    state: State
    num_rows: int
    """Rows, duplicates counted."""
    num_pairs: int
    """Distinct pairs."""
    reason: str = ""
    """One sentence part, where it was not judged."""
    mixture: NullMixture | None = None
    null_scores: Floats | None = None
    """Ascending."""
    silent: SilentLimits = NO_LIMITS
    """Which captions say nothing."""
    numbers: SliceNumbers | None = None
    sentences: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Return the estimated share of random pairings; NaN if the slice was not judged."""
        return self.mixture.share if self.mixture is not None else float("nan")

    def posterior(self, scores: NDArray[np.floating]) -> Floats:
        """Return the posteriors of scores, shape (n,); NaN where the slice was not judged."""
        if self.state != "judged" or self.mixture is None:
            return np.full(len(scores), np.nan)
        return self.mixture.posterior(scores)

    def p_value(self, scores: NDArray[np.floating]) -> Floats:
        """Return the share of random pairings that score at least as high, in (0, 1].

        Plus one in numerator and denominator: no p-value is 0 (Phipson and Smyth, 2010).
        """
        if self.state != "judged" or self.null_scores is None:
            return np.full(len(scores), np.nan)
        return p_values(self.null_scores, scores)

    def describe(self) -> JsonObject:
        """Return the verdict fit for JSON."""
        told: JsonObject = {"state": self.state, "num_rows": self.num_rows, "num_pairs": self.num_pairs}
        if self.reason:
            told["reason"] = self.reason
        numbers = {} if self.numbers is None else self.numbers.to_json()
        return {**told, **numbers, "sentences": list(self.sentences)}


def p_values(null_scores: Floats, scores: NDArray[np.floating]) -> Floats:
    """Return the share of null scores at least as high as each score; NaN for NaN.

    Args:
        null_scores: Ascending, shape (m,).
        scores: Shape (n,).
    """
    known = np.isfinite(scores)
    above = len(null_scores) - np.searchsorted(null_scores, np.where(known, scores, 0), side="left")
    return np.where(known, (above + 1) / (len(null_scores) + 1), np.nan)


def unjudged(
    state: State, reason: str, *, name: str, num_rows: int, num_pairs: int, kind: PairKind, hint: str = ""
) -> SliceVerdict:
    """Return the verdict of a slice that cannot be judged, with its sentence."""
    place = "" if name == "all" else f" (slice {name})"
    whose = "" if name == "all" else " of this slice"
    sentence = f"{reason[:1].upper()}{reason[1:]}{place}. The {kind.pairs}{whose} cannot be judged."
    return SliceVerdict(
        state=state,
        num_rows=num_rows,
        num_pairs=num_pairs,
        reason=f"{reason}{'; ' + hint if hint else ''}",
        sentences=(f"{sentence} Hint: {hint}." if hint else sentence,),
    )


def judge_scores(
    null_scores: Floats,
    scores: Floats,
    weights: Floats,
    *,
    name: str,
    num_rows: int,
    kind: PairKind,
    seed: int,
    has_partners: bool = False,
    silent: SilentLimits | None = None,
    num_silent: int = 0,
    known: SliceVerdict | None = None,
) -> SliceVerdict:
    """Return the verdict of one slice from its scores.

    Args:
        null_scores: Scores of random re-pairings, shape (m,), finite.
        scores: Scores of the distinct pairs, shape (n,), finite, n at least 1.
        weights: What each counts (near-copies share one), shape (n,).
        name: Of the slice; ``all`` if there is but one.
        num_rows: Rows, duplicates counted.
        kind: What is judged.
        seed: For the interval.
        has_partners: Whether the media have clear partners among the texts of other rows.
        silent: Which captions say nothing; none, if it is left out.
        num_silent: Distinct pairs with such captions; they are not among the scores.
        known: Verdict on a sample of the same pairs by better scores, whose share is taken in place of a fitted one.
    """
    null_scores = np.sort(null_scores)
    if known is None:
        mixture = fit_null_mixture(null_scores, scores, weights)
    else:
        # Not finding a wrong pair in a sample does not rule them out; half a one stands for that.
        mixture = mix_known_share(null_scores, scores, weights, max(known.share, 0.5 / known.num_pairs))
    tail = float(np.quantile(null_scores, ALIGNMENT_HIT_QUANTILE))
    hit_rate = float(mixture.true_mass[mixture.middles > tail].sum())
    excess = _excess(null_scores, scores, weights)
    num_pairs = len(scores) + num_silent
    numbers = SliceNumbers(
        separation=round(_auc(null_scores, scores, weights), 4),
        hit_rate=round(hit_rate, 4),
        num_uninformative=num_silent,
        num_foreign=0 if silent is None else silent.num_foreign,
        bins=_bins(mixture),
    )
    # Kolmogorov-Smirnov at about one in a thousand; the re-pairings are many, so only the pairs' number counts.
    noise = KOLMOGOROV_SMIRNOV / np.sqrt(max(float(weights.sum()), 1.0))
    if excess < noise or hit_rate < ALIGNMENT_MIN_HIT_RATE or mixture.share > ALIGNMENT_MAX_SHARE:
        verdict = _cannot_tell(name, num_rows, num_pairs, kind, has_partners)
        return SliceVerdict(
            state=verdict.state,
            num_rows=num_rows,
            num_pairs=num_pairs,
            reason=verdict.reason,
            numbers=numbers,
            sentences=verdict.sentences,
        )
    share = None if known is None or known.numbers is None else known.numbers.share
    if share is None:
        share = _share(mixture, null_scores, scores, weights, seed)
    taken, false_rate, precision = mixture.quarantined(PROBABLE)
    quarantine = QuarantineEstimate(
        limit=PROBABLE,
        quarantined_share=round(taken, 5),
        false_quarantine_rate=round(false_rate, 6),
        # Of less than half a pair no precision can be stated.
        expected_precision=None if taken * float(weights.sum()) < 0.5 else round(precision, 4),
    )
    return SliceVerdict(
        state="judged",
        num_rows=num_rows,
        num_pairs=num_pairs,
        mixture=mixture,
        null_scores=null_scores,
        silent=silent or NO_LIMITS,
        numbers=replace(numbers, share=share, quarantine=quarantine),
        sentences=tuple(_sentences(share, quarantine, numbers, name=name, num_pairs=len(scores), kind=kind)),
    )


def _share(mixture: NullMixture, null_scores: Floats, scores: Floats, weights: Floats, seed: int) -> ShareEstimate:
    """Return the share with its interval, and whether an estimate that fits nothing agrees.

    Chance in who is in the set is not all that moves the estimate: random pairs that happen to be right, or a model
    that takes right ones for random, move it alike in sets of any size. The interval allows for that too.
    """
    low, high = share_interval(mixture, resamples=_RESAMPLES, seed=seed)
    bias = SHARE_BIAS * mixture.share * (1.0 - mixture.share)
    low, high = max(0.0, low - bias), min(1.0, high + bias)
    storey = smoothed_storey_share(p_values(null_scores, scores), weights)
    # Storey's estimate counts the few pairs above a p-value of about a half, so its own error is that of a small count.
    margin = SHARES_ERRORS * np.sqrt(max(storey, mixture.share) / max(float(weights.sum()), 1.0))
    return ShareEstimate(
        share=round(mixture.share, 5),
        share_low=round(min(low, mixture.share), 5),
        share_high=round(max(high, mixture.share), 5),
        storey_share=round(storey, 5),
        estimates_agree=bool(abs(storey - mixture.share) <= max(SHARES_DIFFERENCE, high - low, margin)),
    )


def _cannot_tell(name: str, num_rows: int, num_pairs: int, kind: PairKind, has_partners: bool) -> SliceVerdict:
    if has_partners:
        return unjudged(
            "misaligned_throughout",
            f"the {kind.pairs} look mismatched, but clearly match texts of other rows: the texts seem to be shifted, "
            "or sorted differently from the media, throughout",
            name=name,
            num_rows=num_rows,
            num_pairs=num_pairs,
            kind=kind,
            hint="run `mmcheck repair` on this run",
        )
    return unjudged(
        "model_cannot_tell",
        f"this model cannot judge {kind.data}: the {kind.pairs} score no better than random pairs",
        name=name,
        num_rows=num_rows,
        num_pairs=num_pairs,
        kind=kind,
        hint=kind.hint,
    )


def _sentences(
    estimate: ShareEstimate,
    quarantine: QuarantineEstimate,
    numbers: SliceNumbers,
    *,
    name: str,
    num_pairs: int,
    kind: PairKind,
) -> list[str]:
    place = "" if name == "all" else f" of slice {name}"
    share, low, high = (percent(value) for value in (estimate.share, estimate.share_low, estimate.share_high))
    found = [
        f"About {share} % of the {num_pairs} distinct {kind.pairs}{place} are mismatched "
        f"(95 % interval {low} to {high} %)."
    ]
    if numbers.num_foreign:
        found.append(_foreign_sentence(numbers.num_foreign))
    if numbers.num_uninformative:
        found.append(_silent_sentence(numbers.num_uninformative))
    if not estimate.estimates_agree:
        found.append(
            "A second estimate (Storey's), which assumes nothing about matched pairs, gives "
            f"{percent(estimate.storey_share)} %. The two differ, so treat the share with caution."
        )
    if quarantine.expected_precision is None:
        found.append(f"Hardly any has a mismatch probability above {quarantine.limit}: nearly all look matched.")
    else:
        found.append(
            f"A mismatch probability above {quarantine.limit} quarantines {percent(quarantine.quarantined_share)} % "
            f"of them. That should cost {percent(quarantine.false_quarantine_rate)} % of the matched pairs, and "
            f"{percent(quarantine.expected_precision)} % of the quarantined pairs should really be mismatched."
        )
    return found


def _silent_sentence(count: int) -> str:
    if count == 1:
        return (
            "One more has a caption that fits most images of the set equally well; it cannot be judged and is not part "
            "of that share."
        )
    return (
        f"{count} more have captions that fit most images of the set equally well; they cannot be judged and are not "
        "part of that share."
    )


def _foreign_sentence(count: int) -> str:
    return (
        f"{count} of their captions fit all images of the set rather badly, as captions of other images do; they are "
        "judged like all others and are part of that share."
    )


def describe_slices(slices: Mapping[str, SliceVerdict], kind: PairKind) -> tuple[JsonObject, list[str]]:
    """Return what is known of one modality: its only slice, or all of them together with each under ``slices``.

    Beside it are the sentences that it holds.

    Args:
        slices: Name -> verdict, at least one.
        kind: What is judged.
    """
    verdicts = list(slices.values())
    if len(verdicts) == 1:
        return {**verdicts[0].describe(), "slices": {}}, list(verdicts[0].sentences)
    judged = {name: verdict for name, verdict in slices.items() if verdict.state == "judged"}
    told: JsonObject = {
        "state": "judged" if judged else verdicts[0].state,
        "num_rows": sum(verdict.num_rows for verdict in verdicts),
        "num_pairs": sum(verdict.num_pairs for verdict in verdicts),
    }
    sentences: list[str] = []
    numbers = [verdict.numbers for verdict in judged.values() if verdict.numbers is not None]
    shares = [each.share for each in numbers if each.share is not None]
    if judged:
        silent = [each.num_uninformative for each in numbers]
        pairs = np.array([verdict.num_pairs for verdict in judged.values()], dtype=np.float64) - silent
        weight = pairs / pairs.sum()
        share, low, high = (
            np.array(values)
            for values in zip(*((each.share, each.share_low, each.share_high) for each in shares), strict=True)
        )
        total = float((weight * share).sum())
        # The slices' errors are independent, so their squares add up.
        all_low = round(max(0.0, total - float(np.sqrt(((weight * (share - low)) ** 2).sum()))), 5)
        all_high = round(min(1.0, total + float(np.sqrt(((weight * (high - share)) ** 2).sum()))), 5)
        told |= {"share": round(total, 5), "share_low": all_low, "share_high": all_high}
        # What the share stands for: pairs of slices that were judged, without captions that say nothing.
        told["num_pairs_in_share"] = int(pairs.sum())
        names = list(judged)
        most, least = names[int(share.argmax())], names[int(share.argmin())]
        shown, shown_low, shown_high = (percent(value) for value in (round(total, 5), all_low, all_high))
        where = f"{len(judged)} of {len(slices)}" if len(judged) < len(slices) else f"{len(slices)}"
        span = f", from {percent(share.min())} % ({least}) to {percent(share.max())} % ({most})"
        sentences.append(
            f"About {shown} % of the {int(pairs.sum())} distinct {kind.pairs} in {where} slices are mismatched "
            f"(95 % interval {shown_low} to {shown_high} %){span if share.min() < share.max() else ''}."
        )
        if foreign := sum(each.num_foreign for each in numbers):
            sentences.append(_foreign_sentence(foreign))
        if sum(silent):
            sentences.append(_silent_sentence(sum(silent)))
    for verdict in verdicts:
        if verdict.state != "judged":
            sentences += verdict.sentences
    told["sentences"] = sentences
    told["slices"] = {name: verdict.describe() for name, verdict in slices.items()}
    return told, sentences


def _auc(null_scores: Floats, scores: Floats, weights: Floats) -> float:
    """Return the probability that a pair scores above a random pairing (area under the ROC curve)."""
    below = np.searchsorted(null_scores, scores, side="left") + np.searchsorted(null_scores, scores, side="right")
    return float((below * weights).sum() / weights.sum() / (2 * len(null_scores)))


def _excess(null_scores: Floats, scores: Floats, weights: Floats) -> float:
    """Return the largest distance by which the pairs' distribution lies above the null's (one-sided KS statistic)."""
    order = np.argsort(scores)
    reached = np.searchsorted(null_scores, scores[order], side="left") / len(null_scores)
    before = (np.cumsum(weights[order]) - weights[order]) / weights.sum()
    return float(np.max(reached - before))


def _bins(mixture: NullMixture) -> dict[str, list[float]]:
    """Return the histogram for a plot: pairs, what random pairings alone would give, and the posterior's curve."""
    edges = np.linspace(mixture.edges[0], mixture.edges[-1], _PLOT_BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    total = mixture.num_pairs
    return {
        "edges": [round(value, 5) for value in edges.tolist()],
        "pairs": _rebin(mixture.edges, mixture.pair_mass * total, edges),
        "null": _rebin(mixture.edges, mixture.null_mass * total, edges),
        "posterior": [round(value, 4) for value in mixture.posterior(middles).tolist()],
    }


def _rebin(edges: Floats, mass: Floats, wanted: Floats) -> list[float]:
    running = np.interp(wanted, edges, np.concatenate([[0.0], np.cumsum(mass)]))
    return [round(value, 3) for value in np.diff(running).tolist()]
