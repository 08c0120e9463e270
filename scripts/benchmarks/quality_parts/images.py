"""Wrong image-caption pairs: the product's alignment analysis and rules against simpler ways, on planted sets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.quality_parts import baselines
from scripts.benchmarks.quality_parts.figures import Counts, best_threshold, calibration, count, roc_auc
from scripts.benchmarks.quality_parts.pairs import Pool
from scripts.benchmarks.quality_parts.sets import STYLES, Planted, Recipe, plant
from scripts.benchmarks.quality_parts.stored import available, run_analyses, to_shards

Bools = NDArray[np.bool_]
Log = Callable[[str], None]

PRODUCT = "mmcheck"
RATES = (0.0, 0.02, 0.1, 0.4)
NEAR_SHARE = 0.05
MODELS = {"bundled": 0.0, "weak": 1.0}
"""Blur of each model's embeddings: the bundled model knows this world too well, so a weaker one is made of it."""
SETS = {50: 6, 300: 3}
"""Sets a seed of the small sizes, whose single sets say little."""
_POSTERIOR, _SCORE = "alignment.image_posterior", "alignment.image_score"
_TUNED_SIZES = (300, 3000)
_TUNED_RATES = (0.05, 0.1)
"""LEMoN's grid is searched on one set a seed of these, for its cost."""
HUGE = 5000
"""Sets with more rows share their pictures, and few seeds of them say enough."""
HUGE_SEEDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Sets that are alike but for chance."""

    size: int
    style: str
    model: str
    shuffled: float
    attribute: float = 0.0

    @property
    def recipe(self) -> Recipe:
        """What to plant."""
        return Recipe(
            size=self.size,
            style=self.style,
            shuffled=self.shuffled,
            attribute=self.attribute,
            near=NEAR_SHARE,
            blur=MODELS[self.model],
        )


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What one way found in one set."""

    setting: Setting
    seed: int
    method: str
    auc: float
    counts: Counts
    taken: float
    """Share of all rows that were taken."""
    details: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return the outcome fit for JSON."""
        return {
            **asdict(self.setting),
            **{name: getattr(self, name) for name in ("seed", "method", "auc", "taken")},
        } | {
            "counts": asdict(self.counts),
            "details": self.details,
        }


def settings(sizes: Sequence[int], *, quick: bool = False) -> list[Setting]:
    """Return the settings to be measured; at 20,000 rows only what shows that size changes nothing."""
    found = []
    for size in sizes:
        is_huge = size > HUGE
        for model in MODELS:
            for style in STYLES:
                if (is_huge or quick) and (model == "weak") != (style == "specific"):
                    continue
                found += [Setting(size=size, style=style, model=model, shuffled=rate) for rate in RATES]
                if size >= 300:
                    found.append(Setting(size=size, style=style, model=model, shuffled=0.05, attribute=0.05))
    return found


def measure(
    pool_of: Callable[[int, int], Pool], plan: Sequence[Setting], seeds: Sequence[int], log: Log, *, jobs: int = 1
) -> list[Outcome]:
    """Return the outcomes of all ways on all sets, in the order of plan and seeds.

    Args:
        pool_of: Gives the pool for a seed and a size.
        plan: Settings.
        seeds: Each gives its own pictures (up to HUGE rows) and its own faults.
        log: Called with a line of progress.
        jobs: Processes.
    """
    tasks = [(setting, seed) for setting in plan for seed in (seeds[:HUGE_SEEDS] if setting.size > HUGE else seeds)]
    if jobs == 1:
        return [outcome for task in tasks for outcome in _measure_one(pool_of, log, *task)]
    for setting, seed in tasks:
        pool_of(seed, setting.size)  # before the processes part, so that all of them share it
    _Shared.pool_of, _Shared.log = pool_of, log
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as processes:
        # The longest ones first, or the last of them would run alone.
        order = sorted(range(len(tasks)), key=lambda at: -tasks[at][0].size)
        found = dict(zip(order, processes.map(_measure_shared, [tasks[at] for at in order]), strict=True))
    return [outcome for at in range(len(tasks)) for outcome in found[at]]


class _Shared:
    """What processes inherit, since it cannot be sent to them."""

    pool_of: Callable[[int, int], Pool]
    log: Log


def _measure_shared(task: tuple[Setting, int]) -> list[Outcome]:
    return _measure_one(_Shared.pool_of, _Shared.log, *task)


def _measure_one(pool_of: Callable[[int, int], Pool], log: Log, setting: Setting, seed: int) -> list[Outcome]:
    pool = pool_of(seed, setting.size)
    outcomes: list[Outcome] = []
    for number in range(SETS.get(setting.size, 1)):
        rng = random.Random(f"images-{seed}-{number}-{setting}")
        outcomes += _judge(plant(pool, setting.recipe, rng), setting, seed, is_first=number == 0)
    log(f"images: {setting.size} rows, {setting.style}, {setting.model}, {setting.shuffled:.0%} shuffled, seed {seed}")
    return outcomes


def _judge(planted: Planted, setting: Setting, seed: int, *, is_first: bool) -> Iterator[Outcome]:
    faulty = planted.fault != ""
    cosine = planted.cosine

    def outcome(method: str, badness: NDArray[Any], taken: Bools, **details: Any) -> Outcome:
        only = {
            f"auc_{fault}": roc_auc(
                badness[~faulty | (planted.fault == fault)], faulty[~faulty | (planted.fault == fault)]
            )
            for fault in ("shuffled", "attribute")
        }
        return Outcome(
            setting=setting,
            seed=seed,
            method=method,
            auc=roc_auc(badness, faulty),
            counts=count(taken, faulty),
            taken=float(taken.mean()),
            details={**only, **details},
        )

    if available("alignment"):
        badness, taken, details = _product(planted, faulty)
        yield outcome(PRODUCT, badness, taken, **details)
    yield outcome("cosine < 0.28", -cosine, cosine < baselines.PUBLISHED_COSINE)
    yield outcome("top 30 %", -cosine, cosine < np.quantile(cosine, 1 - baselines.KEPT_SHARE))
    mixture = baselines.two_gaussians(cosine)
    error, bins = calibration(mixture, faulty)
    yield outcome("two Gaussians", mixture, mixture > 0.5, share=float(mixture.mean()), ece=error, bins=bins)
    if not faulty.any():
        return
    image, text = planted.image.astype(np.float32), planted.text.astype(np.float32)
    yield outcome("cosine, best cut (oracle)", -cosine, -cosine >= best_threshold(-cosine, faulty))
    score = baselines.lemon(image, text, baselines.LemonOptions())
    yield outcome("LEMoN, best cut (oracle)", score, score >= best_threshold(score, faulty))
    if is_first and setting.size in _TUNED_SIZES and setting.shuffled in _TUNED_RATES:
        score, options = baselines.lemon_oracle(image, text, faulty)
        chosen = score >= best_threshold(score, faulty)
        yield outcome("LEMoN, tuned and cut (oracle)", score, chosen, options=asdict(options))


def _product(planted: Planted, faulty: Bools) -> tuple[NDArray[np.float64], Bools, dict[str, Any]]:
    """Return badness (the score behind the posterior, which ranks where posteriors are all but 0), verdict, details."""
    judged = run_analyses(to_shards(planted), ("alignment",))
    posterior = judged.values[_POSTERIOR]
    taken = np.array([action == "quarantine" for action in judged.actions])
    flagged = np.array([action in ("quarantine", "flag") for action in judged.actions])
    error, bins = calibration(posterior, faulty)
    found = judged.summaries["alignment"].get("image") or {}
    details: dict[str, Any] = {"ece": error, "bins": bins, "unknown": float(np.isnan(posterior).mean())}
    details["flagged"] = asdict(count(flagged, faulty))
    details |= {key: value for key, value in found.items() if isinstance(value, str | int | float)}
    return -judged.values[_SCORE], taken, details
