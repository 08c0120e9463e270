"""What the image_text probe measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="image_text.similarity",
        description="cosine of the image's and the caption's embedding; the mean over windows of a long caption",
        low=-1.0,
        high=1.0,
        higher_is_better=True,
    ),
    Metric(
        name="image_text.worst_similarity",
        description="cosine of the caption's worst window; equal to the similarity if there is one window",
        low=-1.0,
        high=1.0,
        higher_is_better=True,
    ),
    Metric(
        name="image_text.num_windows",
        description="windows that the caption was cut into; more than 1 if it is longer than the context",
        unit="window",
        low=1.0,
    ),
    Metric(
        name="image_text.num_tokens",
        description="tokens of the caption for this model, special tokens not counted",
        unit="token",
        low=1.0,
    ),
    Metric(
        name="image_text.unknown_token_ratio",
        description="share of the caption's tokens that the model does not know; absent if that cannot be told",
        low=0.0,
        high=1.0,
        higher_is_better=False,
    ),
)
