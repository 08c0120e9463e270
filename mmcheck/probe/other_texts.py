"""The run's transcripts, to choose from what a recording surely does not say, and what follows a word."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from mmcheck.core.languages import primary_code
from mmcheck.core.types import Sample
from mmcheck.metrics.text_normalization import is_scriptio_continua, normalize
from mmcheck.metrics.transcript_cleaning import clean_transcript
from mmcheck.probe.planted_texts import Followers, find_followers, split_words

_MAX_LIKENESS = 50.0
"""Texts that share more of their letters than this (percent, Indel) are no strangers. Our own choice: unrelated
sentences of a language share less than half."""
_REPEATED = re.compile(r"#\d+$")
_POOL = 8
"""Texts of the nearest lengths among which chance decides, for each that is wanted. Our own choice: lengths stay alike,
and the same text is not always taken."""


def draw_digest(seed: int, text: str) -> bytes:
    """Return 16 bytes by which chance decides; equal seeds and texts give equal ones."""
    return hashlib.blake2b(f"{seed}\n{text}".encode("utf-8", "replace"), digest_size=16).digest()


def draw_name(sample_id: str) -> str:
    """Return what of an id chance may look at: not the number of a repeated one, which tells the rows' order."""
    return _REPEATED.sub("", sample_id)


class OtherTexts:
    """Transcripts of a run.

    Args:
        texts: Distinct transcripts with their languages.
        seed: Decides which of them a sample is given.
    """

    def __init__(self, texts: Sequence[tuple[str, str | None]], seed: int) -> None:
        self._seed = seed
        given = [(clean_transcript(text, language), language) for text, language in texts]
        forms = [(text, primary_code(language), normalize(text, language)) for text, language in given]
        # Texts that differ in case and marks alone are one.
        once = {(language, plain): (text, language, plain) for text, language, plain in sorted(forms) if plain}
        self.entries = sorted(once.values(), key=lambda entry: (len(entry[2]), entry))
        """Text, language and normalised text, by length."""
        self._lengths = np.array([len(entry[2]) for entry in self.entries], dtype=np.int64)
        by_language: dict[str, list[list[str]]] = {}
        for text, language, _ in self.entries:
            words = split_words(text, is_scriptio_continua=is_scriptio_continua(language or None, text))
            by_language.setdefault(language, []).append(words)
        self._followers: dict[str, Followers] = {
            language: find_followers(listed, language or None) for language, listed in by_language.items()
        }

    def followers(self, language: str | None) -> Followers:
        """Return which words follow each word in texts of a language."""
        return self._followers.get(primary_code(language), {})

    def choose(self, sample: Sample, wanted: int) -> list[str]:
        """Return other transcripts of like length and the same language, as many as wanted or as there are."""
        from rapidfuzz import fuzz

        own = normalize(clean_transcript(sample.transcript or "", sample.language), sample.language)
        language = primary_code(sample.language)
        place = int(np.searchsorted(self._lengths, len(own)))
        low, high = place - 1, place
        near: list[str] = []
        while len(near) < wanted * _POOL and (low >= 0 or high < len(self.entries)):
            takes_low = high >= len(self.entries) or (
                low >= 0 and len(own) - self._lengths[low] <= self._lengths[high] - len(own)
            )
            index = low if takes_low else high
            low, high = (low - 1, high) if takes_low else (low, high + 1)
            text, its_language, normal = self.entries[index]
            if its_language == language and fuzz.ratio(own, normal) <= _MAX_LIKENESS:
                near.append(text)
        near.sort(key=lambda text: draw_digest(self._seed, f"{own}\n{text}"))
        return near[:wanted]
