"""Wrong transcripts: verification against transcribe-and-compare, fault by fault, and the speech analysis' codes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.types import Measurement, MediaRef, Sample, Status
from mmcheck.metrics.text_normalization import normalize
from mmcheck.metrics.verification import find_doubts
from mmcheck.metrics.word_alignment import align_texts
from mmcheck.probe.transcript_values import alignment_values
from mmcheck.store.schema import samples_to_table
from scripts.benchmarks.quality_parts.clips import ALIGNED, Pair
from scripts.benchmarks.quality_parts.figures import Counts, count, recall_at, roc_auc
from scripts.benchmarks.quality_parts.stored import (
    SHARD_SIZE,
    MemoryShard,
    available,
    make_measurement,
    preset,
    run_analyses,
    to_table,
)

Log = Callable[[str], None]

VERIFIED = {
    "mean": "mean_log_prob",
    "worst word": "worst_word_log_prob",
    "last words": "tail_log_prob",
    "end of text": "end_log_prob",
}
"""Verification statistics by their short titles; low is suspicious."""
SURPRISE = "surprise"
"""The most surprising token against what the model expected in its place; high is suspicious."""
COMBINED = "verification"
"""Together: the least of the worst word's, twice the ending's and twice the last words' log-probability. Nats need no
scale; deviations in units of the set's own spread are worse, since aligned endings hardly spread at all. The weights
were chosen on clips of seeds 8001 to 8003, which the bench does not use."""
RATES = {"-WER": "wer", "-CER": "cer"}
WER_LIMIT = 0.1
LIMIT = 0.5
"""Probability from which a fault counts as found."""
FAULT_SHARES = (0.0, 0.1, 0.2)
DRAWS = 5
"""Sets drawn from the clips of one seed."""
ONE_WORD = "one word substituted"
_FALSE_ALARMS = 0.05


@dataclass(slots=True, kw_only=True)
class Areas:
    """ROC-AUC of one fault against the aligned clips of the same seed, by score."""

    seed: int
    fault: str
    """A planted fault, or `pooled`."""
    areas: dict[str, float]
    recall: dict[str, float]
    """Share found where 5 % of the aligned ones are taken."""
    wer_limit: float
    """Share found by WER above 10 %."""
    wer_false: float
    """Share of aligned clips with WER above 10 %."""


@dataclass(slots=True, kw_only=True)
class SpeechSet:
    """What the speech analysis found in one set."""

    seed: int
    share: float
    """Share of planted faults."""
    counts: dict[str, Counts]
    """`any finding` and each code -> counts over all faults."""
    by_fault: dict[str, dict[str, int]] = field(default_factory=dict)
    """Fault (and ALIGNED) -> `rows`, `any` and code -> rows."""
    wer_counts: Counts = field(default_factory=Counts)
    """The same rows by WER above 10 %."""


def measure(
    pairs_of: Callable[[int], list[Pair]], seeds: Sequence[int], log: Log
) -> tuple[list[Areas], list[SpeechSet]]:
    """Return areas by fault and score, and what the analysis finds in sets with few faults."""
    areas: list[Areas] = []
    sets: list[SpeechSet] = []
    for seed in seeds:
        pairs = pairs_of(seed)
        areas += _areas(pairs, seed)
        if available("speech"):
            for share in FAULT_SHARES:
                for draw in range(DRAWS):
                    sets.append(_speech_set(pairs, share, seed, random.Random(f"speech-{seed}-{share}-{draw}")))
        log(f"audio: seed {seed}, {len(pairs)} pairs")
    return areas, sets


def _areas(pairs: Sequence[Pair], seed: int) -> list[Areas]:
    aligned = [pair for pair in pairs if pair.fault == ALIGNED]
    faults = list(dict.fromkeys(pair.fault for pair in pairs if pair.fault != ALIGNED))
    scores = _scores(pairs)
    index = {id(pair): at for at, pair in enumerate(pairs)}
    sound = [index[id(pair)] for pair in aligned]
    wer = scores["-WER"]
    rows = []
    for fault in [*faults, "pooled"]:
        faulty = [
            at for at, pair in enumerate(pairs) if pair.fault == fault or (fault == "pooled" and at not in set(sound))
        ]
        truth = np.array([False] * len(sound) + [True] * len(faulty))
        rows.append(
            Areas(
                seed=seed,
                fault=fault,
                areas={name: roc_auc(score[sound + faulty], truth) for name, score in scores.items()},
                recall={name: recall_at(score[sound], score[faulty], _FALSE_ALARMS) for name, score in scores.items()},
                wer_limit=float((wer[faulty] > WER_LIMIT).mean()),
                wer_false=float((wer[sound] > WER_LIMIT).mean()),
            )
        )
    return rows


def _scores(pairs: Sequence[Pair]) -> dict[str, NDArray[np.float64]]:
    """Return each score's badness of every pair."""
    return score_values([pair.values for pair in pairs])


