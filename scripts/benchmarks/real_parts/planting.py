"""Faults planted into real pairs of recording and transcript, made of the sets' own texts, with the truth.

The wording of other clips gives the wrong words, so nothing is drawn that nobody says. A fault that a clip has no room
for (a word less in a text of two words) is left out for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mmcheck.metrics.text_normalization import is_scriptio_continua, normalize
from mmcheck.probe.planted_texts import split_words
from scripts.benchmarks.real_parts.recordings import RealClip

CLEAN = "clean"
OTHER = "another clip's text"
THIRD = "last third missing"
LAST = "last word missing"
SUBSTITUTED = "one word substituted"
DELETED = "one inner word deleted"
APPENDED = "three words appended"
CUT = "audio cut"
LANGUAGE = "wrong language stated"
TRANSLATED = "translation"
TWICE = "text given twice"
FAULTS = (OTHER, THIRD, LAST, SUBSTITUTED, DELETED, APPENDED, CUT, LANGUAGE, TRANSLATED, TWICE)

RIGHT_NAMES: Mapping[str, tuple[str, ...]] = {
    OTHER: ("mismatched_transcript",),
    THIRD: ("cut_transcript", "missing_words"),
    LAST: ("cut_transcript", "missing_words"),
    SUBSTITUTED: ("wrong_word",),
    DELETED: ("missing_words",),
    APPENDED: ("inserted_words",),
    CUT: ("cut_audio",),
    LANGUAGE: ("wrong_language",),
    TRANSLATED: ("mismatched_transcript", "wrong_language"),
    TWICE: ("inserted_words", "stuttering_transcript", "repeated_text", "text_given_twice"),
}
"""Rules of which one names the fault rightly."""

_FEWEST_WORDS = 4
"""Words; shorter texts are given no fault of single words. Three are left then, and so much has to be there."""
_APPENDED = 3
_KEPT_AUDIO = (0.55, 0.75)
"""Share of the recording that is left of one that is cut, lowest and highest."""
_MAX_LIKENESS = 60.0
"""Texts that share more of their letters (percent, Indel) are not another clip's text but a variant."""
_SIMILAR_LENGTH = 2
"""Letters by which a substituted word may be longer or shorter than the right one, as long as there are such words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A pair with a fault, or without."""

    clip: RealClip
    """The recording, cut where that is the fault; its own text is the true one."""
    fault: str
    """CLEAN or one of FAULTS."""
    text: str
    """The given text."""
    language: str
    """The stated language."""
    changed: tuple[str, ...] = ()
    """The words that were put in, left out or replaced."""


def plant_all(
    clips: Sequence[RealClip], translations: Mapping[str, str], *, seed: int = 0, english_only: bool = False
) -> list[Planted]:
    """Return every clip clean and with each fault that it has room for, clip by clip.

    Args:
        clips: The set.
        translations: Clip id -> what a translator made of it, for clips that are not English.
        seed: Decides places and words.
        english_only: Whether the model knows nothing else; faults of the language are left out.
    """
    by_language: dict[str, list[RealClip]] = {}
    for clip in clips:
        by_language.setdefault(clip.language, []).append(clip)
    found: list[Planted] = []
    for clip in clips:
        found.append(Planted(clip=clip, fault=CLEAN, text=clip.text, language=clip.language))
        for fault, plant in _PLANTERS.items():
            made = plant(clip, by_language, random.Random(f"real-{seed}-{clip.id}-{fault}"))
            if made is not None and _differs(made):
                found.append(made)
        if not english_only:
            found += _plant_languages(clip, by_language, translations, seed)
    return found


def words_of(clip: RealClip) -> tuple[list[str], str]:
    """Return the words of a clip's text (characters, in scripts without spaces) and what joins them."""
    is_continuous = is_scriptio_continua(clip.language, clip.text)
    return split_words(clip.text, is_scriptio_continua=is_continuous), "" if is_continuous else " "


def are_strangers(one: RealClip, two: RealClip) -> bool:
    """Return whether one's text is no variant of the other's."""
    from rapidfuzz import fuzz

    mine, other = normalize(one.text, one.language), normalize(two.text, two.language)
    return float(fuzz.ratio(mine, other)) <= _MAX_LIKENESS


def _differs(made: Planted) -> bool:
    if made.fault in (CUT, LANGUAGE):
        return True
    return normalize(made.text, made.clip.language) != normalize(made.clip.text, made.clip.language)


_ByLanguage = Mapping[str, Sequence[RealClip]]
_Planter = Callable[[RealClip, _ByLanguage, random.Random], Planted | None]


def _with_words(clip: RealClip, fault: str, words: Sequence[str], changed: Sequence[str] = ()) -> Planted:
    text = words_of(clip)[1].join(words)
    return Planted(clip=clip, fault=fault, text=text, language=clip.language, changed=tuple(changed))


