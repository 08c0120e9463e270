"""Sets of real recordings, judged by the product's own analyses and all rules of the default preset."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from mmcheck.core.types import Measurement, Status
from mmcheck.corpus.base import ANALYSES
from mmcheck.store.schema import samples_to_table
from scripts.benchmarks.quality_parts.stored import SHARD_SIZE, Judged, MemoryShard, run_analyses, to_table
from scripts.benchmarks.real_parts.measured import Measured
from scripts.benchmarks.real_parts.planting import CLEAN, RIGHT_NAMES

FAULTY_SHARE = 0.1
"""Share of a set's recordings that get a fault."""
_NO_FINDINGS = frozenset({"unjudged", "unmeasured"})
"""Rules that say that nothing can be said."""


@dataclass(slots=True, kw_only=True)
class FaultTally:
    """What became of the rows with one fault in sets that are otherwise clean."""

    rows: int = 0
    found: int = 0
    """With a finding, which flags or quarantines where it is not outdone by `unchecked`."""
    named: int = 0
    """Those of them with a finding whose rule names the fault."""
    quarantined: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    """Rule -> rows."""


def judge_clean(rows: Sequence[Measured]) -> dict[str, FaultTally]:
    """Return what becomes of clean rows in a set of nothing else, by language."""
    judged = judge(rows)
    found = {"all": FaultTally()}
    for at, one in enumerate(rows):
        for name in ("all", one.planted.clip.language):
            _add(found.setdefault(name, FaultTally()), judged, at, ())
    return found


def judge_faults(rows: Sequence[Measured]) -> dict[str, FaultTally]:
    """Return what becomes of each faulty row, once, in sets of which a tenth of the rows has a fault of any kind."""
    clean = [one for one in rows if one.planted.fault == CLEAN]
    faulty = [one for one in rows if one.planted.fault != CLEAN]
    found: dict[str, FaultTally] = {}
    for chosen in deal(faulty, max(1, round(FAULTY_SHARE * len(clean)))):
        by_clip = {one.planted.clip.id: one for one in chosen}
        drawn = [by_clip.get(one.planted.clip.id, one) for one in clean]
        judged = judge(drawn)
        for at, one in enumerate(drawn):
            fault = one.planted.fault
            _add(found.setdefault(fault, FaultTally()), judged, at, RIGHT_NAMES.get(fault, ()))
    return found


def deal(faulty: Sequence[Measured], most: int) -> list[list[Measured]]:
    """Return the faulty rows in groups, each row once, in no group two of one recording."""
    order = list(faulty)
    random.Random("deal").shuffle(order)
    groups: list[dict[str, Measured]] = []
    for one in order:
        name = one.planted.clip.id
        for group in groups:
            if len(group) < most and name not in group:
                group[name] = one
                break
        else:
            groups.append({name: one})
    return [list(group.values()) for group in groups]


def judge(rows: Sequence[Measured]) -> Judged:
    """Return what the product's analyses and all rules of the preset say about a set."""
    return run_analyses(to_shards(rows), ANALYSES.names(), with_all_rules=True)


def to_shards(rows: Sequence[Measured]) -> list[MemoryShard]:
    """Return rows as the tables that a scan would have stored."""
    shards = []
    for start in range(0, len(rows), SHARD_SIZE):
        part = rows[start : start + SHARD_SIZE]
        samples = [one.planted.clip.sample(text=one.planted.text, language=one.planted.language) for one in part]
        tables = {
            "media": to_table("media", [one.media for one in part]),
            "transcript_text": to_table("transcript_text", [one.text for one in part]),
            "transcript": to_table("transcript", [one.transcript for one in part]),
            "transcript_null": to_table("transcript_null", [one.null or _not_sampled(one) for one in part]),
        }
        shards.append(MemoryShard(samples_to_table(samples, start), tables))
    return shards


def _not_sampled(one: Measured) -> Measurement:
    return Measurement(
        sample_id=one.planted.clip.id, probe="transcript_null", status=Status.NOT_APPLICABLE, reason="not sampled"
    )


def _add(tally: FaultTally, judged: Judged, at: int, right: Sequence[str]) -> None:
    action = judged.actions[at]
    rules = {code.partition(".")[0] for code in judged.codes[at]}
    tally.rows += 1
    tally.found += bool(rules - _NO_FINDINGS)
    tally.quarantined += action == "quarantine"
    tally.named += bool(rules & set(right))
    for rule in sorted(rules):
        tally.codes[rule] = tally.codes.get(rule, 0) + 1