def score_values(rows: Sequence[Mapping[str, float]]) -> dict[str, NDArray[np.float64]]:
    """Return each score's badness of every row, [n]; NaN where a row lacks the figure.

    Args:
        rows: Short metric names of the transcript probe -> value, with `wer` and `cer`.
    """
    nan = float("nan")
    names = (*VERIFIED.values(), *RATES.values())
    values = {name: np.array([row.get(name, nan) for row in rows]) for name in names}
    least = np.minimum(values["worst_word_log_prob"], 2 * values["end_log_prob"])
    found = {title: -values[name] for title, name in VERIFIED.items()}
    if all("max_surprise" in row for row in rows):
        found[SURPRISE] = np.array([row["max_surprise"] for row in rows])
    found[COMBINED] = -np.minimum(least, 2 * values["tail_log_prob"])
    return found | {title: values[name] for title, name in RATES.items()}


def draw_set(pairs: Sequence[Pair], share: float, rng: random.Random) -> list[Pair]:
    """Return one pair a clip: aligned, or, for the given share of clips, with a fault; faults in like numbers."""
    by_clip: dict[int, dict[str, Pair]] = {}
    for pair in pairs:
        by_clip.setdefault(pair.clip, {})[pair.fault] = pair
    faults = [fault for fault in dict.fromkeys(pair.fault for pair in pairs) if fault != ALIGNED]
    clips = list(by_clip)
    usable = [clip for clip in clips if len(by_clip[clip]) > 1]
    faulty = rng.sample(usable, min(round(share * len(clips)), len(usable)))
    start = rng.randrange(len(faults))
    planted = {clip: faults[(start + at) % len(faults)] for at, clip in enumerate(faulty)}
    return [by_clip[clip][planted.get(clip, ALIGNED)] for clip in clips]


def _speech_set(pairs: Sequence[Pair], share: float, seed: int, rng: random.Random) -> SpeechSet:
    rows = draw_set(pairs, share, rng)
    judged = run_analyses(to_shards(rows), available("alignment", "speech"))
    truth = np.array([pair.fault != ALIGNED for pair in rows])
    taken: dict[str, NDArray[np.bool_]] = {}
    for name, values in judged.values.items():
        if name.startswith("speech."):
            taken[name.partition(".")[2]] = np.nan_to_num(values, nan=0.0) > LIMIT
    taken = {"any finding": np.any(list(taken.values()), axis=0), **taken}
    by_fault: dict[str, dict[str, int]] = {}
    for at, pair in enumerate(rows):
        tally = by_fault.setdefault(pair.fault, {})
        for name in ("rows", *(code for code, mask in taken.items() if mask[at])):
            tally[name] = tally.get(name, 0) + 1
    wer = np.array([pair.values["wer"] > WER_LIMIT for pair in rows])
    return SpeechSet(
        seed=seed,
        share=share,
        counts={code: count(mask, truth) for code, mask in taken.items()},
        by_fault=by_fault,
        wer_counts=count(wer, truth),
    )


def to_shards(rows: Sequence[Pair]) -> list[MemoryShard]:
    """Return pairs as the tables that a scan would have stored, transcribed only where the preset would transcribe."""
    limits = preset().probes.transcript.uncertain.model_dump()
    shards = []
    for start in range(0, len(rows), SHARD_SIZE):
        part = rows[start : start + SHARD_SIZE]
        samples = [_sample(start + at, pair) for at, pair in enumerate(part)]
        media, transcripts, nulls = [], [], []
        for sample, pair in zip(samples, part, strict=True):
            values = {name: value for name, value in pair.values.items() if name not in RATES.values()}
            evidence: dict[str, Any] = {"words": pair.words, "transcribed": False, "language": "en"}
            if find_doubts(values, limits):
                said, heard = normalize(pair.text, "en"), normalize(pair.hypothesis, "en")
                alignment = align_texts(said, heard, is_scriptio_continua=False)
                values |= alignment_values(alignment, is_scriptio_continua=False)
                steps = [[unit.kind, unit.reference, unit.hypothesis] for unit in alignment.units]
                evidence |= {"transcribed": True, "hypothesis": pair.hypothesis, "alignment": steps}
            transcripts.append(make_measurement(sample.id, "transcript", values, evidence=evidence))
            nulls.append(_null(sample.id, pair))
            length = {"duration": pair.seconds, "chars_per_second": len(pair.text) / max(pair.seconds, 0.1)}
            media.append(make_measurement(sample.id, "media", length))
        tables = {
            name: to_table(name, found)
            for name, found in (("media", media), ("transcript", transcripts), ("transcript_null", nulls))
        }
        shards.append(MemoryShard(samples_to_table(samples, start), tables))
    return shards


def _null(sample_id: str, pair: Pair) -> Measurement:
    if pair.null:
        return make_measurement(sample_id, "transcript_null", pair.null, evidence=pair.null_evidence)
    return Measurement(sample_id=sample_id, probe="transcript_null", status=Status.NOT_APPLICABLE, reason="not sampled")


def _sample(row: int, pair: Pair) -> Sample:
    name = f"clip-{row:05d}"
    return Sample(
        id=name,
        manifest="/data/clips.jsonl",
        row_number=row + 1,
        own_id=True,
        audio=MediaRef(uri=f"/data/audio/{name}.wav"),
        transcript=pair.text,
        language="en",
        row={"id": name, "audio_filepath": f"audio/{name}.wav", "text": pair.text},
    )
