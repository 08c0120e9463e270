"""What the analysis ``speech`` says of the whole set: each fault, and which limits held for which slice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject
from mmcheck.core.sentences import count_noun
from mmcheck.corpus.speech.clips import SpeechClips
from mmcheck.corpus.speech.faults import FaultFit
from mmcheck.corpus.speech.languages import LanguageVerdict
from mmcheck.corpus.speech.slices import ClipSlices
from mmcheck.corpus.speech.verdicts import OWN_STATES, SpeechVerdict

_KIND_WORDS = {
    "wrong_word": ("transcript with a wrong word", "transcripts with a wrong word"),
    "missing_words": ("that lacks words", "that lack words"),
    "inserted_words": ("with words that are not spoken", "with words that are not spoken"),
    "cut_audio": ("whose recording is cut off", "whose recordings are cut off"),
}
_OWN, _WHOLE = "slice", "whole set"
"""Whose limits hold, in summary.json."""


def summarise(
    clips: SpeechClips,
    verdict: SpeechVerdict,
    slices: ClipSlices,
    language: LanguageVerdict,
    kinds: Mapping[str, int],
    basis: str,
) -> JsonObject:
    """Return the summary fit for JSON.

    Args:
        clips: The set's rows.
        verdict: How they were judged.
        slices: Their slices.
        language: What is known of the stated languages.
        kinds: Kind of word fault -> rows that have it.
        basis: What the verdict rests on, if not on the set; else "".
    """
    if not clips.is_verified.any():
        return {"sentences": []}
    parts = {name: fit.describe() for name, fit in verdict.fits.items()}
    if verdict.slices:
        for name, part in parts.items():
            part["sentence"] = _tell_fault(name, verdict)
    sentences = [sentence for part in parts.values() if (sentence := part.pop("sentence"))]
    if any(kinds.values()):
        listed = ", ".join(count_noun(count, *_KIND_WORDS[kind]) for kind, count in kinds.items() if count)
        sentences.append(f"By kind of fault: {listed}.")
    told: JsonObject = {}
    if slices.are_told_apart:
        told = _describe(verdict, slices)
        sentences = [*_tell_slices(slices), *sentences]
    return {
        **parts,
        "word_faults": dict(kinds),
        "num_other_texts": int(clips.is_other.sum()),
        "wrong_language": language.describe(),
        **told,
        **({"basis": basis} if basis else {}),
        "sentences": [*([f"The transcripts were {basis}."] if basis else []), *sentences, *language.sentences],
        "warnings": _warn(verdict, slices),
    }


def _warn(verdict: SpeechVerdict, slices: ClipSlices) -> list[str]:
    """Return a sentence for each reason why faults could not be judged, in the whole set or in a slice."""
    # Nobody was judged by the whole set's limits where all have limits of their own.
    is_used = not verdict.slices or bool(slices.small or slices.num_unnamed)
    general = dict.fromkeys(fit.reason for fit in verdict.whole.fits.values() if fit.reason) if is_used else {}
    found = [f"Some transcript faults could not be judged: {text}." for text in general]
    for name, part in verdict.slices.items():
        reasons = dict.fromkeys(fit.reason for fit in part.own.values() if fit.reason)
        found += [f"Some transcript faults of {name} could not be judged: {text}." for text in reasons]
    for key in slices.absent:
        found.append(
            f"No row has a value of {key!r}, which `analyses.speech.slice_by` names. Hint: it must be a key of the "
            "manifest's rows, or `language` or `manifest`."
        )
    return found


def _tell_fault(name: str, verdict: SpeechVerdict) -> str:
    """Return the sentence on one fault where slices have limits of their own; empty where none was found."""
    fit = verdict.fits[name]
    if not fit.num_found:
        return ""
    limits = [
        f"{label} {own.limit:.1f}"
        for label, part in verdict.slices.items()
        if (own := part.own.get(name)) and np.isfinite(own.limit)
    ]
    whole = verdict.whole.fits[name].limit
    limits += [f"all others {whole:.1f}"] if np.isfinite(whole) else []
    side = "above" if fit.fault.is_high_bad else "below"
    many = count_noun(fit.num_found, fit.fault.singular, fit.fault.plural)
    by = f" (transcript.{fit.fault.statistic} {side} the limit of its slice: {', '.join(limits)})" if limits else ""
    return f"{many}{by}."


def _tell_slices(slices: ClipSlices) -> list[str]:
    """Return the sentence on whose limits held where."""
    num_small = sum(part.num_clips for part in slices.small) + slices.num_unnamed
    if not slices.names:
        return ["No slice of the set is large enough for limits of its own: the whole set's judged all transcripts."]
    counts = np.bincount(slices.codes[slices.codes >= 0], minlength=len(slices.names)).tolist()
    own = ", ".join(f"{name} ({count:,} clips)" for name, count in zip(slices.names, counts, strict=True))
    small = count_noun(num_small, "clip", "clips")
    rest = f", and by those of the whole set in {small} of smaller slices" if num_small else ""
    return [f"Transcript faults were judged by limits of the slice's own in {own}{rest}."]


def _describe(verdict: SpeechVerdict, slices: ClipSlices) -> JsonObject:
    """Return the slices: of each the clips, whose limits held for it, and which they are."""
    told: JsonObject = {}
    for place, (name, part) in enumerate(verdict.slices.items()):
        inside = slices.codes == place
        told[name] = {
            "num_clips": int(inside.sum()),
            "limits": {
                fault: {**_limit(fit, verdict.whole.fits[fault]), **_found(verdict.fits[fault], inside)}
                for fault, fit in part.fits.items()
            },
            "doubted_word": _OWN if part.has_own_doubts else _WHOLE,
        }
    general = {fault: _limit(fit, fit, of=_WHOLE) for fault, fit in verdict.whole.fits.items()}
    for small in slices.small:
        told[small.name] = {
            "num_clips": small.num_clips,
            "reason": small.reason,
            "limits": general,
            "doubted_word": _WHOLE,
        }
    return {"slices": told, **({"num_clips_unnamed": slices.num_unnamed} if slices.num_unnamed else {})}


def _limit(fit: FaultFit, whole: FaultFit, of: str = _OWN) -> JsonObject:
    """Return whose limit holds and which it is, with the reason where there is none."""
    if of == _OWN and fit.state not in OWN_STATES:
        return _limit(whole, whole, of=_WHOLE)
    found: JsonObject = {"of": of, "state": fit.state}
    if fit.state != "judged":
        return {**found, "reason": fit.reason} if fit.reason else found
    if np.isfinite(fit.limit):
        found |= {"limit": round(fit.limit, 3), "expected_false_share": round(fit.false_share, 6)}
    if of == _OWN:
        found |= {"share": round(fit.share, 5), "faults_planted_in": _OWN if fit.is_planted_within else _WHOLE}
    return found


def _found(fit: FaultFit, inside: NDArray[np.bool_]) -> JsonObject:
    """Return how many rows of a slice probably have the fault."""
    posteriors = fit.posteriors[inside]
    known = posteriors[np.isfinite(posteriors)]
    return {"num_found": int((known > PROBABLE).sum()), "num_judged": len(known)}
