"""Is another language spoken than the manifest states? By Whisper's own probability for the stated one.

What a low probability means depends on how often it occurs: where a model takes most recordings of a language for
another one, it does not know the language, and nothing can be said.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject
from mmcheck.corpus.speech.clips import SpeechClips
from mmcheck.metrics.stated_class import wrong_posteriors

_REST = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageVerdict:
    """What is known of the stated languages."""

    posteriors: Floats
    """Probability that the stated language is not the spoken one, shape (n,); NaN where it was not judged."""
    shares: dict[str, float]
    """Language -> share of wrong statements; small ones together under ``other``."""
    unknown: tuple[str, ...]
    """Languages that the model does not recognise here."""
    sentences: tuple[str, ...]

    def describe(self) -> JsonObject:
        """Return it fit for JSON."""
        with np.errstate(invalid="ignore"):
            count = int((self.posteriors > PROBABLE).sum())
        shares = {name: round(share, 5) for name, share in self.shares.items()}
        return {"num_found": count, "shares": shares, "not_recognised": list(self.unknown)}


def judge_languages(clips: SpeechClips, min_clips: int) -> LanguageVerdict:
    """Return how probably each stated language is wrong; languages are judged one by one, small ones together.

    Args:
        clips: The rows.
        min_clips: Fewer distinct recordings are not judged, and are no group of their own.
    """
    stated = clips.values["stated_language_probability"]
    posteriors = np.full(len(stated), np.nan)
    known = np.isfinite(stated)
    counts = Counter(name for name, has in zip(clips.languages, known & clips.is_first, strict=True) if has and name)
    group = np.array([name if counts[name] >= min_clips else _REST for name in clips.languages], dtype=object)
    shares: dict[str, float] = {}
    unknown: list[str] = []
    sentences: list[str] = []
    for name in sorted(set(group[known].tolist())):
        rows = known & (group == name)
        distinct = rows & clips.is_first
        label = name or "other"
        if distinct.sum() < min_clips:
            continue
        if float(np.median(stated[distinct])) < PROBABLE:
            unknown.append(label)
            sentences.append(
                f"Most recordings labelled {label!r} do not sound like it to this model, so their languages cannot be "
                "judged: the model does not know the language, or the labels are wrong."
            )
            continue
        _, share = wrong_posteriors(stated[distinct])
        posteriors[rows] = _apply(stated[rows], share)
        shares[label] = share
    with np.errstate(invalid="ignore"):
        count = int((posteriors > PROBABLE).sum())
    if count:
        sentences.append(f"{count} recordings are probably not in the language that the manifest states.")
    return LanguageVerdict(posteriors=posteriors, shares=shares, unknown=tuple(unknown), sentences=tuple(sentences))


def _apply(stated: Floats, share: float) -> Floats:
    right = np.clip(stated, 1e-6, 1 - 1e-6)
    wrong = share * (1 - right)
    return np.asarray(wrong / (wrong + (1 - share) * right))
