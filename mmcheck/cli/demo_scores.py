"""The demo: the bundled dataset with planted faults, scanned with the bundled models and held against the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mmcheck.api import Run
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import KIND_OF, MEDIA, PAIR_KINDS
from mmcheck.core.types import Action

CLEAN = "(clean)"
"""Name of the row for pairs without a planted fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultScore:
    """What became of the pairs with one planted fault (or of the clean ones)."""

    fault: str
    """Name of the fault; ``(clean)`` for pairs without one."""
    modality: str
    """Name of the kind of pair."""
    planted: int
    """Pairs with this fault."""
    quarantined: int
    """Of these, in quarantine."""
    flagged: int
    """Of these, flagged."""
    unchecked: int
    """Of these, not measured."""

    @property
    def taken(self) -> int:
        """Return how many were not simply kept."""
        return self.quarantined + self.flagged + self.unchecked


def demo_manifests(data: Path) -> list[str]:
    """Return the manifests of a folder made by ``scripts/make_demo_data.py``.

    Raises:
        ManifestError: If it holds none.
    """
    found = [data / "image-caption" / "metadata.jsonl", data / "audio-transcript" / "manifest.jsonl"]
    present = [str(path) for path in found if path.is_file()]
    if not present:
        raise ManifestError(
            f"{data} holds neither image-caption/metadata.jsonl nor audio-transcript/manifest.jsonl.",
            hint="make one with scripts/make_demo_data.py --seed 1 --out DIR.",
        )
    return present


def read_truth(data: Path) -> dict[str, str | None]:
    """Return sample id -> planted fault (None: clean) from ``truth.jsonl``.

    Raises:
        ManifestError: If the file is missing or broken.
    """
    file = data / "truth.jsonl"
    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
        return {row["id"]: row["fault"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{file} cannot be read: {error}.", hint="it holds one id and fault a line.") from error


def score_run(run: Run, truth: Mapping[str, str | None]) -> list[FaultScore]:
    """Hold the verdicts of a run against the truth; one row a fault and modality, clean pairs first.

    Raises:
        ManifestError: If the truth misses a sample of the run.
    """
    table = run.samples().to_arrow().select(["id", *MEDIA, "action"]).to_pylist()
    counts: dict[tuple[str, str], dict[str, int]] = {}
    names = list(KIND_OF)
    for row in table:
        if row["id"] not in truth:
            raise ManifestError(f"truth.jsonl does not name the sample {row['id']!r}.")
        modality = next((kind.name for kind in reversed(PAIR_KINDS) if row[kind.medium] is not None), names[0])
        tally = counts.setdefault((modality, truth[row["id"]] or CLEAN), {})
        tally[row["action"]] = tally.get(row["action"], 0) + 1
    order = sorted(counts, key=lambda key: (names.index(key[0]), key[1] != CLEAN, key[1]))
    return [
        FaultScore(
            fault=fault,
            modality=modality,
            planted=sum(counts[modality, fault].values()),
            quarantined=counts[modality, fault].get(Action.QUARANTINE, 0),
            flagged=counts[modality, fault].get(Action.FLAG, 0),
            unchecked=counts[modality, fault].get(Action.UNCHECKED, 0),
        )
        for modality, fault in order
    ]


def scores_to_json(scores: Sequence[FaultScore]) -> list[dict[str, object]]:
    """Return plain records of ``scores``."""
    return [asdict(score) for score in scores]