def _other(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    strangers = [one for one in by_language[clip.language] if one.id != clip.id and are_strangers(clip, one)]
    if not strangers:
        return None
    return Planted(clip=clip, fault=OTHER, text=rng.choice(strangers).text, language=clip.language)


def _third(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    words, _ = words_of(clip)
    gone = max(1, round(len(words) / 3))
    # With one word less it would be the next fault.
    if len(words) < _FEWEST_WORDS or gone < 2:
        return None
    return _with_words(clip, THIRD, words[:-gone], words[-gone:])


def _last(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    words, _ = words_of(clip)
    return None if len(words) < _FEWEST_WORDS else _with_words(clip, LAST, words[:-1], words[-1:])


def _substituted(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    words, _ = words_of(clip)
    if len(words) < _FEWEST_WORDS:
        return None
    own = {normalize(word, clip.language) for word in words}
    at = rng.randrange(len(words))
    right = _core(words[at])
    donors = _donors(clip, by_language, own)
    near = [word for word in donors if abs(len(word) - len(right)) <= _SIMILAR_LENGTH] or donors
    if not near or not right:
        return None
    wrong = _as_written(rng.choice(near), clip)
    # The punctuation around the word stays, and a capital at the begin.
    wrong = wrong[:1].upper() + wrong[1:] if right[:1].isupper() else wrong
    changed = words[at].replace(right, wrong, 1)
    return _with_words(clip, SUBSTITUTED, [*words[:at], changed, *words[at + 1 :]], (right, wrong))


def _deleted(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    words, _ = words_of(clip)
    if len(words) < _FEWEST_WORDS:
        return None
    at = rng.randrange(1, len(words) - 1)
    return _with_words(clip, DELETED, [*words[:at], *words[at + 1 :]], (words[at],))


def _appended(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    words, _ = words_of(clip)
    long = [other for one, other in _split(by_language[clip.language]) if one != clip.id and len(other) >= _APPENDED]
    if not long:
        return None
    more = [_as_written(_core(word), clip) for word in rng.choice(long)[:_APPENDED]]
    return _with_words(clip, APPENDED, [*words, *more], more)


def _cut(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    if len(words_of(clip)[0]) < _FEWEST_WORDS:
        return None
    shorter = clip.cut(rng.uniform(*_KEPT_AUDIO))
    return Planted(clip=shorter, fault=CUT, text=clip.text, language=clip.language)


def _twice(clip: RealClip, by_language: _ByLanguage, rng: random.Random) -> Planted | None:
    words, _ = words_of(clip)
    return _with_words(clip, TWICE, [*words, *words], words)


_PLANTERS: Mapping[str, _Planter] = {
    OTHER: _other,
    THIRD: _third,
    LAST: _last,
    SUBSTITUTED: _substituted,
    DELETED: _deleted,
    APPENDED: _appended,
    CUT: _cut,
    TWICE: _twice,
}


def _plant_languages(
    clip: RealClip, by_language: _ByLanguage, translations: Mapping[str, str], seed: int
) -> list[Planted]:
    rng = random.Random(f"real-{seed}-{clip.id}-language")
    others = [code for code in by_language if code != clip.language]
    found = []
    if others:
        found.append(Planted(clip=clip, fault=LANGUAGE, text=clip.text, language=rng.choice(others)))
    if clip.id in translations and translations[clip.id].strip():
        made = Planted(clip=clip, fault=TRANSLATED, text=translations[clip.id], language=clip.language)
        found += [made] if _differs(made) else []
    return found


def _donors(clip: RealClip, by_language: _ByLanguage, own: set[str]) -> list[str]:
    words = {_core(word) for one, listed in _split(by_language[clip.language]) if one != clip.id for word in listed}
    return sorted(word for word in words if word and _plain(word, clip.language) not in own | {""})


def _split(clips: Sequence[RealClip]) -> tuple[tuple[str, list[str]], ...]:
    return _split_all(tuple(clips))


@lru_cache(maxsize=64)
def _split_all(clips: tuple[RealClip, ...]) -> tuple[tuple[str, list[str]], ...]:
    return tuple((clip.id, words_of(clip)[0]) for clip in clips)


@lru_cache(maxsize=65_536)
def _plain(word: str, language: str) -> str:
    return normalize(word, language)


def _as_written(word: str, clip: RealClip) -> str:
    """Return a word as the clip's own text would write it: case alone must not betray it."""
    if clip.text.isupper():
        return word.upper()
    return word.lower() if word.isupper() or clip.text.islower() else word


def _core(word: str) -> str:
    kept = [place for place, char in enumerate(word) if char.isalnum()]
    return word[kept[0] : kept[-1] + 1] if kept else ""
