"""What the caption analysis measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="caption.vagueness",
        description="How little the caption says: 0 identifies its image, 1 fits any image and has no content "
        "words. Based on the model and the words; on the words alone where the model cannot judge.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption.entropy",
        description="How evenly the caption fits the other images of the set: 0 only one of them, 1 all equally; "
        "about 0.5 for a specific caption of this set.",
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
        description="How little the words say: few and general words, a file name, or boilerplate that is used "
        "for many images.",
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
        description="How surely the caption is outside what the model knows: it says something, but in "
        "words that the model does not know or does not understand.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
)
