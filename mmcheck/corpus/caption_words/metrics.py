"""What the analysis of captions' words measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="caption_words.wrong_word",
        description="Probability that one word of the caption is wrong (a colour, a number, a noun, a place): another "
        "word of the set in its place fits the image better, compared with wrong words planted in the set itself. "
        "Pairs that are probably mismatched as a whole have none.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption_words.score",
        description="What that probability is based on: the evidence against the weakest word and the pair's cosine, "
        "weighed by how well each finds planted words in this set. Larger is worse.",
        higher_is_better=False,
    ),
    Metric(
        name="caption_words.known_words",
        description="Words of the caption that occur often enough in the set to be judged.",
        unit="word",
        low=0,
        higher_is_better=True,
    ),
)
