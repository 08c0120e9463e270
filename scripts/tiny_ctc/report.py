"""Figures of an exported tiny CTC model on sentences and voices that it never heard, and their tables in its card."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import jiwer
import numpy as np

from mmcheck.backends.ctc_model import CtcModel
from mmcheck.metrics.ctc_alignment import AlignedText, align_words, greedy_symbols, relative_scores
from scripts.synthetic.sentences import SUBSTITUTES, draw_words
from scripts.tiny_speech.card import make_table
from scripts.tiny_whisper.evaluation import HeldOutClip, draw_clips, normalize, word_error_rate

if TYPE_CHECKING:
    from pathlib import Path

    from mmcheck.core.arrays import Floats

_SETS: Final[dict[str, tuple[float, bool]]] = {
    "sentences, as recorded": (0.0, False),
    "sentences, noise, room and codec": (0.0, True),
    "random words, as recorded": (1.0, False),
}
"""Test set by name: share of random word strings, and whether the clips are degraded."""
_FAULTS: Final = ("other clip's text", "one word substituted", "one inner word deleted", "three words appended")
_STATISTICS: Final = ("mean", "worst word", "largest gap")


def measure(folder: Path, *, num_clips: int, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Returns error rates by test set, and areas under the ROC curve by fault.

    Args:
        folder: The exported model folder.
        num_clips: Clips of a test set.
        seed: Seed of the held-out sentences, voices and effects.
    """
    model = CtcModel(folder, device="cpu")
    errors: dict[str, dict[str, float]] = {}
    areas: dict[str, dict[str, float]] = {}
    for number, (name, (share, is_degraded)) in enumerate(_SETS.items()):
        clips = draw_clips(num_clips, seed + number, random_share=share, is_degraded=is_degraded)
        heard = [relative_scores(model.hear([clip.samples])) for clip in clips]
        texts = [model.vocabulary.read(greedy_symbols(it, blank=model.vocabulary.blank)) for it in heard]
        errors[name] = {
            "clips": float(len(clips)),
            "wer": word_error_rate([clip.text for clip in clips], texts),
            "cer": float(jiwer.cer([normalize(clip.text) for clip in clips], texts)),
        }
        if number == 0:
            areas = _find_areas(model, clips, heard, seed)
    return {"word_error_rate": errors, "areas": areas}


def _find_areas(
    model: CtcModel, clips: list[HeldOutClip], heard: list[Floats], seed: int
) -> dict[str, dict[str, float]]:
    rng = random.Random(seed)
    clean = [_score(model, it, _plain(clip.sentences)) for clip, it in zip(clips, heard, strict=True)]
    found = {}
    for fault in _FAULTS:
        wrong = [_score(model, it, _plant(fault, clip, clips, rng)) for clip, it in zip(clips, heard, strict=True)]
        found[fault] = {
            name: _area([scores[name] for scores in clean], [scores[name] for scores in wrong]) for name in _STATISTICS
        }
    return found


def _plain(sentences: list[list[str]]) -> list[str]:
    return [word.lower() for words in sentences for word in words]


def _plant(fault: str, clip: HeldOutClip, clips: list[HeldOutClip], rng: random.Random) -> list[str]:
    words = _plain(clip.sentences)
    if fault == "other clip's text":
        return _plain(rng.choice([other for other in clips if other is not clip]).sentences)
    if fault == "three words appended":
        return words + [word.lower() for word in draw_words(rng, held_out=True)[:3]]
    place = rng.randrange(1, max(2, len(words) - 1)) % len(words)
    if fault == "one inner word deleted":
        return words[:place] + words[place + 1 :] or words
    for at in rng.sample(range(len(words)), len(words)):
        classes = [kind for kind in SUBSTITUTES if words[at] in map(str.lower, kind)]
        if classes:
            others = [word.lower() for word in classes[0] if word.lower() != words[at]]
            return [*words[:at], rng.choice(others), *words[at + 1 :]]
    return [*words[:-1], "elephant"]


def _score(model: CtcModel, relative: Floats, words: list[str]) -> dict[str, float]:
    spelled = model.vocabulary.spell(" ".join(words), is_scriptio_continua=False)
    aligned: AlignedText = align_words(
        relative,
        [word.symbols for word in spelled],
        blank=model.vocabulary.blank,
        separator=model.vocabulary.separator,
    )
    return {
        "mean": aligned.mean,
        "worst word": min(value for value in aligned.words if value is not None),
        "largest gap": min(aligned.gaps),
    }


def _area(clean: list[float], wrong: list[float]) -> float:
    """Returns how often a clean value is above a wrong one, ties counted half."""
    difference = np.asarray(clean)[:, None] - np.asarray(wrong)[None]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def write_tables(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    """Returns the figures as Markdown tables."""
    errors = [
        [name, f"{row['clips']:.0f}", f"{row['wer']:.1%}", f"{row['cer']:.1%}"]
        for name, row in figures["word_error_rate"].items()
    ]
    areas = [[fault, *(f"{row[name]:.3f}" for name in _STATISTICS)] for fault, row in figures["areas"].items()]
    return "\n".join(
        [
            make_table(["unseen sentences, unseen voices", "clips", "words wrong", "letters wrong"], errors),
            "ROC-AUC on sentences as recorded, true pairs against pairs with one fault:\n",
            make_table(["fault", *_STATISTICS], areas),
        ]
    )
