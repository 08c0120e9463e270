"""Vague captions: told from specific ones and from wrong ones, by the caption analysis and by simpler ways."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.quality_parts.figures import Counts, count, roc_auc
from scripts.benchmarks.quality_parts.images import MODELS, NEAR_SHARE, PRODUCT
from scripts.benchmarks.quality_parts.pairs import Pool
from scripts.benchmarks.quality_parts.sets import STYLES, Planted, Recipe, plant
from scripts.benchmarks.quality_parts.stored import available, run_analyses, to_shards
from scripts.synthetic.captions import Claim, holds

Log = Callable[[str], None]
Floats = NDArray[np.float64]

VAGUE_SHARE = 0.1
SHUFFLED_SHARE = 0.1
_SAMPLE = 200
_FITS_MANY = 0.5
"""A caption that is true of this share of the set's pictures is vague, whoever planted it."""


@dataclass(slots=True, kw_only=True)
class VagueOutcome:
    """One way on one set."""

    size: int
    style: str
    model: str
    seed: int
    method: str
    against_specific: float
    """ROC-AUC, vague against true captions that are not vague."""
    against_misaligned: float
    """ROC-AUC, vague against wrong captions that are not vague."""
    counts: Counts
    """The flag, vague against all others; all zero where a way has no limit of its own."""
    flagged_wrong: float
    """Share of the wrong captions that are flagged as vague."""
    rank_correlation: float
    """Spearman's, between the score and the share of the set's pictures that the caption is true of."""


def measure(
    pool_of: Callable[[int, int], Pool], sizes: Sequence[int], seeds: Sequence[int], log: Log
) -> list[VagueOutcome]:
    """Return the outcomes on sets with 10 % vague and 10 % wrong captions."""
    outcomes = []
    for size in sizes:
        for model in MODELS:
            for style in STYLES:
                for seed in seeds:
                    recipe = Recipe(
                        size=size,
                        style=style,
                        shuffled=SHUFFLED_SHARE,
                        vague=VAGUE_SHARE,
                        near=NEAR_SHARE,
                        blur=MODELS[model],
                    )
                    rng = random.Random(f"vague-{seed}-{recipe}")
                    outcomes += _judge(plant(pool_of(seed, size), recipe, rng), recipe, model, seed)
                log(f"captions: {size} rows, {style}, {model}")
    return outcomes


def _judge(planted: Planted, recipe: Recipe, model: str, seed: int) -> list[VagueOutcome]:
    from scipy.stats import spearmanr

    fitting = share_fitting(planted, random.Random(seed))
    vague = fitting >= _FITS_MANY
    wrong = (planted.fault == "shuffled") & ~vague
    sound = (planted.fault == "") & ~vague
    shards = to_shards(planted, with_words=True)
    words = np.array([len(caption.split()) for caption in planted.captions()], dtype=np.float64)
    texts = np.concatenate([shard.tables["caption_text"]["specificity"].to_numpy() for shard in shards])
    scores: dict[str, tuple[Floats, NDArray[np.bool_] | None]] = {
        "few words": (-words, None),
        "specificity of the words alone < 0.35": (-texts, texts < 0.35),
        "low cosine": (-planted.cosine.astype(np.float64), None),
    }
    if available("caption"):
        judged = run_analyses(shards, available("repetition", "caption"))
        flagged = np.array([any("vague" in code for code in found) for found in judged.codes])
        scores = {PRODUCT: (judged.values["caption.vagueness"], flagged), **scores}
    outcomes = []
    for method, (badness, flag) in scores.items():
        taken = np.zeros(len(planted), dtype=bool) if flag is None else flag
        known = np.isfinite(badness)
        outcomes.append(
            VagueOutcome(
                size=recipe.size,
                style=recipe.style,
                model=model,
                seed=seed,
                method=method,
                against_specific=roc_auc(badness[vague | sound], vague[vague | sound]),
                against_misaligned=roc_auc(badness[vague | wrong], vague[vague | wrong]),
                counts=Counts() if flag is None else count(taken, vague),
                flagged_wrong=float(taken[wrong].mean()) if wrong.any() else float("nan"),
                rank_correlation=float(spearmanr(badness[known], fitting[known]).statistic),
            )
        )
    return outcomes


def share_fitting(planted: Planted, rng: random.Random) -> Floats:
    """Return the share of the set's pictures that each caption is true of, [n]; estimated on 200 pictures."""
    rows = rng.sample(range(len(planted)), min(_SAMPLE, len(planted)))
    scenes = [planted.pool.told[planted.picture[row]].scene for row in rows]

    @cache
    def share(claim: Claim) -> float:
        return sum(holds(claim, scene) for scene in scenes) / len(scenes)

    return np.array([share(planted.claim(row)) for row in range(len(planted))])
