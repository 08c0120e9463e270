"""What the consistency analysis measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="consistency.caption_conflict",
        description="How much the caption contradicts the others of the same or a near-duplicate image: 0 says "
        "the same or fits as well, 1 is as unlike them, and fits as badly, as a random caption.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="consistency.transcript_conflict",
        description="Median word error rate of the transcript against the others of the same recording.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="consistency.unlike_images",
        description="How unlike the images that share this caption are: 0 the same image, 1 as unlike as random "
        "images of the set.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="consistency.breadth",
        description="How much broader (above 0) or narrower (below) the caption is than those of the ten most "
        "like images, in robust standard deviations.",
    ),
)
