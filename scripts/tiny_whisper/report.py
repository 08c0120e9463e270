"""Figures of an exported tiny Whisper, and their tables in the model card.

The card is written by hand but for what stands between its two pairs of marker lines: the checksums and the
measured figures, which `scripts/tiny_speech/card.py` renews.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from faster_whisper import WhisperModel
from tokenizers import Tokenizer
from transformers import WhisperForConditionalGeneration

from scripts.tiny_speech.card import make_table

from .evaluation import (
    STATISTICS,
    draw_clips,
    faster_whisper_word_error_rate,
    greedy_word_error_rate,
    verify,
)

if TYPE_CHECKING:
    from pathlib import Path

_SETS: Final[dict[str, tuple[float, bool]]] = {
    "sentences, as recorded": (0.0, False),
    "sentences, noise, room and codec": (0.0, True),
    "random words, as recorded": (1.0, False),
}
"""Test set by name: share of random word strings, and whether the clips are degraded."""


def measure(folder: Path, *, num_clips: int, seed: int) -> dict[str, Any]:
    """Returns word error rates, verification areas and thresholds of an exported model.

    Args:
        folder: The exported model folder.
        num_clips: Clips of the main test set; the others are half as large, full windows a quarter.
        seed: Seed of the held-out sentences, voices and effects.
    """
    torch_model = WhisperForConditionalGeneration.from_pretrained(folder / "transformers").float().eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    full_model = WhisperModel(str(folder), device="cpu", cpu_threads=1)
    errors: dict[str, dict[str, float]] = {}
    for number, (name, (random_share, is_degraded)) in enumerate(_SETS.items()):
        count = max(2, num_clips // (1 if number == 0 else 2))
        clips = draw_clips(count, seed + number, random_share=random_share, is_degraded=is_degraded)
        full = clips[: max(2, count // 4)]
        errors[name] = {
            "clips": float(count),
            "fitted_greedy": greedy_word_error_rate(torch_model, tokenizer, clips),
            "full_clips": float(len(full)),
            "full_beam5": faster_whisper_word_error_rate(full_model, full),
            "full_beam5_timestamps": faster_whisper_word_error_rate(full_model, full, without_timestamps=False),
        }
    clips = draw_clips(2 * num_clips, seed + 10, random_share=0.0, is_degraded=False)
    fitted = verify(torch_model, tokenizer, clips, seed, num_faulty=min(200, num_clips))
    few = clips[: max(6, num_clips // 8)]
    whole = verify(torch_model, tokenizer, few, seed, num_faulty=max(3, num_clips // 16), is_full=True)
    return {
        "word_error_rate": errors,
        "areas": fitted.areas,
        "taken": fitted.taken,
        "thresholds": fitted.thresholds,
        "clean_clips": len(clips),
        "clean_median": {name: float(np.median(values)) for name, values in fitted.clean.items()},
        "clean_lowest": {name: float(np.min(values)) for name, values in fitted.clean.items()},
        "clean_any_below": float(
            np.mean(np.any([np.asarray(fitted.clean[name]) < fitted.thresholds[name] for name in STATISTICS], 0))
        ),
        "full_areas": whole.areas,
        "full_clean_median": {name: float(np.median(values)) for name, values in whole.clean.items()},
    }


def write_tables(figures: dict[str, Any]) -> str:
    """Returns the figures as Markdown tables."""
    errors = [
        [
            name,
            f"{row['clips']:.0f}",
            f"{row['fitted_greedy']:.1%}",
            f"{row['full_clips']:.0f}",
            f"{row['full_beam5']:.1%}",
            f"{row['full_beam5_timestamps']:.1%}",
        ]
        for name, row in figures["word_error_rate"].items()
    ]
    names = [name.replace("_logprob", "").replace("_", " ") for name in STATISTICS]
    areas = [
        [fault, *(f"{row[name]:.3f}" for name in STATISTICS), f"{row['no_speech_prob']:.3f}"]
        for fault, row in figures["areas"].items()
    ]
    full = [
        [fault, *(f"{row[name]:.3f}" for name in STATISTICS), f"{row['no_speech_prob']:.3f}"]
        for fault, row in figures["full_areas"].items()
    ]
    taken = [[fault, *(f"{row[name]:.0%}" for name in (*STATISTICS, "any"))] for fault, row in figures["taken"].items()]
    limits = [
        [name, *(f"{figures[key][name]:.3f}" for key in ("clean_median", "thresholds", "clean_lowest"))]
        for name in STATISTICS
    ]
    return "\n".join(
        [
            make_table(
                [
                    "unseen sentences, unseen voices",
                    "clips",
                    "fitted, greedy",
                    "clips",
                    "full, beam 5",
                    "same, timestamps",
                ],
                errors,
            ),
            "ROC-AUC on fitted windows:\n",
            make_table(["fault", *names, "no speech"], areas),
            "ROC-AUC on full windows:\n",
            make_table(["fault", *names, "no speech"], full),
            f"Thresholds from {figures['clean_clips']} true pairs:\n",
            make_table(["statistic", "median", "0.5 % lie below", "lowest"], limits),
            f"True pairs below any threshold: {figures['clean_any_below']:.1%}. Faults taken:\n",
            make_table(["fault", *names, "any"], taken),
        ]
    )
