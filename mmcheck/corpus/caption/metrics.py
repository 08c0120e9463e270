"""What the caption analysis measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="caption.vagueness",
        description="How little the caption says: 0 singles its images out, 1 fits any image and has no content "
        "words. From the model and the words together; from the words alone where the model cannot judge.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption.entropy",
        description="How evenly the caption fits the other images of the set: 0 one of them, 1 all alike; about "
        "0.5 for a specific caption of this set.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption.spread",
        description="Standard deviation of the caption's cosines over the other images, divided by that of a "
        "specific caption of this set.",
        low=0,
        higher_is_better=True,
    ),
    Metric(
        name="caption.lexical_vagueness",
        description="How little the words say: few and general words, a file name, or boilerplate that stands "
        "with many images.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption.num_fitting_images",
        description="Number of the set's other images that the caption fits about equally well (an estimate from "
        "a sample of them).",
        unit="image",
        low=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption.unverifiable",
        description="How surely the caption is outside the model's world: it says something, but the model has no "
        "words for it or makes nothing of them.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
)
