"""What the repetition analysis measures."""

from __future__ import annotations

from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Metric

METRICS = (
    *(
        Metric(
            name=f"repetition.{kind.text}_count",
            description=f"Number of different {kind.media_noun} in the run that have this {kind.text_noun} (1: it is "
            "unique).",
            unit=kind.medium_noun,
            low=1,
            higher_is_better=False,
        )
        for kind in PAIR_KINDS
    ),
    Metric(
        name="repetition.media_count",
        description="Number of places in the run with exactly these bytes (1: they are unique).",
        unit="file",
        low=1,
        higher_is_better=False,
    ),
    Metric(
        name="repetition.media_order",
        description="Which of the equal files with this text (or with none) this is, by the names of the rows "
        "(1: the first, the one with the shortest). The same bytes with another caption are one image with several "
        "captions.",
        unit="1",
        low=1,
        higher_is_better=False,
    ),
    Metric(
        name="repetition.captions_of_image",
        description="Number of different captions that exactly this image has in the run.",
        unit="caption",
        low=1,
    ),
    Metric(
        name="repetition.pair_count",
        description="Number of rows in the run with exactly this medium and text (1: the pair is unique).",
        unit="row",
        low=1,
        higher_is_better=False,
    ),
    Metric(
        name="repetition.pair_order",
        description="Which of the equal pairs this row is, by the names of the rows (1: the first).",
        unit="1",
        low=1,
        higher_is_better=False,
    ),
)
