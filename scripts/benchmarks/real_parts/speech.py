"""Real recordings judged by the product: clean, with planted faults, and with texts moved on in rings."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.quality_parts.audio import COMBINED, score_values
from scripts.benchmarks.quality_parts.figures import Counts, count
from scripts.benchmarks.real_parts.intervals import area, area_interval
from scripts.benchmarks.real_parts.measured import Measured, Setting, measure_pairs
from scripts.benchmarks.real_parts.mixing import choose_clips, draw_rings, shift_ring, thin
from scripts.benchmarks.real_parts.planting import CLEAN, FAULTS, plant_all
from scripts.benchmarks.real_parts.recordings import RealClip
from scripts.benchmarks.real_parts.speech_judging import FaultTally, judge, judge_clean, judge_faults

Log = Callable[[str], None]
Floats = NDArray[np.float64]

SHARES = (0.0, 0.02, 0.15, 0.40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    clips: int | None = None
    """Recordings, drawn evenly; None: all."""
    faults: int = 5
    """Faults of each recording."""
    seeds: int = 20
    """Sets for each share of moved texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """ROC-AUC of one score for one fault, against the clean pairs of all recordings."""

    fault: str
    score: str
    area: float
    low: float
    high: float
    num_faulty: int
    num_clean: int


@dataclass(slots=True, kw_only=True)
class RingOutcome:
    """One set with moved texts."""

    seed: int
    share: float
    planted: float
    """Share of rows with another clip's text."""
    rows: int
    counts: Counts
    """Quarantined rows."""
    flagged: Counts
    """Quarantined or flagged rows."""
    told: float | None
    low: float | None
    high: float | None


@dataclass(slots=True, kw_only=True)
class SpeechOutcome:
    """All about one Whisper."""

    setting: Setting
    num_clips: int
    areas: list[Area] = field(default_factory=list)
    clean: dict[str, FaultTally] = field(default_factory=dict)
    """Language -> what became of its rows in the clean set; `all` are all of them."""
    faults: dict[str, FaultTally] = field(default_factory=dict)
    """Fault, and CLEAN for the other rows of the same sets."""
    rings: list[RingOutcome] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return asdict(self)


def measure(
    setting: Setting,
    clips: Sequence[RealClip],
    translations: Mapping[str, str],
    sizes: Sizes,
    cache_dir: Path,
    log: Log,
) -> SpeechOutcome:
    """Return what one Whisper and the product make of the recordings.

    Args:
        setting: Which Whisper.
        clips: All recordings of the data.
        translations: Clip id -> English text.
        sizes: How much.
        cache_dir: Folder of the results.
        log: Called with a line of progress.

    Raises:
        NoRealDataError: If weights are absent.
    """
    usable = choose_clips(clips, setting.model, None)
    chosen = choose_clips(clips, setting.model, sizes.clips)
    ids = {clip.id for clip in chosen}
    planted = plant_all(usable, translations, english_only=setting.model.endswith(".en"))
    # Thinned before clips are left out, so that more clips need nothing anew of the first ones.
    planted = [pair for pair in thin(planted, sizes.faults) if pair.clip.id in ids]
    rings = [ring for ring in draw_rings(usable) if all(clip.id in ids for clip in ring)]
    moved = [pair for ring in rings for pair in shift_ring(ring)]
    place = {clip.id: at for at, clip in enumerate(chosen)}
    # One recording after the other, in the common order: a run that is stopped has measured the first ones.
    asked = sorted([*planted, *moved], key=lambda pair: place[pair.clip.id])
    texts = [(clip.text, clip.language) for clip in usable]
    measured = measure_pairs(setting, asked, cache_dir, log, texts=texts)
    by_pair = {id(pair): one for pair, one in zip(asked, measured, strict=True)}
    own = [by_pair[id(pair)] for pair in planted]
    clean = [one for one in own if one.planted.fault == CLEAN]
    outcome = SpeechOutcome(setting=setting, num_clips=len(chosen))
    outcome.areas = find_areas(own)
    outcome.clean = judge_clean(clean)
    log(f"{setting.title}: clean set judged")
    outcome.faults = judge_faults(own)
    log(f"{setting.title}: sets with faults judged")
    ring_rows = {pair.clip.id: by_pair[id(pair)] for pair in moved}
    names = [[clip.id for clip in ring] for ring in rings]
    outcome.rings = judge_rings(clean, ring_rows, names, range(1, sizes.seeds + 1))
    log(f"{setting.title}: sets with moved texts judged")
    return outcome


def find_areas(rows: Sequence[Measured]) -> list[Area]:
    """Return the area of each score for each fault."""
    scores = score_values([{**one.transcript.values, **one.rates} for one in rows])
    faults = np.array([one.planted.fault for one in rows])
    found = []
    for fault in (name for name in FAULTS if name in faults):
        for score, badness in scores.items():
            sound, faulty = badness[faults == CLEAN], badness[faults == fault]
            low, high = area_interval(sound, faulty) if score in (COMBINED, "-CER") else (float("nan"),) * 2
            found.append(
                Area(
                    fault=fault,
                    score=score,
                    area=area(sound, faulty),
                    low=low,
                    high=high,
                    num_faulty=len(faulty),
                    num_clean=len(sound),
                )
            )
    return found


def judge_rings(
    clean: Sequence[Measured], moved: Mapping[str, Measured], rings: Sequence[Sequence[str]], seeds: Sequence[int]
) -> list[RingOutcome]:
    """Return what the product finds in sets in which whole rings have moved texts.

    Args:
        clean: One row a recording.
        moved: Clip id -> its row with the moved text.
        rings: Clip ids of each ring.
        seeds: Each draws its own rings; the set without any is judged once.
    """
    found = []
    for share in SHARES:
        for seed in seeds if share else seeds[:1]:
            chosen = draw_share(rings, round(share * len(clean)), random.Random(f"moved-{share}-{seed}"))
            drawn = [moved[one.planted.clip.id] if one.planted.clip.id in chosen else one for one in clean]
            judged = judge(drawn)
            faulty = np.array([one.planted.fault != CLEAN for one in drawn])
            actions = np.array(judged.actions)
            told = judged.summaries["alignment"].get("audio") or {}
            found.append(
                RingOutcome(
                    seed=seed,
                    share=share,
                    planted=float(faulty.mean()),
                    rows=len(drawn),
                    counts=count(actions == "quarantine", faulty),
                    flagged=count((actions == "quarantine") | (actions == "flag"), faulty),
                    told=told.get("share"),
                    low=told.get("share_low"),
                    high=told.get("share_high"),
                )
            )
    return found


def draw_share(rings: Sequence[Sequence[str]], wanted: int, rng: random.Random) -> set[str]:
    """Return the ids of whole rings, drawn until as many as wanted are reached as nearly as rings allow."""
    order = list(rings)
    rng.shuffle(order)
    chosen: set[str] = set()
    for ring in order:
        if abs(len(chosen) + len(ring) - wanted) < abs(len(chosen) - wanted):
            chosen |= set(ring)
    return chosen
