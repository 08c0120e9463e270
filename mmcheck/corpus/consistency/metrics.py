"""What the consistency analysis measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="consistency.caption_conflict",
        description="How much the caption contradicts others of the same or a near-duplicate image: 0 says the "
        "same or fits as well, 1 differs from them, and fits as badly, as a random caption would.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="consistency.transcript_conflict",
        description="Median word error rate of the transcript against other transcripts of the same recording.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="consistency.unlike_images",
        description="How different the images that share this caption are: 0 for the same image, 1 for images as "
        "different as random ones of the set.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="consistency.breadth",
        description="How much broader (above 0) or narrower (below 0) the caption is than those of the ten most "
        "similar images, in robust standard deviations.",
    ),
)
