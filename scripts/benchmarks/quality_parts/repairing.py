"""The product's repair, run over a planted set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.repair.constants import MIN_CONFIDENCE
from mmcheck.repair.scores import EmbeddingScores
from mmcheck.repair.search import FileRows, propose_repairs
from scripts.benchmarks.quality_parts.sets import Planted
from scripts.benchmarks.quality_parts.stored import run_analyses, to_shards


@dataclass(frozen=True, slots=True)
class Proposed:
    """What repair proposes."""

    proposals: list[tuple[int, int]]
    """Row and the row whose caption it should get."""
    blocks: list[tuple[int, int]]
    """First row and one past the last of each displaced block."""


def propose(planted: Planted) -> Proposed:
    """Return the product's proposals for a set, those that `mmcheck repair` shows without being asked for more."""
    size = len(planted)
    posterior = run_analyses(to_shards(planted), ("alignment",)).values["alignment.image_posterior"]
    everywhere = np.ones(size, dtype=bool)
    scores = EmbeddingScores(planted.image, planted.text, everywhere, everywhere)
    captions = planted.captions()

    def keys() -> dict[str, list[str | None]]:
        return {"the path": [f"/data/images/row-{row:06d}.jpg" for row in range(size)], "the text": list(captions)}

    file = FileRows(name="rows.jsonl", rows=np.arange(size), numbers=np.arange(1, size + 1), keys=keys)
    plan = propose_repairs(scores, [file], kind=IMAGE_CAPTION, posterior=posterior.astype(np.float32))
    return Proposed(
        proposals=[(one.row, one.source) for one in plan.proposals if one.confidence >= MIN_CONFIDENCE],
        blocks=[(one.first_row - 1, one.last_row) for one in plan.explanations],
    )
